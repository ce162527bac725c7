"""Latents and Galaxy Zoo labels in, random forests and their scores out."""

__all__ = ["MINIMUM", "classify"]

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.table import Table
from tqdm import tqdm

from galkeras.galaxyzoo.trees import count_columns, recognized
from galkeras.io.calls import Call
from galkeras.io.errors import GalkerasError
from galkeras.io.files import atomic_write
from galkeras.io.folders import OutputFolder
from galkeras.latents.table import LatentTable, read_latents
from galkeras.morphology.curves import BY, read_values
from galkeras.morphology.figures import save_confusion_matrices, save_curves, save_reliability
from galkeras.morphology.forests import FOREST, Forest, Forests
from galkeras.morphology.posterior import check_draws
from galkeras.morphology.report import ELSEWHERE, Classification
from galkeras.morphology.share_trial import learn_shares
from galkeras.morphology.sharpening import trees_of_power
from galkeras.morphology.stored import FORESTS_FILE
from galkeras.morphology.tasks import Task, column_task, tree_tasks
from galkeras.morphology.trial import Trial
from galkeras.records.schema import RecordSet
from galkeras.surveys.catalog import read_catalog, rows_in

_log = logging.getLogger(__name__)
MINIMUM = 10
"""A class of fewer galaxies is left out: it would be tested on one or two. The paper's smallest has 11."""

_OURS = r"(scores\.(json|md)|(confusion|calibration|curves)\.png|trained\.txt|.+\.skops)"


