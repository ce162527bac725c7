"""How good a classification is, what chance would give, and how sure one can be."""

__all__ = ["INTERVALS", "Components", "Scores", "compare", "confusion_matrix", "measure", "score"]

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

INTERVALS = ("accuracy", "balanced_accuracy", "macro_f1")
"""The scores that come with a bootstrap interval."""

_RESAMPLES = 2000


@dataclass(frozen=True)
class Scores:
    """The scores of one question on rows that its forest did not see.

    Attributes:
        classes: Class names, in the order of the confusion matrix.
        confusion: Rows are the truth, columns the prediction.
        accuracy: Share of rows that are right.
        precision: Of the positive class where there are two classes, micro average (the accuracy) where there are
            more, which is how the paper's Table 3 reads; so are recall and f1.
        recall: See precision.
        f1: See precision.
        positive: The class that precision, recall and f1 speak of, None for the micro average.
        majority: Accuracy of always naming the class that was the largest in training.
        balanced_accuracy: Mean recall of the classes; chance gives 1 / classes.
        macro_f1: Mean F1 of the classes.
        intervals: For each name in `INTERVALS` the 2.5 % and 97.5 % bounds when galaxies are drawn again.
    """

    classes: tuple[str, ...]
    confusion: np.ndarray
    accuracy: float
    precision: float
    recall: float
    f1: float
    positive: str | None
    majority: float
    balanced_accuracy: float
    macro_f1: float
    intervals: dict[str, tuple[float, float]]

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return asdict(self) | {"confusion": self.confusion.tolist()}


@dataclass(frozen=True)
class Components:
    """What as many principal components of the pixels say, by forests on the same rows, and what latents add to it.

    Attributes:
        balanced_accuracy: That of the components.
        gain: That of the latents less it.
        interval: The 2.5 % and 97.5 % bounds of the gain when galaxies are drawn again, both judged on the same draw.
    """

    balanced_accuracy: float
    gain: float
    interval: tuple[float, float]


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Count (truth, prediction) pairs of class indices: an int64 (classes, classes) array, rows the truth."""
    return np.bincount(truth * classes + predicted, minlength=classes**2).reshape(classes, classes)


def measure(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Return accuracy, balanced accuracy and macro F1 of confusion matrices.

    A class that is nowhere in the truth has no recall and is left out of the balanced accuracy; one that is in
    neither truth nor prediction is left out of the macro F1.

    Args:
        confusion: (..., classes, classes) counts, rows the truth.

    Returns:
        Arrays of shape (...) by name.
    """
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    truth, predicted = confusion.sum(-1), confusion.sum(-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = right / truth
        f1 = 2 * right / (truth + predicted)
    return {
        "accuracy": right.sum(-1) / truth.sum(-1),
        "balanced_accuracy": np.nanmean(recall, -1),
        "macro_f1": np.nanmean(f1, -1),
    }


def score(
    truth: np.ndarray,
    predicted: np.ndarray,
    classes: Sequence[str],
    *,
    majority: np.ndarray,
    groups: np.ndarray,
    positive: str | None = None,
    seed: int = 0,
) -> Scores:
    """Score predictions.

    Args:
        truth: (rows,) indices into ``classes``.
        predicted: (rows,) likewise.
        classes: Class names.
        majority: (rows,) the class index that a classifier would name that knows only which was largest in
            training.
        groups: (rows,) the galaxy of each row. Intervals come from drawing galaxies, with all their rows.
        positive: The positive class where there are two, the last by default.
        seed: Seed of the bootstrap.
    """
    count = len(classes)
    confusion = confusion_matrix(truth, predicted, count)
    values = {name: float(value) for name, value in measure(confusion).items()}
    precision = recall = f1 = values["accuracy"]
    if count == 2:
        positive = positive or classes[-1]
        index = list(classes).index(positive)
        right, said, were = confusion[index, index], confusion[:, index].sum(), confusion[index].sum()
        precision, recall, f1 = (
            float(part / whole) if whole else 0.0
            for part, whole in ((right, said), (right, were), (2 * right, said + were))
        )
    return Scores(
        classes=tuple(classes),
        confusion=confusion,
        precision=precision,
        recall=recall,
        f1=f1,
        positive=positive if count == 2 else None,
        majority=float(np.mean(truth == majority)),
        intervals=_bootstrap(truth * count + predicted, groups, count, seed),
        **values,
    )


def compare(
    truth: np.ndarray,
    latents: np.ndarray,
    components: np.ndarray,
    classes: int,
    *,
    groups: np.ndarray,
    seed: int = 0,
) -> Components:
    """Compare the predictions from latents with those from principal components.

    Args:
        truth: (rows,) class indices.
        latents: (rows,) what forests on latents name.
        components: (rows,) what forests on components name.
        classes: How many classes there are.
        groups: (rows,) the galaxy of each row.
        seed: Seed of the bootstrap.
    """
    cells = np.stack([truth * classes + predicted for predicted in (latents, components)])
    (ours,), (theirs,) = (
        measure(confusion_matrix(truth, predicted, classes)[None])["balanced_accuracy"]
        for predicted in (latents, components)
    )
    resampled = measure(_resampled(cells, groups, classes, seed))["balanced_accuracy"]
    return Components(float(theirs), float(ours - theirs), _bounds(resampled[:, 0] - resampled[:, 1]))


def _bootstrap(cells: np.ndarray, groups: np.ndarray, classes: int, seed: int) -> dict[str, tuple[float, float]]:
    resampled = measure(_resampled(cells[None], groups, classes, seed)[:, 0])
    return {name: _bounds(resampled[name]) for name in INTERVALS}


def _bounds(values: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)


def _resampled(cells: np.ndarray, groups: np.ndarray, classes: int, seed: int) -> np.ndarray:
    """Draw galaxies with replacement, by drawing how often each distinct per-galaxy confusion matrix comes up.

    Args:
        cells: (ways, rows) cells of the confusion matrix of each way to predict, all judged on the same draws.
        groups: (rows,) the galaxy of each row.
        classes: How many classes there are.
        seed: Of the draws.

    Returns:
        (draws, ways, classes, classes) counts.
    """
    _, galaxy = np.unique(groups, return_inverse=True)
    per_galaxy = np.zeros((galaxy.max() + 1, len(cells), classes**2), np.int64)
    for way, cell in enumerate(cells):
        np.add.at(per_galaxy, (galaxy, way, cell), 1)
    patterns, counts = np.unique(per_galaxy.reshape(len(per_galaxy), -1), axis=0, return_counts=True)
    draws = np.random.default_rng(seed).multinomial(len(per_galaxy), counts / len(per_galaxy), _RESAMPLES)
    return (draws @ patterns).reshape(-1, len(cells), classes, classes)
