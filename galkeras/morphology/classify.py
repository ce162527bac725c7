"""Latents and Galaxy Zoo labels in, random forests and their scores out."""

__all__ = ["MINIMUM", "TEST_FRACTION", "classify"]

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from astropy.table import Table
from sklearn.model_selection import StratifiedKFold, train_test_split
from tqdm import tqdm

from galkeras.galaxyzoo.tree import LabelQuestion
from galkeras.galaxyzoo.trees import recognized, vote_columns
from galkeras.io.errors import GalkerasError
from galkeras.io.files import atomic_write
from galkeras.io.folders import OutputFolder
from galkeras.latents.table import LatentTable, read_latents
from galkeras.morphology.calibration import MEANS, SAMPLES, calibrate
from galkeras.morphology.figures import save_confusion_matrices, save_reliability
from galkeras.morphology.forests import FOREST, Forest, Forests, fit_forest
from galkeras.morphology.posterior import check_draws, sampled_probabilities
from galkeras.morphology.report import Classification, QuestionResult
from galkeras.morphology.scores import compare, confusion_matrix, measure, score
from galkeras.morphology.sharpening import fit_power, trees_of_power
from galkeras.morphology.stored import FORESTS_FILE
from galkeras.morphology.tasks import Task, column_task, tree_tasks
from galkeras.records.schema import RecordSet
from galkeras.surveys.catalog import read_catalog, rows_in

MINIMUM = 10
"""A class of fewer galaxies is left out: it would be tested on one or two. The paper's smallest has 11."""

TEST_FRACTION = 0.3
"""As in the paper: 70 % of the galaxies train, 30 % test."""

_OURS = r"(scores\.(json|md)|(confusion|calibration)\.png|trained\.txt|.+\.skops)"


def classify(
    latents: str | Path | LatentTable,
    catalog: str | Path | Table,
    out: str | Path | None = None,
    *,
    label_column: str | None = None,
    id_column: str | None = None,
    seed: int = 0,
    folds: int | None = None,
    minimum: int = MINIMUM,
    samples: int | None = None,
    records: str | Path | RecordSet | None = None,
    overwrite: bool = False,
) -> Classification:
    """Train a random forest on latents for each question of the catalog's tree, score it and save it.

    Galaxies are split and not rows: one that two surveys saw is on one side. Splits are stratified by class. Where the
    model learned from votes, no galaxy of its training split is tested on. A forest's probabilities are sharpened
    (`fit_power`), which leaves the class it names.

    Args:
        latents: A latent table or its file.
        catalog: Vote fractions of one of the `TREES`, as published, or a table that `read_catalog` gave.
        out: The folder to write, ``forests/NAME``; without it the result alone has the forests. It holds
            ``forests.json``, a skops file a question, ``trained.txt`` (names of the galaxies that they were fitted on),
            ``scores.md``, ``scores.json``, ``confusion.png`` and ``calibration.png``.
        label_column: Classify by this column of the catalog instead: text, or numbers with few distinct values.
        id_column: The catalog's column of galaxy names, where it is not one of the usual.
        seed: Seed of the split, the forests and the bootstrap. The same seed gives the same result.
        folds: Score by stratified cross-validation with so many folds, and fit the saved forests on all galaxies.
            By default 70 % of the galaxies train and 30 % test (of a model that learned from votes, its training split
            trains and the rest tests), and the saved forests are the tested ones.
        minimum: Leave out classes of fewer galaxies. A question with fewer than two classes left is skipped.
        samples: Score the probabilities averaged over so many draws from each tested galaxy's posterior, as
            `predict` with ``samples`` gives them, and their calibration beside that of the posterior means. The
            forests are fitted on the means all the same: see ``docs/calibration.md``.
        records: The record set that the latents are of. Forests on as many principal components of its pixels
            (`principal_components`) are then scored on the same galaxies, for the network to be held against.
        overwrite: Replace what is there.

    Returns:
        The scores by question, and what was skipped and why.

    Raises:
        GalkerasError: No galaxy has both latents and a label, a column is missing, the catalog follows another
            decision tree, or ``out`` holds something else.
    """
    if not 0 <= seed < 2**32:
        raise GalkerasError(f"`seed` must lie between 0 and 2^32. Received: seed={seed}")
    if folds is not None and folds < 2:
        raise GalkerasError(f"`folds` must be 2 or more. Received: folds={folds}")
    if minimum < 2:
        raise GalkerasError(f"`minimum` must be 2 or more. Received: minimum={minimum}")
    check_draws(samples, seed)
    folder = None if out is None else _folder(Path(out), overwrite)
    if folder is not None:
        folder.check()
    latents = read_latents(latents)
    wanted = None if label_column else vote_columns()
    catalog = read_catalog(catalog, id_column=id_column, position=False, columns=wanted)
    rows, matches = rows_in(catalog, latents.id)
    tasks, skipped = ([column_task(catalog, label_column)], {}) if label_column is not None else tree_tasks(catalog)

    components = None if records is None else _components(records, latents, seed)
    needed = max(minimum, folds or 0)
    forests: dict[str, Forest] = {}
    trained: frozenset[str] = frozenset()
    results = []
    trees = (1 if folds is None else folds + 1) * (FOREST["n_estimators"] + trees_of_power())
    with tqdm(total=len(tasks) * trees, desc="classify", unit="tree", disable=None) as bar:
        for number, task in enumerate(tasks, 1):
            bar.set_postfix_str(task.name)
            # From here on in rows of the latent table.
            target = task.target[matches]
            beside = None if components is None else components[rows]
            outcome = _run(task, latents[rows], target, seed, folds, needed, samples, beside, bar.update)
            # Of a question that is skipped, or of few galaxies, not all trees were grown.
            bar.update(number * trees - bar.n)
            if isinstance(outcome, str):
                skipped[task.name] = outcome
            else:
                result, forests[task.name], learned = outcome
                results.append(result)
                trained |= learned
    if not results:
        raise GalkerasError(f"nothing to classify by. {_why_nothing(tasks, skipped, needed, folds)}")

    tree = recognized(catalog)
    order = [] if tree is None else tree.label_questions
    mean, std = (tuple(values.tolist()) for values in (latents.z.mean(0, np.float64), latents.z.std(0, np.float64)))
    classification = Classification(
        forests=None if folder is None else folder.path,
        matched=len(rows),
        unmatched=len(latents) - len(rows),
        seed=seed,
        folds=folds,
        minimum=needed,
        samples=samples,
        results=tuple(results),
        skipped={name: skipped[name] for name in [*order, *skipped] if name in skipped},
        fitted=Forests(latents.model, latents.latent_dim, latents.views, seed, forests, mean, std, trained),
    )
    if folder is None:
        return classification
    with folder.writing() as out:
        classification.save(out)
        atomic_write(out / "scores.md", classification.markdown())
        save_confusion_matrices(out / "confusion.png", {result.title: result.scores for result in results})
        save_reliability(out / "calibration.png", {result.title: result.calibration for result in results})
        classification.fitted.save(out)
    return classification


