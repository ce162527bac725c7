"""What a served model says of itself."""

__all__ = ["DESCRIPTION_FILE", "description"]

from typing import Any

from galkeras import __version__
from galkeras.models.vae import VAE
from galkeras.morphology.forests import Forests

DESCRIPTION_FILE = "model.json"
"""Name of the description among a SavedModel's assets; the signature ``describe`` answers with the same."""


def description(
    model: VAE, name: str, version: int, domains: tuple[str, ...], forests: Forests | None
) -> dict[str, Any]:
    """Return, as JSON values, all that a client must know to ask a model and to understand its answers.

    ``domains`` are the ends of the names of what there is once a survey, in the order of the surveys.
    """
    config = model.config
    asked = forests.by_question if forests else {}
    return {
        "galkeras": __version__,
        "name": name,
        "version": version,
        "model": model.digest,
        "latent_dim": config.latent_dim,
        "input": {
            "image_size": config.image_size,
            "bands": list(config.bands),
            "row_0": "south",
            "units": config.units,
            "pixel_scale": config.pixel_scale,
            "preparation": config.to_json()["preparation"],
            "surveys": list(config.surveys),
        },
        "stretch": {"softening": config.softening, "ceiling": config.ceiling, "data_range": model.stretch.DATA_RANGE},
        "domains": list(domains),
        "votes": bool(config.questions),
        "views": forests.views if forests else 1,
        "questions": {
            question: {"title": forest.title, "classes": list(forest.classes)} for question, forest in asked.items()
        },
    }
