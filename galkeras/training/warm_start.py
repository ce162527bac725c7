"""Starting from the weights of a model that was fitted before."""

__all__ = ["load_start", "start_from", "stretch_of"]

from pathlib import Path
from typing import Any

from galkeras.backend import keras
from galkeras.io.errors import GalkerasError
from galkeras.models.folder import load_model
from galkeras.models.vae import VAE
from galkeras.records.schema import RecordSet
from galkeras.training.options import FitOptions

# Those that a new model must take over, and those that it takes over where it has them alike.
_NETWORKS = ("encoder", "decoder")
_BESIDE = ("feature_decoder", "feature_noise", "vote_head", "pixel_loss")


def load_start(
    path: str | Path,
    options: FitOptions,
    side: int,
    records: RecordSet,
    questions: tuple[tuple[str, tuple[str, ...]], ...],
) -> VAE:
    """Return the model at ``path`` if a fit of these options can start from it.

    Args:
        path: A model folder that `fit` wrote.
        options: What is chosen of the fit.
        side: That the new network works at.
        records: What is to be fitted.
        questions: Whose votes the new model learns from.

    Raises:
        GalkerasError: There is no such model, or it is another network; the message names every option to give. Or it
            learned from votes that the new one is not to learn from: its latents know them all the same.
    """
    old = load_model(path)
    if old.roles:
        raise GalkerasError(f"{path} is adapted to other surveys: start from a model that `fit` wrote")
    differ = [
        f"`{name}={getattr(old.config, attribute)}`"
        for name, attribute, value in (
            ("architecture", "architecture", options.architecture),
            ("latent_dim", "latent_dim", options.latent_dim),
            ("image_size", "network_size", side),
        )
        if getattr(old.config, attribute) != value
    ]
    if differ:
        raise GalkerasError(f"to start from {path} the network must be as that model's: give {', '.join(differ)}")
    if records.units != old.config.units or len(records.bands) != len(old.config.bands):
        raise GalkerasError(
            f"{records.path} has {len(records.bands)} bands of {records.units}, and {path} was fitted to"
            f" {len(old.config.bands)} of {old.config.units}: start from a model of such images, or anew"
        )
    if old.config.questions and old.config.questions != questions:
        names = ", ".join(name for name, _ in old.config.questions)
        raise GalkerasError(
            f"{path} learned from votes ({names}), which its latents know: give a `catalog` of the same questions"
        )
    return old


def start_from(model: VAE, old: VAE, path: str | Path) -> None:
    """Set the weights of a new ``model`` to those of ``old``, as far as both have them."""
    for name in (*_NETWORKS, *_BESIDE):
        mine, its = getattr(model, name, None), getattr(old, name, None)
        if not (isinstance(mine, keras.layers.Layer) and isinstance(its, keras.layers.Layer)):
            continue
        if [weight.shape for weight in mine.weights] == [weight.shape for weight in its.weights]:
            mine.set_weights(its.get_weights())
        elif name in _NETWORKS:
            raise GalkerasError(f"the {name} of {path} has weights of other shapes than a new one: start anew")


def stretch_of(old: VAE) -> dict[str, Any]:
    """Return ``softening`` and ``ceiling`` of a model: weights mean something of images that are stretched so alone."""
    return {"softening": old.config.softening, "ceiling": old.config.ceiling}
