"""Random forests on latents, one a question, in a folder that holds no pickle."""

__all__ = ["FOREST", "Forest", "Forests", "fit_forest", "sharpened"]

import os
import re
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn.ensemble import RandomForestClassifier

from galkeras.io.errors import GalkerasError
from galkeras.io.files import atomic_path, atomic_write, sha256_of, write_json
from galkeras.latents.table import LatentTable
from galkeras.morphology.forest_file import read_forest, write_forest
from galkeras.morphology.logistic import fit_multinomial
from galkeras.morphology.settings import FOREST
from galkeras.morphology.shares import VoteShares
from galkeras.morphology.stacked import StackedForest, held_out, stacked
from galkeras.morphology.stored import FORESTS_FILE, StoredForest, StoredForests, read_description

TRAINED_FILE = "trained.txt"
_ROWS = 4096
# Trees between two looks at how far a forest is.
_GROWN = 50


def fit_forest(
    z: np.ndarray,
    target: np.ndarray,
    seed: int,
    trees: int | None = None,
    tick: Callable[[int], object] | None = None,
    *,
    groups: np.ndarray | None = None,
    paper: bool = False,
) -> StackedForest:
    """Fit a forest of `FOREST` on all cores; the result depends on the seed and not on the cores.

    It reads latents and the log probabilities of a logistic regression, which for the galaxies that it learns from are
    those of a regression that did not see them. Where a class has less than ten galaxies it reads the latents alone.

    Args:
        z: (rows, latent_dim) latents.
        target: (rows,) classes.
        seed: Seed of the bootstrap, of the features tried at each split, and of the sides of the regression.
        trees: How many trees; by default those of `FOREST`.
        tick: Called with how many trees have been grown since last; the forest is the same.
        groups: (rows,) the galaxy of each row, where one may have several.
        paper: Read the latents alone, as the paper's forests do.
    """
    _, index = np.unique(target, return_inverse=True)
    said = None if paper else held_out(z, index, groups, seed)
    linear = None if said is None else fit_multinomial(z, index)
    features = z if said is None else stacked(z, said)
    settings = FOREST | ({} if trees is None else {"n_estimators": trees})
    total = settings["n_estimators"]
    forest = RandomForestClassifier(**settings, random_state=seed, n_jobs=-1, warm_start=True)
    with warnings.catch_warnings():
        # That weights would be those of other rows: they are the same all along.
        warnings.filterwarnings("ignore", "class_weight presets", UserWarning)
        for grown in range(0, total, _GROWN):
            upto = min(grown + _GROWN, total)
            forest.set_params(n_estimators=upto).fit(features, target)
            if tick is not None:
                tick(upto - grown)
    return StackedForest(forest.set_params(n_jobs=None, warm_start=False), linear)


