"""What adaptation does to classification: the paper's Table 4, with intervals and with forests left as they were."""

__all__ = ["COLUMNS", "QuestionRow", "Recovery", "mean_drop", "recovered", "table_4"]

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from astropy.table import Table
from sklearn.model_selection import StratifiedKFold

from galkeras.evaluation.shift import FOLDS
from galkeras.galaxyzoo.tree import LabelQuestion
from galkeras.galaxyzoo.trees import tree_of
from galkeras.io.errors import GalkerasError
from galkeras.latents.table import LatentTable
from galkeras.morphology.forests import Forest, Forests, fit_forest
from galkeras.morphology.scores import confusion_matrix, measure

COLUMNS = {
    "source before": "source, VAE as fitted, forests fitted on the source",
    "target before": "target, the same VAE and forests",
    "target after": "target, adapted model, forests fitted on its source latents",
    "source after": "source, the same",
    "target before, refitted": "target, VAE as fitted, forests fitted on the target",
    "target after, refitted": "target, adapted model, forests fitted on the target",
}
"""The columns of the table. The first four have forests that have seen source latents only."""

_RESAMPLES = 1000
_MINIMUM = 10


@dataclass(frozen=True)
class QuestionRow:
    """One question.

    Attributes:
        name: The question in the tree.
        title: As people read it.
        galaxies: How many tested galaxies have a label.
        classes: The classes they have, small ones left out.
        accuracy: Balanced accuracy by column of `COLUMNS`.
        interval: Its 95 % bootstrap interval, likewise.
        samples: (resamples,) bootstrapped balanced accuracies; those of the same number are of the same galaxies.
    """

    name: str
    title: str
    galaxies: int
    classes: tuple[str, ...]
    accuracy: dict[str, float]
    interval: dict[str, tuple[float, float]]
    samples: dict[str, np.ndarray]

    def to_json(self) -> dict[str, Any]:
        """Return all but the samples as plain JSON values."""
        return {
            "title": self.title,
            "galaxies": self.galaxies,
            "classes": list(self.classes),
            "balanced_accuracy": self.accuracy,
            "interval": {name: list(bounds) for name, bounds in self.interval.items()},
        }


@dataclass(frozen=True)
class Recovery:
    """How much of the drop from source to target is won back, over the questions.

    Attributes:
        questions: How many have all that is needed.
        drop: Mean over them of the balanced accuracy of *source before* less that of *target before*.
        drop_after: Of *source before* less *target after*.
        recovered: ``1 - drop_after / drop``.
        source_lost: Mean of *source before* less *source after*.
        interval: Of each of these four its 95 % bootstrap interval.
    """

    questions: int
    drop: float
    drop_after: float
    recovered: float | None = None
    source_lost: float | None = None
    interval: dict[str, tuple[float, float]] = field(default_factory=dict)


def table_4(
    tested: dict[str, LatentTable],
    learned: dict[str, LatentTable],
    forests: dict[str, Forests],
    catalog: Table,
    seed: int = 0,
    refit: bool = True,
) -> list[QuestionRow]:
    """Score forests on galaxies that neither they nor the models learned from.

    Args:
        tested: Latents of the held-out galaxies by ``source before``, ``target before``, ``source after``, ``target
            after`` (two of them where there is one model); all in the same order where they are pairs. Beside, by
            ``target before, NAME``, latents of the same target galaxies that something else was done to.
        learned: By the same names, latents of galaxies to fit forests on. Empty: forests are refitted by
            cross-validation on the tested galaxies, and those in ``forests`` are needed for the rest.
        forests: By ``before`` and ``after``, forests to use in place of fitting some on ``learned``.
        catalog: Vote fractions of one of the `TREES`, with a column ``id``.
        seed: Of forests, folds and bootstrap.
        refit: Whether to fill the columns of forests fitted on the target, which take most of the time.
    """
    rows = []
    tree = tree_of(catalog)
    if tree.refused:
        raise GalkerasError(tree.refused)
    for question in tree.classes:
        names = tree.labels(catalog, question.name)
        by_id = {str(name): label for name, label in zip(catalog["id"], names, strict=True) if label}
        row = _question(question, tested, learned, forests, by_id, seed, refit)
        if row is not None:
            rows.append(row)
    return rows


