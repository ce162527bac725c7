"""One question: its forest fitted, scored on galaxies that it did not see, and kept."""

__all__ = ["Trial"]

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from galkeras.galaxyzoo.tree import LabelQuestion
from galkeras.latents.table import LatentTable
from galkeras.morphology.calibration import MEANS, SAMPLES, calibrate
from galkeras.morphology.curves import curves
from galkeras.morphology.forests import Forest, fit_forest
from galkeras.morphology.posterior import sampled_probabilities
from galkeras.morphology.report import QuestionResult
from galkeras.morphology.scores import compare, confusion_matrix, measure, score
from galkeras.morphology.sharpening import best_power, fit_power
from galkeras.morphology.splits import TEST_FRACTION, splits
from galkeras.morphology.stacked import StackedForest
from galkeras.morphology.tasks import Task


@dataclass(frozen=True)
class Trial:
    """How the forests of all questions are fitted and scored.

    Attributes:
        seed: Of splits, forests, draws and intervals.
        folds: Score by so many folds and fit the forest that is kept on all; None for one split.
        minimum: Classes of fewer galaxies are left out.
        samples: Score probabilities averaged over so many draws, None for those of the posterior means.
        trees: How many trees a forest has, None for those of `FOREST`.
        paper: As of `fit_forest`.
        tick: As of `fit_forest`.
    """

    seed: int
    folds: int | None
    minimum: int
    samples: int | None
    trees: int | None
    paper: bool
    tick: Callable[[int], object]

    def run(
        self,
        task: Task,
        latents: LatentTable,
        target: np.ndarray,
        components: np.ndarray | None,
        values: Mapping[str, np.ndarray],
    ) -> tuple[QuestionResult, Forest, frozenset[str]] | str:
        """Fit and score one question's forest.

        Args:
            task: The question.
            latents: The galaxies.
            target: (rows,) their class indices, -1 for none.
            components: (rows, …) other features of theirs, forests on which are scored beside it.
            values: By name (rows,) numbers that scores are drawn against.

        Returns:
            The scores, the forest and the galaxies that it was fitted on; or one line on why there is none.
        """
        _, first = np.unique(latents.id, return_index=True)
        counts = {name: int(np.sum(target[first] == index)) for index, name in enumerate(task.classes)}
        kept = [index for index, name in enumerate(task.classes) if counts[name] >= self.minimum]
        if len(kept) < 2:
            seen = ", ".join(f"{count} {name}" for name, count in counts.items()) or "no labels"
            some = [name for name, count in counts.items() if count]
            only = f": all are of one class, {some[0]}" if len(some) == 1 else ""
            return f"two classes need {self.minimum} galaxies each, and there are {seen}{only}"
        classes = tuple(task.classes[index] for index in kept)
        rows = np.flatnonzero(np.isin(target, kept))
        latents, target = latents[rows], np.searchsorted(kept, target[rows])

        components = None if components is None else components[rows]
        truth, shares, tested, fold_scores, by_components = [], [], [], [], []
        probabilities: dict[str, list[np.ndarray]] = {}
        forest: Forest
        known = latents.known
        if reason := _unfit(target, latents.id, known, classes, self.folds):
            return reason
        for train, test in splits(target, latents.id, self.seed, self.folds, known):
            forest = self._fit(task.title, classes, latents[train], target[train], known[train])
            given_by_way, forest = self._judge(forest, latents[test], target[test], told=known[train].all())
            truth.append(target[test])
            for how, given in given_by_way.items():
                probabilities.setdefault(how, []).append(given)
            share = np.bincount(target[train], minlength=len(classes)) / len(train)
            shares.append(np.tile(share, (len(test), 1)))
            tested.append(test)
            fold = measure(confusion_matrix(truth[-1], given.argmax(1), len(classes)))
            if components is not None:
                other = self._grown(components[train], target[train], latents.id[train])
                by_components.append(other.predict(components[test]))
            fold_scores.append({name: float(fold[name]) for name in ("accuracy", "balanced_accuracy")})
        learned = latents.id[train]
        if self.folds:
            forest, learned = self._fit(task.title, classes, latents, target, known), latents.id
        truth, shares, tested = map(np.concatenate, (truth, shares, tested))
        groups = latents.id[tested]
        by_way = {how: np.concatenate(parts) for how, parts in probabilities.items()}
        named = by_way[SAMPLES if self.samples else MEANS].argmax(1)
        scores = score(
            truth,
            named,
            classes,
            majority=shares.argmax(1),
            groups=groups,
            positive=task.positive if task.positive in classes else None,
            seed=self.seed,
        )
        result = QuestionResult(
            name=task.name,
            title=task.title,
            galaxies=counts,
            left_out=tuple(name for name in task.classes if name not in classes),
            trained=sum(forest.counts),
            tested=int(scores.confusion.sum()),
            scores=scores,
            calibration=calibrate(truth, by_way, shares=shares, groups=groups, seed=self.seed),
            folds=tuple(fold_scores) if self.folds else (),
            paper_galaxies=_paper_galaxies(task.question),
            paper_scores=_paper_scores(task.question),
            components=None
            if components is None
            else compare(truth, named, np.concatenate(by_components), len(classes), groups=groups, seed=self.seed),
            curves=curves(
                {name: numbers[rows][tested] for name, numbers in values.items()},
                truth,
                named,
                classes,
                groups=groups,
                seed=self.seed,
            ),
        )
        return result, forest, frozenset(learned.tolist())

    def _fit(
        self, title: str, classes: tuple[str, ...], latents: LatentTable, target: np.ndarray, known: np.ndarray
    ) -> Forest:
        """Return a forest with its power, 1 where the model knew the classes of all these galaxies."""
        counts = tuple(np.bincount(target, minlength=len(classes)).tolist())
        z, galaxies = latents.z, latents.id
        power = 1.0 if known.all() else fit_power(z, target, galaxies, self.seed, self.tick, known, paper=self.paper)
        return Forest(title, classes, counts, self._grown(z, target, galaxies, self.tick), power)

    def _grown(self, z, target, galaxies, tick: Callable[[int], object] | None = None) -> StackedForest:
        return fit_forest(z, target, self.seed, self.trees, tick, groups=galaxies, paper=self.paper)

    def _judge(
        self, forest: Forest, latents: LatentTable, target: np.ndarray, told: bool
    ) -> tuple[dict[str, np.ndarray], Forest]:
        """Return what a forest says of galaxies that it did not see, by the way of asking, and the forest.

        Where the model was told the classes of all that the forest was fitted on, only these galaxies can tell the
        power: each half of them tells that of the other, and all of them that of the forest.
        """
        if not told or np.bincount(target, minlength=len(forest.classes)).min() < 2:
            return self._probabilities(forest, latents), forest
        said = forest.probabilities(latents.z)
        ways: dict[str, np.ndarray] = {}
        halves = StratifiedGroupKFold(2, shuffle=True, random_state=self.seed).split(latents.z, target, latents.id)
        for other, half in halves:
            fair = replace(forest, power=best_power(said[other], target[other]))
            for how, given in self._probabilities(fair, latents[half]).items():
                ways.setdefault(how, np.empty_like(said))[half] = given
        return ways, replace(forest, power=best_power(said, target))

    def _probabilities(self, forest: Forest, latents: LatentTable) -> dict[str, np.ndarray]:
        """Return (rows, classes) probabilities by the way of getting them, the one to be scored last."""
        ways = {MEANS: forest.probabilities(latents.z)}
        if self.samples is not None:
            drawn = sampled_probabilities({forest.title: forest}, latents, self.samples, self.seed)
            ways[SAMPLES], _ = drawn[forest.title]
        return ways


def _paper_galaxies(question: LabelQuestion | None) -> dict[str, int]:
    known = () if question is None else question.labels
    return {label.answer: label.paper for label in known if label.paper is not None}


def _paper_scores(question: LabelQuestion | None) -> dict[str, float]:
    if question is None or question.paper is None:
        return {}
    return dict(zip(("accuracy", "precision", "recall", "f1"), question.paper, strict=True))


def _unfit(
    target: np.ndarray, ids: np.ndarray, known: np.ndarray, classes: tuple[str, ...], folds: int | None
) -> str | None:
    """Return why not all classes can be both learned and tested, None where they can."""
    if len(np.unique(target[~known])) < 2:
        return "the model learned from the votes of all its galaxies but those of one class"
    galaxies = len(np.unique(ids))
    if known.any() and not folds:
        missing = [name for index, name in enumerate(classes) if not np.any(target[known] == index)]
        return f"no galaxy whose votes the model learned from is {missing[0]}" if missing else None
    if not folds and math.ceil(TEST_FRACTION * galaxies) < len(classes):
        return f"{galaxies} galaxies are too few to test one of each of {len(classes)} classes"
    return None
