"""The decision trees of Galaxy Zoo, one a file, and which of them a catalog follows."""

__all__ = ["TREES", "canonical_names", "count_columns", "recognized", "tree_of", "vote_columns"]

from collections import Counter
from collections.abc import Sequence

from astropy.table import Table

from galkeras.galaxyzoo.tree import Tree
from galkeras.io.errors import GalkerasError
from galkeras.io.registry import Registry

TREES: Registry[Tree] = Registry("decision tree", package=__name__)
"""The trees by name. A catalog follows the first that recognises it: the more special come before `gzd-5`."""


def vote_columns() -> tuple[str, ...]:
    """Return the columns that any tree speaks of, by which a catalog is recognised and labelled."""
    return tuple(dict.fromkeys(name for tree in TREES.values() for name in tree.vote_columns))


def count_columns() -> tuple[str, ...]:
    """Return the columns that `Tree.counts` reads, of any tree."""
    names = vote_columns()
    return (*names, *sorted({f"{name.split('_')[0]}_total-votes" for name in names}))


def recognized(table: Table) -> Tree | None:
    """Return the tree whose questions a catalog answers, None where it has no votes of a known one."""
    return next((tree for tree in TREES.values() if tree.recognizes(table.colnames)), None)


def tree_of(table: Table) -> Tree:
    """Return the tree whose questions a catalog answers.

    Raises:
        GalkerasError: It has no votes of a known tree.
    """
    tree = recognized(table)
    if tree is None:
        known = ", ".join(tree.title for tree in TREES.values() if not tree.refused)
        raise GalkerasError(
            "the catalog has no votes of a known decision tree (columns like smooth-or-featured_smooth_fraction;"
            f" {known})"
        )
    return tree


def canonical_names(names: Sequence[str]) -> list[str]:
    """Return column names with the votes of any tree in one spelling.

    Where several columns would get the same name (votes of several data releases side by side) they keep theirs.

    >>> canonical_names(["smooth_or_featured_featured_or_disk_fraction", "bar-dr5_total"])
    ['smooth-or-featured_featured-or-disk_fraction', 'bar_total-votes']
    """
    new = [_canonical_name(name) for name in names]
    uses = Counter(new)
    return [n if uses[n] == 1 else old for old, n in zip(names, new, strict=True)]


def _canonical_name(name: str) -> str:
    return next((new for tree in TREES.values() if (new := tree.canonical(name)) is not None), name)
