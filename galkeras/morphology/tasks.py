"""What there is to classify by in a catalog: the questions of its decision tree, or a column."""

__all__ = ["Task", "column_task", "tree_tasks"]

from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from galkeras.galaxyzoo.labels import column_labels
from galkeras.galaxyzoo.tree import LabelQuestion
from galkeras.galaxyzoo.trees import recognized
from galkeras.io.errors import GalkerasError


@dataclass(frozen=True, eq=False)
class Task:
    """One thing to classify by.

    Attributes:
        name: The question in the tree, or the column.
        title: As people read it.
        classes: Names of the classes.
        target: (rows,) class indices, -1 where the row has none.
        positive: The class that precision and recall speak of, None for the last.
        question: The question in the tree, None for a column.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    target: np.ndarray
    positive: str | None = None
    question: LabelQuestion | None = None


def tree_tasks(catalog: Table) -> tuple[list[Task], dict[str, str]]:
    """Return the questions of a catalog's decision tree, and those that it cannot answer, each with the reason.

    Raises:
        GalkerasError: The catalog has no votes, or those of a tree that is only recognised.
    """
    tree = recognized(catalog)
    if tree is None:
        raise GalkerasError(
            "the catalog has no votes of Galaxy Zoo (columns like smooth-or-featured_smooth_fraction); name a column to"
            " classify by with `label_column`"
        )
    if tree.refused:
        raise GalkerasError(tree.refused)
    tasks, skipped = [], {}
    for question in tree.classes:
        try:
            names = tree.labels(catalog, question.name)
        except GalkerasError as error:
            skipped[question.name] = str(error)
            continue
        classes = tuple(label.answer for label in question.labels)
        indices = _indices(names, classes)
        tasks.append(Task(question.name, question.title, classes, indices, question.positive, question))
    return tasks, skipped


def column_task(catalog: Table, name: str) -> Task:
    """Return a column of a catalog as something to classify by; a column that is no label is a `GalkerasError`."""
    values = column_labels(catalog, name)
    classes = tuple(sorted(set(values.tolist()) - {""}))
    return Task(name, name, classes, _indices(values, classes))


def _indices(names: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    place = {name: index for index, name in enumerate(classes)}
    return np.array([place.get(name, -1) for name in names.tolist()])
