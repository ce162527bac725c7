"""Euclid: bands whose names are words, one of them often alone."""

import numpy as np
import pytest
from sky import write_fits

from galkeras.api import mock
from galkeras.io.errors import GalkerasError
from galkeras.surveys.cutouts import CutoutError, read_cutout, survey_of

IMAGE = np.random.default_rng(0).normal(1, 0.1, (32, 32, 4)).astype(np.float32)


def test_vis_and_nisp(tmp_path):
    path = write_fits(tmp_path / "a.fits", IMAGE, "VIS,Y,J,H", 0.1, SURVEY="Euclid", VERSION="Q1")
    cutout = read_cutout(path)
    assert survey_of(cutout) == "euclid" and cutout.bands == ("vis", "y", "j", "h") and cutout.pixel_scale == 0.1
    np.testing.assert_array_equal(read_cutout(path, bands=("h", "vis")).image, IMAGE[..., [3, 0]])


def test_vis_alone_is_asked_for(tmp_path):
    path = write_fits(tmp_path / "a.fits", IMAGE[..., :1], "VIS", 0.1, SURVEY="Euclid", VERSION="Q1")
    np.testing.assert_array_equal(read_cutout(path, bands=("vis",)).image, IMAGE[..., :1])
    with pytest.raises(CutoutError, match="band y, j, h is missing, the file has vis"):
        read_cutout(path)


def test_it_is_not_simulated(tmp_path):
    with pytest.raises(GalkerasError, match="euclid cannot be simulated: it has vis, j, h"):
        mock(tmp_path / "m", 1, ["euclid"])