def _components(records: str | Path | RecordSet, latents: LatentTable, seed: int) -> np.ndarray:
    """Return the (rows, latent_dim) principal components of the galaxies of ``latents``, in its order."""
    # It brings TensorFlow, which forests do without.
    from galkeras.latents.components import principal_components

    records = records if isinstance(records, RecordSet) else RecordSet.load(records)
    table = principal_components(records, latents.latent_dim, seed=seed)
    place = {key: row for row, key in enumerate(zip(table.id.tolist(), table.survey.tolist(), strict=True))}
    rows = [place.get(key, -1) for key in zip(latents.id.tolist(), latents.survey.tolist(), strict=True)]
    if -1 in rows:
        row = rows.index(-1)
        raise GalkerasError(
            f"{records.path} has no galaxy {latents.id[row]} of {latents.survey[row]}, whose latents are given:"
            " name the record set that was encoded"
        )
    return table.z[rows]


def _folder(out: Path, overwrite: bool) -> OutputFolder:
    # Without its forests.json the folder is unfinished; it comes back last.
    return OutputFolder(
        out, "classify", _OURS, sign=FORESTS_FILE, marker=FORESTS_FILE, done=FORESTS_FILE, overwrite=overwrite
    )


def _why_nothing(tasks: list[Task], skipped: dict[str, str], needed: int, folds: int | None) -> str:
    """Return one line on why no question is left, with what to do about it."""
    if not tasks:
        name, reason = next(iter(skipped.items()))
        return f"{name}: {reason}" + (" The other questions likewise" if len(skipped) > 1 else "")
    option = f"--folds {folds}" if needed == folds else f"--minimum {needed}"
    first = f"{tasks[0].name}: {skipped[tasks[0].name]}" + ("; the other questions likewise" if tasks[1:] else "")
    return f"{first}. Give more galaxies, or less than {option}"


