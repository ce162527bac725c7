"""The class of each galaxy: by votes, for a question of a decision tree, or by a column of the user's own."""

__all__ = ["column_labels", "labels"]

import logging
from collections import Counter

import numpy as np
from astropy.table import Table

from galkeras.galaxyzoo.tree import Tree
from galkeras.galaxyzoo.trees import tree_of
from galkeras.io.columns import HELD
from galkeras.io.errors import GalkerasError, did_you_mean
from galkeras.io.text import counted

_log = logging.getLogger(__name__)

_MOST_CLASSES = 30


def labels(table: Table, question: str, tree: Tree | None = None) -> np.ndarray:
    """Return the class of every galaxy for one question, as `Tree.labels` does.

    Args:
        table: A catalog with canonical vote columns ``{question}_{answer}_fraction``.
        question: A question that the tree has classes for.
        tree: The tree that the votes are of; by default the one that the columns are recognised by.

    Returns:
        (rows,) strings, empty where the galaxy has no class.

    Raises:
        GalkerasError: No votes, an unknown question, a missing column, or a tree that is only recognised.
    """
    return (tree or tree_of(table)).labels(table, question)


def no_column(catalog: Table, column: str) -> GalkerasError:
    """Return the error for a column that a catalog has not, which names those of its file."""
    held = catalog.meta.get(HELD, catalog.colnames)
    known = ", ".join(held[:12]) + (", …" if len(held) > 12 else "")
    return GalkerasError(f"the catalog has no column {column!r}.{did_you_mean(column, held)} It has: {known}")


def column_labels(catalog: Table, column: str) -> np.ndarray:
    """Return the class of every galaxy by a column of the user's own, and tell the classes and the empty cells.

    Args:
        catalog: A table that `read_catalog` gave.
        column: A column of text, or of numbers with few distinct values.

    Returns:
        (rows,) strings, empty where the cell is empty or not a number.

    Raises:
        GalkerasError: There is no such column, or it has too many distinct values to be a label.
    """
    if column not in catalog.colnames:
        raise no_column(catalog, column)
    values = np.array([_class_name(value) for value in catalog[column].tolist()])
    counts = Counter(values.tolist())
    empty = counts.pop("", 0)
    classes = len(counts)
    if classes > _MOST_CLASSES:
        raise GalkerasError(
            f"column {column!r} has {classes:,} distinct values; a label has at most {_MOST_CLASSES} classes"
        )
    seen = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items())) or "no label"
    _log.info(f"column {column!r}: {seen}; {counted(empty, 'cell')} empty")
    return values


def _class_name(value: object) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return (value.decode(errors="replace") if isinstance(value, bytes) else str(value)).strip()
