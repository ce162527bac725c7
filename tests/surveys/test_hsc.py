"""Hyper Suprime-Cam: five bands, sharper and deeper than the Legacy Surveys."""

import numpy as np

from galkeras.api import mock
from galkeras.surveys.cutouts import read_cutout, survey_of
from galkeras.surveys.facts import get_survey


def test_hsc_is_sharper_and_deeper_than_decals():
    hsc, decals = get_survey("hsc"), get_survey("decals")
    for name in "grz":
        assert hsc.bands[name].seeing < decals.bands[name].seeing
        assert hsc.bands[name].depth > decals.bands[name].depth + 1


def test_five_bands_are_simulated_and_read(tmp_path):
    folder = mock(tmp_path / "m", 2, ["decals", "hsc"], size=64, workers=1, defects=0, noise_free=True)
    for file in (folder / "noise-free" / "hsc").iterdir():
        cutout = read_cutout(file)
        assert survey_of(cutout) == "hsc" and cutout.bands == ("g", "r", "i", "z", "y")
        light = cutout.image.sum((0, 1))
        # Galaxies are redder than flat, and i and y lie on the line through r and z.
        assert (np.diff(light) > 0).all()
        np.testing.assert_allclose(light[2], (light[1] + light[3]) / 2, rtol=0.05)
        seen = read_cutout(folder / "noise-free" / "decals" / file.name).image.sum((0, 1))
        np.testing.assert_allclose(light[[0, 1, 3]], seen, rtol=0.1)