def _run(
    task: Task,
    latents: LatentTable,
    target: np.ndarray,
    seed: int,
    folds: int | None,
    minimum: int,
    samples: int | None,
    components: np.ndarray | None,
    tick: Callable[[int], object],
) -> tuple[QuestionResult, Forest, frozenset[str]] | str:
    """Fit, score and return one question's forest, and the galaxies that it was fitted on, or say why not.

    Forests on ``components``, row by row, are scored beside it.
    """
    _, first = np.unique(latents.id, return_index=True)
    counts = {name: int(np.sum(target[first] == index)) for index, name in enumerate(task.classes)}
    kept = [index for index, name in enumerate(task.classes) if counts[name] >= minimum]
    if len(kept) < 2:
        seen = ", ".join(f"{count} {name}" for name, count in counts.items()) or "no labels"
        only = next((f": all are of one class, {name}" for name in counts if sum(map(bool, counts.values())) == 1), "")
        return f"two classes need {minimum} galaxies each, and there are {seen}{only}"
    classes = tuple(task.classes[index] for index in kept)
    rows = np.flatnonzero(np.isin(target, kept))
    latents, target = latents[rows], np.searchsorted(kept, target[rows])

    components = None if components is None else components[rows]
    truth, shares, groups, fold_scores, by_components = [], [], [], [], []
    probabilities: dict[str, list[np.ndarray]] = {}
    forest: Forest
    known = latents.split == "train" if latents.votes else np.zeros(len(latents), bool)
    if not _testable(target, known):
        return "the model learned from the votes of all its galaxies but those of one class"
    for train, test in _splits(target, latents.id, seed, folds, known):
        forest = _fitted(task.title, classes, latents[train], target[train], seed, tick)
        truth.append(target[test])
        for how, given in _probabilities(forest, latents[test], samples, seed).items():
            probabilities.setdefault(how, []).append(given)
        share = np.bincount(target[train], minlength=len(classes)) / len(train)
        shares.append(np.tile(share, (len(test), 1)))
        groups.append(latents.id[test])
        fold = measure(confusion_matrix(truth[-1], given.argmax(1), len(classes)))
        if components is not None:
            by_components.append(fit_forest(components[train], target[train], seed).predict(components[test]))
        fold_scores.append({name: float(fold[name]) for name in ("accuracy", "balanced_accuracy")})
    learned = latents.id[train]
    if folds:
        forest, learned = _fitted(task.title, classes, latents, target, seed, tick), latents.id
    truth, shares, groups = map(np.concatenate, (truth, shares, groups))
    by_way = {how: np.concatenate(parts) for how, parts in probabilities.items()}
    named = by_way[SAMPLES if samples else MEANS].argmax(1)
    scores = score(
        truth,
        named,
        classes,
        majority=shares.argmax(1),
        groups=groups,
        positive=task.positive if task.positive in classes else None,
        seed=seed,
    )
    result = QuestionResult(
        name=task.name,
        title=task.title,
        galaxies=counts,
        left_out=tuple(name for name in task.classes if name not in classes),
        trained=sum(forest.counts),
        tested=int(scores.confusion.sum()),
        scores=scores,
        calibration=calibrate(truth, by_way, shares=shares, groups=groups, seed=seed),
        folds=tuple(fold_scores) if folds else (),
        paper_galaxies=_paper_galaxies(task.question),
        paper_scores=_paper_scores(task.question),
        components=None
        if components is None
        else compare(truth, named, np.concatenate(by_components), len(classes), groups=groups, seed=seed),
    )
    return result, forest, frozenset(learned.tolist())


def _paper_galaxies(question: LabelQuestion | None) -> dict[str, int]:
    known = () if question is None else question.labels
    return {label.answer: label.paper for label in known if label.paper is not None}


def _paper_scores(question: LabelQuestion | None) -> dict[str, float]:
    if question is None or question.paper is None:
        return {}
    return dict(zip(("accuracy", "precision", "recall", "f1"), question.paper, strict=True))


def _fitted(
    title: str,
    classes: tuple[str, ...],
    latents: LatentTable,
    target: np.ndarray,
    seed: int,
    tick: Callable[[int], object],
) -> Forest:
    counts = tuple(np.bincount(target, minlength=len(classes)).tolist())
    power = fit_power(latents.z, target, latents.id, seed, tick)
    return Forest(title, classes, counts, fit_forest(latents.z, target, seed, tick=tick), power)


def _probabilities(forest: Forest, latents: LatentTable, samples: int | None, seed: int) -> dict[str, np.ndarray]:
    """Return (rows, classes) probabilities by the way of getting them, the one to be scored last."""
    ways = {MEANS: forest.probabilities(latents.z)}
    if samples is not None:
        ways[SAMPLES], _ = sampled_probabilities({forest.title: forest}, latents, samples, seed)[forest.title]
    return ways


def _testable(target: np.ndarray, known: np.ndarray) -> bool:
    """Tell whether galaxies of more than one class are left to test on."""
    return len(np.unique(target[~known])) > 1


def _splits(
    target: np.ndarray, ids: np.ndarray, seed: int, folds: int | None, known: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield row indices to train and to test on; all rows of a galaxy are on the same side.

    Galaxies whose votes the model learned from, the ``known`` rows, are never tested on: their latents know the answer.
    """
    galaxies, first, galaxy = np.unique(ids, return_index=True, return_inverse=True)
    learned = np.unique(galaxy[known])
    free = np.setdiff1d(np.arange(len(galaxies)), learned)
    strata = target[first][free]
    if folds:
        sides = StratifiedKFold(folds, shuffle=True, random_state=seed).split(strata, strata)
    elif len(learned):
        sides = [(np.array([], int), np.arange(len(free)))]
    else:
        sides = [train_test_split(np.arange(len(free)), test_size=TEST_FRACTION, stratify=strata, random_state=seed)]
    for train, test in sides:
        train = np.concatenate([free[train], learned])
        yield np.flatnonzero(np.isin(galaxy, train)), np.flatnonzero(np.isin(galaxy, free[test]))
