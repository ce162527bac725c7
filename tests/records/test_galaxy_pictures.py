"""Pictures of galaxies picked by name."""

import numpy as np
import pytest

from galkeras.io.errors import GalkerasError
from galkeras.records.pairs import index_galaxies
from galkeras.records.pictures import galaxy_pictures
from galkeras.records.schema import SPLITS, RecordSet
from galkeras.surveys.pictures import to_rgb


def test_pictures_come_in_the_order_of_the_names(records):
    one = RecordSet.load(records)
    indexed = index_galaxies(one, SPLITS)
    rows = np.array([17, 3, 17, 60])
    pictures = galaxy_pictures([one], indexed.id[rows], [one.survey] * 4)
    assert np.array_equal(pictures, to_rgb(indexed[rows].images(), one.units, one.pixel_scale))
    assert not np.array_equal(pictures[0], pictures[1])
    small = galaxy_pictures([one], indexed.id[rows], [one.survey] * 4, side=16)
    assert small.shape == (4, 16, 16, 3)
    assert abs(small.mean() - pictures.mean()) < 0.1 * pictures.mean()


def test_missing_galaxies_and_twice_the_same_survey_are_named(records):
    one = RecordSet.load(records)
    known = index_galaxies(one, SPLITS).id[0]
    with pytest.raises(GalkerasError, match=r"no image of nobody .*: 1 of 2 galaxies"):
        galaxy_pictures([one], [known, "nobody"], [one.survey] * 2)
    with pytest.raises(GalkerasError, match="no image of .* \\(elsewhere\\)"):
        galaxy_pictures([one], [known], ["elsewhere"])
    with pytest.raises(GalkerasError, match="one record set of a survey"):
        galaxy_pictures([one, one], [known], [one.survey])
