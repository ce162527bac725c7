"""The morphological types that a scan is broken down by."""

__all__ = ["galaxy_types"]

from collections import Counter
from pathlib import Path

import numpy as np
from astropy.table import Table

from galkeras.galaxyzoo.labels import column_labels
from galkeras.galaxyzoo.trees import recognized, vote_columns
from galkeras.io.errors import GalkerasError
from galkeras.surveys.catalog import read_catalog, rows_in

_FEWEST = 10


def galaxy_types(
    ids: np.ndarray, catalog: str | Path | Table, label_column: str | None = None, id_column: str | None = None
) -> tuple[dict[str, str], dict[str, int]]:
    """Return the type of each galaxy that has one, and the types of fewer than 10 of them, which are left out.

    Args:
        ids: Names of the galaxies that will be scored.
        catalog: Vote fractions of a decision tree, or any table with ``label_column``.
        label_column: A column of types in place of the `types` of the tree.
        id_column: The catalog's column of galaxy names, where it is not one of the usual.

    Returns:
        Galaxy name to type, in the order of the types; and type to count of those left out.

    Raises:
        GalkerasError: The catalog has no votes or no such column, or none of the galaxies.
    """
    wanted = None if label_column else vote_columns()
    catalog = read_catalog(catalog, id_column=id_column, position=False, columns=wanted)
    if label_column is not None:
        types = column_labels(catalog, label_column)
    elif (tree := recognized(catalog)) is None:
        raise GalkerasError(
            "the catalog has no votes of Galaxy Zoo (columns like smooth-or-featured_smooth_fraction); name a column of"
            " types with `label_column`"
        )
    elif tree.refused:
        raise GalkerasError(tree.refused)
    else:
        types = np.full(len(catalog), "", dtype="<U32")
        for name, (question, answer) in tree.types.items():
            types[tree.labels(catalog, question) == answer] = name
    rows, matches = rows_in(catalog, ids)
    found = {str(name): str(kind) for name, kind in zip(ids[rows], types[matches], strict=True) if kind}
    counts = Counter(found.values())
    order = [name for name in (sorted(counts) if label_column else tree.types) if counts[name] >= _FEWEST]
    kept = dict(sorted(((i, t) for i, t in found.items() if t in order), key=lambda pair: order.index(pair[1])))
    return kept, {name: count for name, count in sorted(counts.items()) if name not in order}
