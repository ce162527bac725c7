"""Forests that are there already, scored on galaxies whose classes are known and that they did not learn from."""

__all__ = ["Judgement", "judge", "read_classes", "save_judgement"]

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.table import Table

from galkeras.galaxyzoo.trees import vote_columns
from galkeras.io.errors import GalkerasError, did_you_mean
from galkeras.io.files import atomic_write, write_json
from galkeras.latents.table import LatentTable
from galkeras.morphology.calibration import MEANS, SAMPLES, calibrate
from galkeras.morphology.forests import Forest, Forests
from galkeras.morphology.report import ELSEWHERE, Classification, QuestionResult
from galkeras.morphology.scores import score
from galkeras.morphology.tasks import Task, column_task, tree_tasks
from galkeras.surveys.catalog import read_catalog, rows_in

_log = logging.getLogger(__name__)


@dataclass(frozen=True, repr=False)
class Judgement(Classification):
    """The scores of forests on galaxies of another catalog.

    Attributes:
        learned: Rows that were left out because their galaxies trained the forests; None where the forests do not say
            which those were.
    """

    learned: int | None = 0

    def method(self) -> str:
        """Return how the scores came about, in a sentence or two."""
        if self.learned is None:
            known = "the forests do not say which galaxies trained them, so some may be among these."
        else:
            known = f"{self.learned:,} more trained the forests and are left out."
        return f"the forests as they are, on galaxies of this catalog; {known}{self.further()}"


def read_classes(
    catalog: str | Path | Table, forests: Forests, label_column: str | None = None, id_column: str | None = None
) -> Table:
    """Read the catalog that `judge` scores by, with the same arguments.

    Raises:
        GalkerasError: It cannot be read, or has no classes that the forests know.
    """
    table = _read(catalog, label_column, id_column)
    _tasks(table, forests, label_column)
    return table


def _read(catalog: str | Path | Table, label_column: str | None, id_column: str | None) -> Table:
    wanted = [label_column] if label_column else vote_columns()
    return read_catalog(catalog, id_column=id_column, position=False, columns=wanted)


def judge(
    latents: LatentTable,
    forests: Forests,
    probabilities: Mapping[str, np.ndarray],
    catalog: str | Path | Table,
    *,
    name: str | Path = "forests",
    label_column: str | None = None,
    id_column: str | None = None,
    samples: int | None = None,
    seed: int = 0,
) -> Judgement:
    """Score what forests say of galaxies whose classes a catalog knows.

    Galaxies that trained the forests are left out. Classes that the forests do not know are counted and not scored.

    Args:
        latents: The galaxies.
        forests: The forests.
        probabilities: Question to the (rows, classes) probabilities to be scored.
        catalog: Votes, or any catalog with ``label_column``, or a table that `read_catalog` gave.
        name: What the forests are called.
        label_column: The column with the classes; the forests must be of one question, or know one of this name.
        id_column: The catalog's column of galaxy names, where it is not one of the usual.
        samples: Over how many draws the probabilities are averaged, None for those of the means.
        seed: Of the bootstrap.

    Raises:
        GalkerasError: No galaxy is left to score, or the catalog has no classes that the forests know.
    """
    catalog = _read(catalog, label_column, id_column)
    rows, matches = rows_in(catalog, latents.id)
    tasks, skipped = _tasks(catalog, forests, label_column)
    fresh = np.ones(len(rows), bool)
    if forests.trained is not None:
        fresh = np.array([galaxy not in forests.trained for galaxy in latents.id[rows].tolist()])
        if not fresh.any():
            raise GalkerasError(
                f"all {len(rows):,} galaxies that are in the catalog trained the forests: scores of these say nothing."
                " Give galaxies that are new to them"
            )
    results = []
    for task in tasks:
        forest = forests.by_question[task.name]
        outcome = _scored(
            task, forest, task.target[matches], latents.id[rows], probabilities[task.name][rows], fresh, samples, seed
        )
        if isinstance(outcome, str):
            skipped[task.name] = outcome
        else:
            results.append(outcome)
    if not results:
        question, reason = next(iter(skipped.items()))
        raise GalkerasError(f"nothing to score by. {question}: {reason}")
    if latents.elsewhere:
        _log.warning(ELSEWHERE)
    return Judgement(
        forests=Path(name),
        matched=len(rows),
        unmatched=len(latents) - len(rows),
        seed=seed,
        folds=None,
        minimum=1,
        samples=samples,
        results=tuple(results),
        skipped=skipped,
        paper=forests.paper,
        learned=None if forests.trained is None else int(np.sum(~fresh)),
        elsewhere=latents.elsewhere,
    )