@dataclass(frozen=True, eq=False)
class Forest:
    """The forest of one question.

    Attributes:
        title: The question as people read it.
        classes: Class names; the columns of the probabilities.
        counts: On how many rows of each class it was fitted.
        classifier: The forest itself, whose classes are the indices 0, 1, … into ``classes``.
        power: The power that its probabilities are raised to (`galkeras.morphology.sharpening`), 1 to leave them.
    """

    title: str
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    classifier: StackedForest
    power: float = 1.0

    def probabilities(self, z: np.ndarray) -> np.ndarray:
        """Return (rows, classes) float64 probabilities, sharpened, of (rows, latent_dim) latents.

        The same latents give the same bits on any number of cores: rows are shared out, and not trees, whose sum
        would depend on the order in which they finish.
        """
        chunks = [z[start : start + _ROWS] for start in range(0, len(z), _ROWS)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return sharpened(np.concatenate(list(pool.map(self.classifier.predict_proba, chunks))), self.power)


def sharpened(probabilities: np.ndarray, power: float) -> np.ndarray:
    """Return (rows, classes) probabilities raised to ``power`` and normalised; which is largest stays."""
    if power == 1:
        return probabilities
    raised = probabilities**power
    return raised / raised.sum(-1, keepdims=True)


@dataclass(frozen=True, eq=False)
class Forests:
    """The forests that were fitted on one model's latents.

    As a folder: ``forests.json`` and one skops file a question. skops stores arrays and the names of known types,
    and loading it runs no code of the file's.

    Attributes:
        model: The digest of the model whose latents they read.
        latent_dim: Number of latents.
        views: Over how many views those latents were averaged.
        seed: Seed of the split and of the forests.
        by_question: Name of the question to its forest.
        latent_mean: (latent_dim,) means of the latents of all galaxies that were given: what an outlier is far from.
        latent_std: (latent_dim,) their standard deviations.
        trained: Names of the galaxies that some forest was fitted on, in ``trained.txt``; None where that is not known.
        votes: How latents tell the shares of volunteers' votes, None where none were learned from.
    """

    model: str
    latent_dim: int
    views: int
    seed: int
    by_question: dict[str, Forest]
    latent_mean: tuple[float, ...]
    latent_std: tuple[float, ...]
    trained: frozenset[str] | None = None
    votes: VoteShares | None = None

    @property
    def paper(self) -> bool:
        """Whether all read the latents alone, as the paper's do."""
        return all(forest.classifier.linear is None for forest in self.by_question.values())

    def check(self, latents: LatentTable) -> None:
        """Raise a `GalkerasError` if the latents are not of the model and kind that the forests were fitted on."""
        if latents.model != self.model:
            raise GalkerasError(
                f"the forests were fitted on latents of model {self.model[:12]}, and these are of model "
                f"{latents.model[:12]}: encode with that model, or run classify again"
            )
        if latents.latent_dim != self.latent_dim:
            raise GalkerasError(f"the forests need {self.latent_dim} latents, and the table has {latents.latent_dim}")
        if latents.views != self.views:
            raise GalkerasError(
                f"the forests were fitted on latents averaged over {self.views} views, and these are over "
                f"{latents.views}: do `encode(views={self.views})`"
            )

    def save(self, folder: str | Path) -> None:
        """Write the folder: an old ``forests.json`` goes first and the new one comes last, so none is a mix."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FORESTS_FILE).unlink(missing_ok=True)
        for old in folder.glob("*.skops"):
            old.unlink()
        (folder / TRAINED_FILE).unlink(missing_ok=True)
        checksum = None
        if self.trained is not None:
            atomic_write(folder / TRAINED_FILE, "".join(f"{galaxy}\n" for galaxy in sorted(self.trained)))
            checksum = sha256_of(folder / TRAINED_FILE)
        questions = {}
        for name, forest in self.by_question.items():
            file = folder / f"{re.sub(r'[^A-Za-z0-9_-]+', '_', name)}.skops"
            with atomic_path(file) as temporary:
                write_forest(temporary, forest.classifier.trees)
            questions[name] = StoredForest(
                file.name,
                sha256_of(file),
                forest.title,
                forest.classes,
                forest.counts,
                forest.power,
                forest.classifier.linear,
            )
        stored = StoredForests(
            sklearn=sklearn.__version__,
            model=self.model,
            latent_dim=self.latent_dim,
            views=self.views,
            seed=self.seed,
            latent_mean=self.latent_mean,
            latent_std=self.latent_std,
            questions=questions,
            trained_sha256=checksum,
            votes={} if self.votes is None else self.votes.questions,
        )
        write_json(folder / FORESTS_FILE, stored.to_json())

    @classmethod
    def load(cls, folder: "str | Path | Forests | Any") -> "Forests":
        """Read a folder that `save` wrote; whatever is wrong with it is a `GalkerasError` that names the file.

        What `classify` returned has the forests with it, and forests stay.
        """
        fitted = folder if isinstance(folder, Forests) else getattr(folder, "fitted", None)
        if fitted is not None:
            return fitted
        folder, stored = Path(folder), read_description(folder)
        by_question = {
            name: _load(folder, question, stored.latent_dim, stored.sklearn)
            for name, question in stored.questions.items()
        }
        return cls(
            model=stored.model,
            latent_dim=stored.latent_dim,
            views=stored.views,
            seed=stored.seed,
            by_question=by_question,
            latent_mean=stored.latent_mean,
            latent_std=stored.latent_std,
            trained=_read_trained(folder, stored.trained_sha256),
            votes=VoteShares(stored.votes) if stored.votes else None,
        )


def _read_trained(folder: Path, checksum: str | None) -> frozenset[str] | None:
    """Return the names in `TRAINED_FILE`, None for forests of before it was written."""
    if checksum is None:
        return None
    file = _sound(folder / TRAINED_FILE, checksum)
    return frozenset(file.read_text(encoding="utf-8").split("\n")[:-1])


def _load(folder: Path, question: StoredForest, latent_dim: int, version: str) -> Forest:
    file = _sound(folder / question.file, question.sha256)
    beside = 0 if question.linear is None else len(question.classes)
    trees = read_forest(file, latent_dim + beside, len(question.classes), version)
    classifier = StackedForest(trees, question.linear)
    return Forest(question.title, question.classes, question.trained_on, classifier, question.power)


def _sound(file: Path, checksum: str) -> Path:
    """Return the file; one that is missing, or is not what was written, is a `GalkerasError`."""
    if not file.is_file():
        raise GalkerasError(f"{file} is missing")
    if sha256_of(file) != checksum:
        raise GalkerasError(f"{file} is damaged: its checksum is not the one in {FORESTS_FILE}. Run classify again")
    return file
