"""``forests.json``: what a folder of forests says of itself."""

__all__ = ["FORESTS_FILE", "StoredForest", "StoredForests", "model_of", "read_description"]

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from galkeras import __version__
from galkeras.io.errors import GalkerasError
from galkeras.io.files import read_json
from galkeras.io.typed import of_format, read_typed
from galkeras.morphology.multinomial import Multinomial
from galkeras.morphology.shares import SharedQuestion, VoteShares

FORESTS_FILE = "forests.json"
"""Name of the file, which is written last."""

_FORMAT = 1


@dataclass(frozen=True)
class StoredForest:
    """The forest of one question, as the file describes it.

    Attributes:
        file: Name of its skops file in the folder.
        sha256: The checksum of that file.
        title: The question as people read it.
        classes: Class names; the columns of the probabilities.
        trained_on: On how many rows of each class it was fitted.
        power: The power that its probabilities are raised to.
        linear: The logistic regression whose log probabilities it reads behind the latents, None for none.
    """

    file: str
    sha256: str
    title: str
    classes: tuple[str, ...]
    trained_on: tuple[int, ...]
    # Folders of before there were powers have none.
    power: float = 1.0
    # As do those of before forests read more than latents.
    linear: Multinomial | None = None

    def __post_init__(self) -> None:
        if not 0 < self.power < math.inf:
            raise ValueError(f"`power` must be positive. Received: {self.power}")
        if Path(self.file).name != self.file:
            raise ValueError(f"`file` must be a name without a folder. Received: {self.file!r}")
        if len(self.trained_on) != len(self.classes):
            raise ValueError(f"`trained_on` must be {len(self.classes)} values. Received: {len(self.trained_on)}")
        if self.linear is not None and len(self.linear.bias) != len(self.classes):
            raise ValueError(f"`linear.bias` must be {len(self.classes)} values. Received: {len(self.linear.bias)}")


@dataclass(frozen=True)
class StoredForests:
    """The forests of one model's latents, as the file describes them.

    Attributes:
        sklearn: The version of scikit-learn that fitted them.
        model: The digest of the model whose latents they read.
        latent_dim: Number of latents.
        views: Over how many views those latents were averaged.
        seed: Seed of the split and of the forests.
        latent_mean: (latent_dim,) means of the latents of all galaxies.
        latent_std: (latent_dim,) their standard deviations.
        questions: Name of the question to its forest.
        trained_sha256: The checksum of the list of galaxies that forests were fitted on; None where there is no list.
        votes: Name of the question to how latents tell its votes; empty where no votes were learned from.
    """

    sklearn: str
    model: str
    latent_dim: int
    views: int
    seed: int
    latent_mean: tuple[float, ...]
    latent_std: tuple[float, ...]
    questions: dict[str, StoredForest]
    # Folders of before there was a list have none.
    trained_sha256: str | None = None
    # Folders of before votes were learned from have none.
    votes: dict[str, SharedQuestion] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("latent_mean", "latent_std"):
            values = getattr(self, name)
            if len(values) != self.latent_dim or not all(map(math.isfinite, values)):
                raise ValueError(f"`{name}` must be a finite number for each of {self.latent_dim} latents")
        VoteShares(self.votes)  # Its making checks how questions lead to each other.
        linear = {f"questions.{name}.linear": question.linear for name, question in self.questions.items()}
        for name, found in ({f"votes.{name}": question for name, question in self.votes.items()} | linear).items():
            if found is not None and len(found.weights[0]) != self.latent_dim:
                raise ValueError(f"`{name}.weights` must be of {self.latent_dim} latents")

    def to_json(self) -> dict[str, Any]:
        """Return what the file holds, as plain JSON values."""
        latents = [f"z_{index:02d}" for index in range(self.latent_dim)]
        return {"format": _FORMAT, "galkeras": __version__, **asdict(self), "latents": latents}


def read_description(folder: str | Path) -> StoredForests:
    """Return what a folder of forests says of itself.

    Raises:
        GalkerasError: It holds no ``forests.json``, or a damaged or foreign one; the error names the field.
    """
    file = Path(folder) / FORESTS_FILE
    if not file.exists():
        raise GalkerasError(f"{folder} is no folder of forests: it holds no {FORESTS_FILE}")
    value = read_json(file)
    try:
        return of_format(StoredForests, value, _FORMAT)
    except ValueError as error:
        raise GalkerasError(f"{file} does not describe forests: {error}") from None


@dataclass(frozen=True)
class _Origin:
    model: str


def model_of(folder: str | Path) -> str:
    """Return the digest of the model that a folder of forests belongs to, whatever else is in the folder.

    Raises:
        GalkerasError: There is no ``forests.json``, or one that names no model.
    """
    return read_typed(Path(folder) / FORESTS_FILE, _Origin, "classify", _FORMAT).model
