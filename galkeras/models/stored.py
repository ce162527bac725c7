"""``config.json`` of a model folder, read without TensorFlow."""

__all__ = ["CONFIG_FILE", "FORMAT", "WEIGHTS_FILE", "read_config"]

from pathlib import Path
from typing import Any

from galkeras.io.errors import GalkerasError
from galkeras.io.files import read_json
from galkeras.models.adapters import ADAPTERS
from galkeras.models.config import ModelConfig

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.weights.h5"
FORMAT = 1


def read_config(path: str | Path) -> dict[str, Any]:
    """Return the checked ``config.json`` of a model folder: ``kind``, ``model``, ``training``."""
    path = Path(path)
    if not (path / CONFIG_FILE).exists():
        raise GalkerasError(f"{path} is not a model folder: it holds no {CONFIG_FILE}")
    value = read_json(path / CONFIG_FILE)
    if not isinstance(value, dict) or value.get("format") != FORMAT or "model" not in value:
        raise GalkerasError(f"{path / CONFIG_FILE} is not a model's: `format` must be {FORMAT}")
    for name in ("model", "training"):
        if not isinstance(value.get(name), dict):
            raise GalkerasError(f"{path / CONFIG_FILE}: `{name}` must be an object. Received: {value.get(name)!r:.40}")
    kinds = (ModelConfig.kind, *ADAPTERS)
    if value.get("kind") not in kinds:
        raise GalkerasError(
            f"{path / CONFIG_FILE}: `kind` must be one of {', '.join(kinds)}. Received: {value.get('kind')!r}"
        )
    return value
