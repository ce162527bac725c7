"""Galaxies of record sets, picked by name, as people look at them."""

__all__ = ["found_pictures", "galaxy_pictures"]

from collections.abc import Sequence

import numpy as np
from PIL import Image

from galkeras.records.lookup import Found, find_galaxies
from galkeras.records.schema import RecordSet
from galkeras.surveys.pictures import to_rgb


def galaxy_pictures(
    records: Sequence[RecordSet], ids: Sequence[str], surveys: Sequence[str], side: int | None = None
) -> np.ndarray:
    """Return display pictures of named galaxies, in the order of the names.

    Args:
        records: Where to look, at most one record set a survey.
        ids: (rows,) names.
        surveys: (rows,) the survey whose image of the galaxy is meant.
        side: Side of the pictures in pixels, to which images are resampled; default: that of the first record set.

    Returns:
        (rows, side, side, 3) uint8 RGB, north up.

    Raises:
        GalkerasError: A galaxy is in none of the record sets, or two of these are of one survey.
    """
    return found_pictures(find_galaxies(records, ids, surveys), np.arange(len(ids)), side or records[0].image_size)


def found_pictures(found: Sequence[Found], rows: Sequence[int], side: int) -> np.ndarray:
    """Return display pictures, (rows, side, side, 3) uint8 RGB with north up, of some of the rows that were found."""
    place = {int(row): (one.galaxies, index) for one in found for index, row in enumerate(one.rows)}
    pictures = np.zeros((len(rows), side, side, 3), np.uint8)
    # One by one: a large table of large images would not fit into memory.
    for number, row in enumerate(rows):
        galaxies, index = place[int(row)]
        records = galaxies.records
        (picture,) = to_rgb(galaxies[[index]].images(), records.units, records.pixel_scale, records.bands)
        pictures[number] = picture if len(picture) == side else Image.fromarray(picture).resize((side, side))
    return pictures