def _question(question: LabelQuestion, tested, learned, forests, by_id, seed, refit) -> QuestionRow | None:
    name = question.name
    known = {column: _labelled(table, by_id) for column, table in tested.items()}
    counts = [_counts(truth) for _, truth in known.values()]
    classes = tuple(
        label.answer for label in question.labels if min(c.get(label.answer, 0) for c in counts) >= _MINIMUM
    )
    if len(classes) < 2:
        return None
    accuracy, interval, samples = {}, {}, {}
    frozen = {stage: _frozen(stage, name, learned, forests, by_id, classes, seed) for stage in ("before", "after")}
    for column in dict.fromkeys((*COLUMNS, *tested)):
        when = column.removesuffix(", refitted")
        if when not in tested or (column != when and not refit):
            continue
        rows, truth = known[when]
        keep = np.isin(truth, classes)
        rows, truth = rows[keep], np.array([classes.index(label) for label in truth[keep]])
        z = tested[when].z[rows]
        forest = frozen[when.split()[1].removesuffix(",")]
        if column != when:
            predicted = _refitted(z, truth, learned.get(when), by_id, classes, seed)
        elif forest is not None:
            # Of a forest that knows more classes than are tested, the most probable of those.
            columns = [forest.classes.index(label) for label in classes]
            predicted = forest.probabilities(z)[:, columns].argmax(1)
        else:
            continue
        accuracy[column], samples[column] = _bootstrapped(truth, predicted, len(classes), seed)
        interval[column] = tuple(float(x) for x in np.percentile(samples[column], (2.5, 97.5)))
    return QuestionRow(name, question.title, len(truth), classes, accuracy, interval, samples) if accuracy else None


def _frozen(stage, name, learned, forests, by_id, classes, seed) -> Forest | None:
    """Return a forest that has seen the source's latents only, given or fitted, if there is one for all classes."""
    if stage in forests:
        forest = forests[stage].by_question.get(name)
        return forest if forest is not None and set(classes) <= set(forest.classes) else None
    source = learned.get(f"source {stage}")
    return None if source is None else _fitted(source, by_id, classes, seed)


def _refitted(z, truth, learned, by_id, classes, seed) -> np.ndarray:
    forest = None if learned is None else _fitted(learned, by_id, classes, seed)
    if forest is not None:
        return forest.probabilities(z).argmax(1)
    predicted = np.zeros(len(truth), int)
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(z, truth):
        predicted[test] = fit_forest(z[train], truth[train], seed).predict(z[test])
    return predicted


def _fitted(learned: LatentTable, by_id, classes, seed) -> Forest | None:
    rows, names = _labelled(learned, by_id)
    keep = np.isin(names, classes)
    target = np.array([classes.index(label) for label in names[keep]])
    if len(np.unique(target)) < len(classes):
        return None
    return Forest("", classes, (), fit_forest(learned.z[rows[keep]], target, seed))


def _labelled(table: LatentTable, by_id: dict[str, str]) -> tuple[np.ndarray, np.ndarray]:
    names = np.array([by_id.get(name, "") for name in table.id.tolist()])
    rows = np.flatnonzero(names != "")
    return rows, names[rows]


def _counts(names: np.ndarray) -> dict[str, int]:
    return dict(zip(*np.unique(names, return_counts=True), strict=True)) if len(names) else {}


def _bootstrapped(truth: np.ndarray, predicted: np.ndarray, classes: int, seed: int) -> tuple[float, np.ndarray]:
    value = float(measure(confusion_matrix(truth, predicted, classes))["balanced_accuracy"])
    # The same seed and truth draw the same galaxies for every column, so that differences have their own intervals.
    draws = np.random.default_rng(seed).integers(0, len(truth), (_RESAMPLES, len(truth)))
    cells = (truth * classes + predicted)[draws]
    confusion = (cells[:, :, None] == np.arange(classes**2)).sum(1).reshape(-1, classes, classes)
    return value, measure(confusion)["balanced_accuracy"]


def mean_drop(rows: list[QuestionRow], first: str, second: str) -> tuple[float, tuple[float, float]] | None:
    """Return the mean over questions of one column less another, and its 95 % bootstrap interval; None without any."""
    rows = [row for row in rows if first in row.accuracy and second in row.accuracy]
    if not rows:
        return None
    samples = np.mean([row.samples[first] - row.samples[second] for row in rows], axis=0)
    low, high = np.percentile(samples, (2.5, 97.5))
    return float(np.mean([row.accuracy[first] - row.accuracy[second] for row in rows])), (float(low), float(high))


def recovered(rows: list[QuestionRow]) -> Recovery | None:
    """Return how much of the drop from source to target is won back, None where a column is missing."""
    needed = ("source before", "target before", "target after", "source after")
    rows = [row for row in rows if all(column in row.accuracy for column in needed)]
    if not rows:
        return None

    def mean(column: str, values: str) -> np.ndarray | float:
        return np.mean([getattr(row, values)[column] for row in rows], axis=0)

    def numbers(values: str) -> dict[str, Any]:
        source, target, after, kept = (mean(column, values) for column in needed)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = 1 - np.divide(source - after, source - target)
        return {
            "drop": source - target,
            "drop_after": source - after,
            "recovered": share,
            "source_lost": source - kept,
        }

    values, samples = numbers("accuracy"), numbers("samples")
    return Recovery(
        questions=len(rows),
        **{name: float(value) for name, value in values.items()},
        interval={
            name: tuple(float(x) for x in np.nanpercentile(sample, (2.5, 97.5))) for name, sample in samples.items()
        },
    )
