"""Rubin LSST: six bands, the deepest of all."""

import numpy as np
import pytest

from galkeras.api import mock
from galkeras.records.make import make_tfrecords
from galkeras.surveys.cutouts import read_cutout, survey_of
from galkeras.surveys.facts import get_survey, recognise

BANDS = ("u", "g", "r", "i", "z", "y")


@pytest.mark.parametrize(
    ("survey", "version", "name"), [("LSST", None, "lsst"), ("LSST DP1", "v29", "lsst"), ("lsstx", "", None)]
)
def test_by_its_header(survey, version, name):
    known = recognise(survey, version)
    assert (known and known.name) == name


def test_lsst_is_deeper_than_all_others():
    lsst = get_survey("lsst")
    for other in ("decals", "bass-mzls", "sdss", "hsc"):
        for name, band in get_survey(other).bands.items():
            assert lsst.bands[name].depth > band.depth


def test_six_bands_are_simulated_read_and_made_into_records(tmp_path):
    folder = mock(tmp_path / "m", 3, ["sdss", "lsst"], size=64, workers=1, defects=0, noise_free=True)
    for file in (folder / "noise-free" / "lsst").iterdir():
        cutout = read_cutout(file)
        assert survey_of(cutout) == "lsst" and cutout.bands == BANDS
        light = cutout.image.sum((0, 1))
        # Galaxies are redder than flat, and both surveys see one sky.
        assert (np.diff(light) > 0).all()
        seen = read_cutout(folder / "noise-free" / "sdss" / file.name).image.sum((0, 1))
        np.testing.assert_allclose(light[:5], seen, rtol=0.1)
    records = make_tfrecords(folder / "catalog.parquet", folder / "cutouts" / "lsst", tmp_path / "r", workers=1)
    assert (records.survey, records.written, records.bands) == ("lsst", 3, BANDS)
