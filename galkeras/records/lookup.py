"""Galaxies of several record sets, found by name and survey."""

__all__ = ["Found", "find_galaxies"]

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from galkeras.io.errors import GalkerasError
from galkeras.records.pairs import Galaxies, index_galaxies
from galkeras.records.schema import SPLITS, RecordSet


class Found(NamedTuple):
    """Galaxies of one record set: ``galaxies[i]`` is what was asked for in ``rows[i]``."""

    rows: np.ndarray
    galaxies: Galaxies


def find_galaxies(records: Sequence[RecordSet], ids: Sequence[str], surveys: Sequence[str]) -> list[Found]:
    """Find the images of named galaxies, reading each record set once.

    Args:
        records: Where to look, at most one record set a survey.
        ids: (rows,) names.
        surveys: (rows,) the survey whose image of the galaxy is meant.

    Returns:
        What was found in each record set; every row is in exactly one of them.

    Raises:
        GalkerasError: A galaxy is in none of the record sets, or two of these are of one survey.
    """
    names = [one.survey for one in records]
    if len(set(names)) < len(names):
        raise GalkerasError(f"at most one record set of a survey. Received: {', '.join(names)}")
    ids, surveys = np.asarray(ids), np.asarray(surveys)
    missing = np.ones(len(ids), bool)
    found = []
    for one in records:
        asked = np.flatnonzero(surveys == one.survey)
        if not len(asked):
            continue
        indexed = index_galaxies(one, SPLITS)
        place = {galaxy: row for row, galaxy in enumerate(indexed.id.tolist())}
        places = np.array([place.get(galaxy, -1) for galaxy in ids[asked].tolist()])
        missing[asked[places >= 0]] = False
        found.append(Found(asked[places >= 0], indexed[places[places >= 0]]))
    if missing.any():
        row = int(np.flatnonzero(missing)[0])
        raise GalkerasError(
            f"no image of {ids[row]} ({surveys[row]}) in {', '.join(str(one.path) for one in records)}:"
            f" {np.sum(missing):,} of {len(ids):,} galaxies are missing. Give the record sets that were encoded"
        )
    return found
