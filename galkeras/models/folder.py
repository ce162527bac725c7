"""Model folders: ``config.json`` and weights. Nothing in them is ever executed or deserialised as an object."""

__all__ = [
    "CONFIG_FILE",
    "WEIGHTS_FILE",
    "finish_folder",
    "load_model",
    "read_weights",
    "write_config",
    "write_weights",
]

from dataclasses import replace
from pathlib import Path
from typing import Any

from galkeras.backend import keras, tf
from galkeras.io.calls import Call
from galkeras.io.checksums import seal_file, sealed_about
from galkeras.io.errors import GalkerasError
from galkeras.io.files import atomic_path, sha256_of
from galkeras.models.adapters import ADAPTERS
from galkeras.models.config import ModelConfig
from galkeras.models.stored import CONFIG_FILE, WEIGHTS_FILE, StoredModel
from galkeras.models.vae import VAE


def load_model(path: str | Path | VAE) -> VAE:
    """Rebuild the fitted model in folder ``path`` from its config and load its weights; a model that is loaded stays.

    Raises:
        GalkerasError: The folder is missing, holds no finished model, or its files do not fit each other.
    """
    if isinstance(path, VAE):
        return path
    path = Path(path)
    stored = StoredModel.load(path)
    model_class = ADAPTERS[stored.kind] if stored.adapted else VAE
    config = model_class.config_class.from_json(stored.model)
    weights = path / WEIGHTS_FILE
    if not weights.is_file():
        raise GalkerasError(f"{path} holds no finished model: {WEIGHTS_FILE} is missing. Go on with `fit(resume=True)`")
    if stored.weights_sha256 is not None and stored.weights_sha256 != sha256_of(weights):
        raise GalkerasError(
            f"{weights} is damaged: its SHA-256 is not the one that {CONFIG_FILE} holds. Take both from a copy"
        )
    model = _built(model_class, config, path)
    model.path, model.learned_from = path, stored.learned_from
    try:
        model.load_weights(weights)
    except Exception as error:  # h5py and Keras raise many kinds
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise GalkerasError(f"{weights} does not hold the weights of {path / CONFIG_FILE}: {reason}") from None
    return model


def _built(model_class: Any, config: ModelConfig, path: Path) -> VAE:
    try:
        return model_class(config)
    except (MemoryError, tf.errors.ResourceExhaustedError):
        raise GalkerasError(f"{path / CONFIG_FILE} describes a model that is larger than memory") from None


def write_config(path: Path, config: ModelConfig, training: dict[str, Any], call: Call | None = None) -> None:
    """Write ``config.json``: what the model is, how it is trained, and how that was asked for."""
    StoredModel(config.kind, config.to_json(), training, call=call).save(path)


def write_weights(path: Path, model: keras.Model, about: dict[str, Any] | None = None) -> None:
    """Write a checkpoint atomically: the weights of ``model`` and its optimizer, a checksum, what is said about it."""
    with atomic_path(path) as temporary:
        model.save_weights(temporary)
        seal_file(temporary, about or {})


def read_weights(path: Path, model: keras.Model) -> dict[str, Any]:
    """Load a checkpoint that `write_weights` wrote, and return what was said about it.

    Raises:
        GalkerasError: It is damaged, or of another model.
    """
    if not path.is_file():
        raise GalkerasError(f"{path} is missing, or no file. Start again in another `out`")
    about = sealed_about(path)
    try:
        model.load_weights(path)
    except Exception as error:  # h5py and Keras raise many kinds
        raise GalkerasError(f"{path} cannot be loaded: {error}. Start again in another `out`") from None
    return about or {}


def finish_folder(path: Path, model: keras.Model, history_sha256: str | None = None) -> None:
    """Write the weights that finish a model folder, and before them their checksum into its ``config.json``."""
    with atomic_path(path / WEIGHTS_FILE) as temporary:
        model.save_weights(temporary)
        checksums = {"history_sha256": history_sha256, "weights_sha256": sha256_of(temporary)}
        stored = replace(StoredModel.load(path), **checksums)
        stored.save(path)
    model.path, model.learned_from = path, stored.learned_from