def classify(
    latents: str | Path | LatentTable,
    catalog: str | Path | Table,
    out: str | Path | None = None,
    *,
    label_column: str | Sequence[str] | None = None,
    id_column: str | None = None,
    seed: int = 0,
    folds: int | None = None,
    minimum: int = MINIMUM,
    trees: int | None = None,
    samples: int | None = None,
    records: str | Path | RecordSet | None = None,
    by: str | Sequence[str] | None = None,
    paper: bool = False,
    overwrite: bool = False,
) -> Classification:
    """Train a random forest on latents for each question of the catalog's tree, score it and save it.

    A forest reads the latents and the log probabilities of a logistic regression on them (`StackedForest`).

    Of a catalog of votes it learns, too, how many volunteers would give each answer of its tree, from the votes of all
    galaxies (`learn_shares`): forests know galaxies of clear classes alone, and are as sure of the others.

    Galaxies are split and not rows: one that two surveys saw is on one side. Splits are stratified by class. Where the
    model learned from votes, no galaxy of its training split is tested on. A forest's probabilities are sharpened
    (`fit_power`) by what it says of galaxies whose votes the model did not see, which leaves the class it names.

    Args:
        latents: A latent table or its file.
        catalog: Vote fractions of one of the `TREES`, as published, or a table that `read_catalog` gave.
        out: The folder to write, ``forests/NAME``; without it the result alone has the forests. It holds
            ``forests.json``, a skops file a question, ``trained.txt`` (names of the galaxies that they were fitted on),
            ``scores.md``, ``scores.json``, ``confusion.png``, ``calibration.png`` and ``curves.png``.
        label_column: Classify by this column of the catalog instead, or by each of several, a forest a column: text,
            or numbers with few distinct values.
        id_column: The catalog's column of galaxy names, where it is not one of the usual.
        seed: Seed of the split, the forests and the bootstrap. The same seed gives the same result.
        folds: Score by stratified cross-validation with so many folds, and fit the saved forests on all galaxies.
            By default 70 % of the galaxies train and 30 % test (of a model that learned from votes, its training split
            trains and the rest tests), and the saved forests are the tested ones.
        minimum: Leave out classes of fewer galaxies. A question with fewer than two classes left is skipped.
        trees: How many trees a forest has, by default those of `FOREST`. Fewer make smaller files.
        samples: Score the probabilities averaged over so many draws from each tested galaxy's posterior, as
            `predict` with ``samples`` gives them, and their calibration beside that of the posterior means. The
            forests are fitted on the means all the same: see ``docs/calibration.md``.
        records: The record set that the latents are of. Forests on as many principal components of its pixels
            (`principal_components`) are then scored on the same galaxies, for the network to be held against.
        by: Columns of the catalog to draw the scores against, in quarters of the tested galaxies; by default those of
            `galkeras.morphology.curves.BY` that it has: size, brightness, redshift, seeing.
        paper: Forests of the latents alone, as the paper's.
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
    if trees is not None and trees < 1:
        raise GalkerasError(f"`trees` must be 1 or more. Received: trees={trees}")
    check_draws(samples, seed)
    folder = None if out is None else _folder(Path(out), overwrite)
    if folder is not None:
        folder.check()
    call = Call.of(classify, locals())
    latents = read_latents(latents)
    by = [by] if isinstance(by, str) else by
    wanted = None if label_column else (*count_columns(), *(BY if by is None else by))
    catalog = read_catalog(catalog, id_column=id_column, position=False, columns=wanted)
    rows, matches = rows_in(catalog, latents.id)
    columns = [label_column] if isinstance(label_column, str) else list(dict.fromkeys(label_column or ()))
    tasks, skipped = ([column_task(catalog, name) for name in columns], {}) if columns else tree_tasks(catalog)

    values = {name: numbers[matches] for name, numbers in read_values(catalog, by).items()}
    components = None if records is None else _components(records, latents, seed)
    needed = max(minimum, folds or 0)
    forests: dict[str, Forest] = {}
    trained: frozenset[str] = frozenset()
    results = []
    grown = (1 if folds is None else folds + 1) * ((trees or FOREST["n_estimators"]) + trees_of_power())
    with tqdm(total=len(tasks) * grown, desc="classify", unit="tree", disable=None) as bar:
        trial = Trial(seed, folds, needed, samples, trees, paper, bar.update)
        for number, task in enumerate(tasks, 1):
            bar.set_postfix_str(task.name)
            # From here on in rows of the latent table.
            target = task.target[matches]
            beside = None if components is None else components[rows]
            outcome = trial.run(task, latents[rows], target, beside, values)
            # Of a question that is skipped, or of few galaxies, not all trees were grown.
            bar.update(number * grown - bar.n)
            if isinstance(outcome, str):
                skipped[task.name] = outcome
            else:
                result, forests[task.name], learned = outcome
                results.append(result)
                trained |= learned
        tree = recognized(catalog)
        votes, shares = None, {}
        if tree is not None and not columns and results:
            votes, shares = learn_shares(
                latents[rows], catalog[matches], tree, seed, folds, lambda name: bar.set_postfix_str(f"votes of {name}")
            )
    if latents.elsewhere:
        _log.warning(ELSEWHERE)
    if not results:
        raise GalkerasError(f"nothing to classify by. {_why_nothing(tasks, skipped, needed, folds)}")

    order = [] if tree is None else tree.label_questions
    mean, std = (tuple(values.tolist()) for values in (latents.z.mean(0, np.float64), latents.z.std(0, np.float64)))
    fitted = Forests(latents.model, latents.latent_dim, latents.views, seed, forests, mean, std, trained, votes)
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
        fitted=fitted,
        known=int(latents.known[rows].sum()),
        shares=shares,
        elsewhere=latents.elsewhere,
        paper=fitted.paper,
        call=call,
    )
    if folder is None:
        return classification
    with folder.writing() as out:
        classification.save(out)
        atomic_write(out / "scores.md", classification.markdown())
        save_confusion_matrices(out / "confusion.png", {result.title: result.scores for result in results})
        save_reliability(out / "calibration.png", {result.title: result.calibration for result in results})
        drawn = {result.title: result.curves for result in results if result.curves}
        if drawn:
            save_curves(out / "curves.png", drawn)
        else:
            (out / "curves.png").unlink(missing_ok=True)
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
    option = f"`folds={folds}`" if needed == folds else f"`minimum={needed}`"
    first = f"{tasks[0].name}: {skipped[tasks[0].name]}" + ("; the other questions likewise" if tasks[1:] else "")
    return f"{first}. Give more galaxies, or less than {option}"