def save_judgement(judged: Judgement, out: Path) -> tuple[Path, Path]:
    """Write the scores beside the table ``out``, as ``OUT.scores.json`` and ``OUT.scores.md``, and return the paths."""
    data, text = (out.with_name(f"{out.name}.scores.{end}") for end in ("json", "md"))
    write_json(data, judged.to_json() | {"learned": judged.learned}, alone=True)
    atomic_write(text, judged.markdown(), alone=True)
    return data, text


def _tasks(catalog: Table, forests: Forests, label_column: str | None) -> tuple[list[Task], dict[str, str]]:
    known = forests.by_question
    if label_column is not None:
        task = column_task(catalog, label_column)
        name = label_column if label_column in known else next(iter(known))
        if name not in known or (name != label_column and len(known) > 1):
            raise GalkerasError(
                f"the forests know no question {label_column!r}.{did_you_mean(label_column, known)} They know:"
                f" {', '.join(known)}; name the catalog's column after the one that it answers"
            )
        return [Task(name, known[name].title, task.classes, task.target)], {}
    tasks, skipped = tree_tasks(catalog)
    skipped |= {name: "the catalog does not ask it" for name in known if name not in {task.name for task in tasks}}
    found = [task for task in tasks if task.name in known]
    return found, {name: reason for name, reason in skipped.items() if name in known}


def _scored(
    task: Task,
    forest: Forest,
    target: np.ndarray,
    ids: np.ndarray,
    probabilities: np.ndarray,
    fresh: np.ndarray,
    samples: int | None,
    seed: int,
) -> QuestionResult | str:
    """Score one question, or say why not."""
    place = [forest.classes.index(name) if name in forest.classes else -1 for name in task.classes]
    # The last is for rows without a class, whose index is -1.
    truth = np.array([*place, -1])[target]
    _, first = np.unique(ids, return_index=True)
    counted = first[fresh[first]]
    galaxies = {name: int(np.sum(target[counted] == index)) for index, name in enumerate(task.classes)}
    kept = np.flatnonzero(fresh & (truth >= 0))
    if not len(kept):
        seen = ", ".join(f"{count} {name}" for name, count in galaxies.items() if count) or "no labels"
        return f"the forests know the classes {', '.join(forest.classes)}, and the new galaxies have {seen}"
    truth, groups, given = truth[kept], ids[kept], probabilities[kept]
    shares = np.tile(np.array(forest.counts) / sum(forest.counts), (len(kept), 1))
    scores = score(
        truth,
        given.argmax(1),
        forest.classes,
        majority=shares.argmax(1),
        groups=groups,
        positive=task.positive if task.positive in forest.classes else None,
        seed=seed,
    )
    way = SAMPLES if samples else MEANS
    return QuestionResult(
        name=task.name,
        title=task.title,
        galaxies=galaxies,
        left_out=tuple(name for name in task.classes if name not in forest.classes),
        trained=sum(forest.counts),
        tested=int(scores.confusion.sum()),
        scores=scores,
        calibration=calibrate(truth, {way: given}, shares=shares, groups=groups, seed=seed),
        folds=(),
    )
