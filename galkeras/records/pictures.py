"""Galaxies of record sets, picked by name, as people look at them."""

__all__ = ["galaxy_pictures"]

from collections.abc import Sequence

import numpy as np
from PIL import Image

from galkeras.errors import GalkerasError
from galkeras.records.pairs import index_galaxies
from galkeras.records.schema import SPLITS, RecordSet
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
    names = [one.survey for one in records]
    if len(set(names)) < len(names):
        raise GalkerasError(f"at most one record set of a survey. Received: {', '.join(names)}")
    side = side or records[0].image_size
    ids, surveys = np.asarray(ids), np.asarray(surveys)
    pictures = np.zeros((len(ids), side, side, 3), np.uint8)
    found = np.zeros(len(ids), bool)
    for one in records:
        asked = np.flatnonzero(surveys == one.survey)
        if not len(asked):
            continue
        indexed = index_galaxies(one, SPLITS)
        place = {galaxy: row for row, galaxy in enumerate(indexed.id.tolist())}
        asked = asked[[galaxy in place for galaxy in ids[asked].tolist()]]
        found[asked] = True
        # One by one: a large table of large images would not fit into memory.
        for row in asked:
            image = indexed[[place[str(ids[row])]]].images()
            (picture,) = to_rgb(image, one.units, one.pixel_scale)
            pictures[row] = picture if len(picture) == side else Image.fromarray(picture).resize((side, side))
    if not found.all():
        row = int(np.flatnonzero(~found)[0])
        raise GalkerasError(
            f"no image of {ids[row]} ({surveys[row]}) in {', '.join(str(one.path) for one in records)}:"
            f" {np.sum(~found):,} of {len(ids):,} galaxies are missing. Give the record sets that were encoded"
        )
    return pictures
