"""What a served model says of itself, written by `export` and read by `request`, which needs no TensorFlow."""

__all__ = ["DESCRIPTION_FILE", "Asked", "Description", "Input", "description"]

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from galkeras import __version__
from galkeras.io.typed import of_format
from galkeras.surveys.image import ImageSpec, Preparation

if TYPE_CHECKING:  # annotations alone: a client does not wait for TensorFlow and scikit-learn
    from galkeras.models.vae import VAE
    from galkeras.morphology.forests import Forests

DESCRIPTION_FILE = "model.json"
"""Name of the description among a SavedModel's assets; the signature ``describe`` answers with the same."""

_FORMAT = 1


@dataclass(frozen=True)
class Input:
    """The images that a served model takes; ``row_0`` says which side of the sky their first row is."""

    image_size: int
    bands: tuple[str, ...]
    units: str
    pixel_scale: float | None
    surveys: tuple[str, ...]
    row_0: str = "south"
    # Exported before it was written down: nothing is known of it.
    preparation: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self.images  # noqa: B018  its making checks size, units and bands

    @property
    def images(self) -> ImageSpec:
        """What cutouts must be made into."""
        return ImageSpec(
            self.image_size, self.units, self.bands, self.pixel_scale, Preparation.from_json(self.preparation)
        )


@dataclass(frozen=True)
class Asked:
    """A question that the forests of a served model answer."""

    title: str
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Description:
    """All that a client must know to ask a model and to understand its answers.

    Attributes:
        galkeras: The version that exported it.
        name: The model's name.
        version: Its number among the model's versions.
        model: The model's digest.
        latent_dim: N_L.
        input: The images that it takes.
        stretch: How it stretches them, for people: ``softening``, ``ceiling`` and ``data_range``.
        domains: The ends of the names of what there is once a survey, in the order of the surveys.
        views: Over how many views its latents are averaged.
        questions: What its forests answer, by name; empty without forests.
        votes: Whether it learned from votes.
    """

    galkeras: str
    name: str
    version: int
    model: str
    latent_dim: int
    input: Input
    stretch: dict[str, Any]
    domains: tuple[str, ...]
    views: int
    questions: dict[str, Asked]
    # Exported before models learned from votes: it did not.
    votes: bool = False

    def __post_init__(self) -> None:
        if not self.domains or not self.input.surveys:
            raise ValueError("`domains` and `input.surveys` must not be empty")

    @classmethod
    def from_text(cls, text: str | bytes) -> "Description":
        """Read what ``describe`` answers; what is no description is a ``ValueError`` that names the field."""
        return of_format(cls, json.loads(text), _FORMAT)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return {"format": _FORMAT, **asdict(self)}


def description(
    model: "VAE", name: str, version: int, domains: tuple[str, ...], forests: "Forests | None"
) -> Description:
    """Return what a model says of itself; ``domains`` and the others are as in `Description`."""
    config = model.config
    asked = forests.by_question if forests else {}
    return Description(
        galkeras=__version__,
        name=name,
        version=version,
        model=model.digest,
        latent_dim=config.latent_dim,
        input=Input(
            image_size=config.image_size,
            bands=config.bands,
            units=config.units,
            pixel_scale=config.pixel_scale,
            surveys=config.surveys,
            preparation=config.to_json()["preparation"],
        ),
        stretch={"softening": config.softening, "ceiling": config.ceiling, "data_range": model.stretch.DATA_RANGE},
        domains=domains,
        views=forests.views if forests else 1,
        questions={question: Asked(forest.title, forest.classes) for question, forest in asked.items()},
        votes=bool(config.questions),
    )
