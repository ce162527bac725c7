"""``config.json`` of a model folder, written and read without TensorFlow."""

__all__ = ["CONFIG_FILE", "WEIGHTS_FILE", "StoredModel"]

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from galkeras.io.calls import Call
from galkeras.io.errors import GalkerasError
from galkeras.io.files import write_json
from galkeras.io.typed import from_json, read_typed
from galkeras.models.adapters import ADAPTERS
from galkeras.models.config import ModelConfig

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.weights.h5"
_FORMAT = 1
_COMMANDS = "fit` or `galkeras adapt"


@dataclass(frozen=True)
class StoredModel:
    """What ``config.json`` of a model folder says.

    Attributes:
        kind: ``vae``, or one of `galkeras.models.adapters.ADAPTERS`.
        model: The settings that rebuild the model, as JSON values; the config class of its kind knows them.
        training: How it is trained, as JSON values; `galkeras.training.stored.read_training` knows them.
        history_sha256: Checksum of the history of a finished model; models from before it was written have none.
        weights_sha256: Checksum of its weights, likewise.
        call: How it was made, likewise.
    """

    kind: str
    model: dict[str, Any]
    training: dict[str, Any]
    history_sha256: str | None = None
    weights_sha256: str | None = None
    call: Call | None = None

    def __post_init__(self) -> None:
        kinds = (ModelConfig.kind, *ADAPTERS)
        if self.kind not in kinds:
            raise ValueError(f"`kind` must be one of {', '.join(kinds)}. Received: {self.kind!r}")
        self.questions, self.learned_from  # noqa: B018  their making checks them
        surveys, sets = self.model.get("surveys"), 2 + len(self.training.get("more_targets", ()))
        if "target_records" in self.training and isinstance(surveys, list | tuple) and len(surveys) != sets:
            raise ValueError(f"`model.surveys` must be those of {sets} record sets. Received: {surveys!r:.80}")

    @classmethod
    def load(cls, folder: str | Path) -> "StoredModel":
        """Read what `save` wrote; a file that is missing, damaged or foreign is a `GalkerasError` that names it."""
        path = Path(folder) / CONFIG_FILE
        if not path.exists():
            raise GalkerasError(f"{folder} is not a model folder: it holds no {CONFIG_FILE}")
        return read_typed(path, cls, _COMMANDS, _FORMAT)

    def save(self, folder: str | Path) -> None:
        """Write ``config.json``."""
        said = {name: value for name, value in asdict(self).items() if value is not None}
        write_json(Path(folder) / CONFIG_FILE, {"format": _FORMAT, **said})

    @property
    def adapted(self) -> bool:
        """Whether it is a model of several surveys, made by `adapt`."""
        return self.kind != ModelConfig.kind

    @property
    def learned_from(self) -> frozenset[str]:
        """Digests of the record sets that it learned from."""
        first = (str(self.training[name]) for name in ("records", "target_records") if name in self.training)
        more = from_json(tuple[str, ...], self.training.get("more_targets", []), "training.more_targets")
        return frozenset((*first, *more))

    @property
    def questions(self) -> dict[str, tuple[str, ...]]:
        """What people were asked and the model learned from, by name with the answers; as `ModelConfig.questions`."""
        return dict(
            from_json(tuple[tuple[str, tuple[str, ...]], ...], self.model.get("questions", []), "model.questions")
        )
