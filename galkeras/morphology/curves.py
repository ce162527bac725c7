"""How scores change with size, brightness, redshift and seeing: quarters of the tested galaxies, each scored alone."""

__all__ = ["BY", "PARTS", "Curve", "curves", "read_values"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from galkeras.galaxyzoo.labels import no_column
from galkeras.io.errors import GalkerasError
from galkeras.morphology.scores import score

BY = {
    "petro_th50": "half-light radius (arcsec)",
    "PETROR50_R": "half-light radius (arcsec)",
    "sersic_nmgy_r": "flux in r (nanomaggies)",
    "mag_r": "magnitude in r",
    "PETROMAG_R": "magnitude in r",
    "redshift": "redshift",
    "REDSHIFT": "redshift",
    "psfsize_r": "seeing in r, FWHM (arcsec)",
}
"""Columns of published catalogs that scores are drawn against where nothing else is asked for, as axes name them."""

PARTS = 4
"""Into how many parts the tested galaxies are cut, or fewer where they are few."""

# Kinds of dtypes.
_NUMBERS = "iuf"
# Galaxies of a part: with fewer an interval says nothing.
_FEWEST = 30


@dataclass(frozen=True)
class Curve:
    """Balanced accuracy in parts of the tested galaxies, by a number that the catalog has of each.

    Attributes:
        edges: (parts + 1,) bounds of the parts.
        rows: (parts,) rows in each.
        balanced_accuracy: (parts,) None where a class is not among them.
        intervals: (parts,) its 2.5 % and 97.5 % bounds when galaxies are drawn again, likewise.
    """

    edges: tuple[float, ...]
    rows: tuple[int, ...]
    balanced_accuracy: tuple[float | None, ...]
    intervals: tuple[tuple[float, float] | None, ...]


def read_values(catalog: Table, by: Sequence[str] | None) -> dict[str, np.ndarray]:
    """Return columns of a catalog as float64, NaN where a cell is empty; by default those of `BY` that it has.

    Raises:
        GalkerasError: A column that is asked for is missing or holds no numbers.
    """
    if by is None:
        by = [name for name in BY if name in catalog.colnames and catalog[name].dtype.kind in _NUMBERS]
    values = {}
    for name in by:
        if name not in catalog.colnames:
            raise no_column(catalog, name)
        if catalog[name].dtype.kind not in _NUMBERS:
            raise GalkerasError(f"scores are drawn against numbers, and column {name!r} holds {catalog[name].dtype}")
        values[name] = np.ma.filled(np.ma.asarray(catalog[name], np.float64), np.nan)
    return values


def curves(
    values: Mapping[str, np.ndarray],
    truth: np.ndarray,
    named: np.ndarray,
    classes: Sequence[str],
    *,
    groups: np.ndarray,
    seed: int = 0,
) -> dict[str, Curve]:
    """Score equal parts of the tested galaxies by each number; by none of which too few are known.

    Args:
        values: By name (rows,) numbers, NaN where unknown.
        truth: (rows,) indices into ``classes``.
        named: (rows,) likewise, the answers.
        classes: Class names.
        groups: (rows,) the galaxy of each row.
        seed: Seed of the bootstrap.
    """
    found = {}
    for name, numbers in values.items():
        known = np.isfinite(numbers)
        parts = min(PARTS, np.count_nonzero(known) // _FEWEST)
        if parts < 2:
            continue
        edges = np.unique(np.quantile(numbers[known], np.linspace(0, 1, parts + 1)))
        if len(edges) < 3:
            continue
        # The last part has its upper bound, too.
        part = np.where(known, np.clip(np.searchsorted(edges, numbers, "right") - 1, 0, len(edges) - 2), -1)
        members = [np.flatnonzero(part == one) for one in range(len(edges) - 1)]
        scored = [_score(truth[rows], named[rows], classes, groups[rows], seed) for rows in members]
        accuracies, intervals = zip(*scored, strict=True)
        found[name] = Curve(tuple(edges.tolist()), tuple(map(len, members)), accuracies, intervals)
    return found


def _score(
    truth: np.ndarray, named: np.ndarray, classes: Sequence[str], groups: np.ndarray, seed: int
) -> tuple[float | None, tuple[float, float] | None]:
    if len(np.unique(truth)) < len(classes):
        return None, None
    scores = score(truth, named, classes, majority=truth, groups=groups, seed=seed)
    return scores.balanced_accuracy, scores.intervals["balanced_accuracy"]
