"""Surveys by name: facts that the rest relies on, and one that a test registers."""

import numpy as np
import pytest
from sky import write_csv, write_fits, write_png

from galkeras.api import mock
from galkeras.io.errors import GalkerasError
from galkeras.records.make import make_tfrecords
from galkeras.simulation.galaxy import PAIR
from galkeras.surveys.cutouts import Cutout, CutoutError, read_cutout, survey_of
from galkeras.surveys.facts import SURVEYS, Band, Survey, get_survey
from galkeras.surveys.image import bands_of, in_order


def test_facts_are_plausible_and_numbers_never_shared():
    for name, survey in SURVEYS.items():
        assert survey.name == name and in_order(survey.bands) == tuple(survey.bands)
        assert len(survey.picture_bands) == 3 and set(survey.picture_bands) <= {*survey.bands, "g", "r", "z"}
        for band in survey.bands.values():
            assert 0.1 < band.seeing < 2 and 19 < band.depth < 27.5 and 0.05 < band.pixel_scale < 0.5
    numbers = [survey.number for survey in SURVEYS.values()]
    assert len(set(numbers)) == len(numbers) and min(numbers) == 0


def test_the_simulated_pair_keeps_its_seeds_and_its_place():
    assert [get_survey(name).number for name in PAIR] == [0, 1] and SURVEYS.names[:2] == PAIR


def test_an_unknown_survey_is_refused_with_the_known():
    with pytest.raises(GalkerasError, match="unknown survey 'decal'; known: decals, bass-mzls"):
        get_survey("decal")


@pytest.mark.parametrize(
    ("survey", "version", "name"), [("SDSS", None, "sdss"), ("SDSS DR17", "", "sdss"), ("sdssx", "", None)]
)
def test_sdss_by_its_header(survey, version, name):
    assert survey_of(Cutout(np.ones((4, 4, 5), np.float32), "nanomaggy", None, survey, version)) == name


def test_pictures_of_sdss_show_gri(tmp_path):
    for name in "abc":
        write_png(tmp_path / f"{name}.png", np.full((20, 20, 3), 99, np.uint8))
    catalog = write_csv(tmp_path / "c.csv", {"id": list("abc"), "ra": [1, 2, 3], "dec": [1, 2, 3]})
    assert make_tfrecords(catalog, tmp_path, tmp_path / "out", survey="sdss", workers=1).bands == ("g", "r", "i")


def test_sdss_is_simulated_in_its_five_bands_and_made_into_records(tmp_path):
    folder = mock(tmp_path / "m", 3, ["sdss"], size=32, workers=1, defects=0, noise_free=True)
    for file in (folder / "noise-free" / "sdss").iterdir():
        cutout = read_cutout(file)
        assert survey_of(cutout) == "sdss" and cutout.bands == ("u", "g", "r", "i", "z")
        u, g, r = -2.5 * np.log10(cutout.image.sum((0, 1))[:3])
        # Between a starburst and the reddest galaxy.
        assert 0.7 < u - g < 2.2 and 1.2 < u - r < 3
    records = make_tfrecords(folder / "catalog.parquet", folder / "cutouts" / "sdss", tmp_path / "r", workers=1)
    assert (records.survey, records.written, records.bands) == ("sdss", 3, ("u", "g", "r", "i", "z"))


def test_what_cannot_be_simulated_is_named(tmp_path):
    with pytest.raises(GalkerasError, match="euclid cannot be simulated: it has vis, j, h, and .* has light in u, g"):
        mock(tmp_path / "m", 1, ["decals", "euclid"])


@pytest.fixture
def toy(monkeypatch):
    """A survey of two bands that a SURVEY keyword names."""
    survey = Survey("toy", "Toy", "TOYS", {"g": Band(1.0, 23.0, 0.3), "i": Band(0.9, 22.0, 0.3)}, number=99)
    monkeypatch.setitem(SURVEYS, "toy", survey)
    return survey


def toy_image(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(1, 0.1, (32, 32, 3)).astype(np.float32)


def test_a_registered_survey_is_recognised_and_its_bands_are_kept(toy, tmp_path):
    for index in range(3):
        write_fits(tmp_path / "cutouts" / f"g{index}.fits", toy_image(index), "irg", SURVEY="Toys", VERSION="1")
    cutout = read_cutout(tmp_path / "cutouts" / "g0.fits")
    assert survey_of(cutout) == "toy" and cutout.bands == ("g", "i")
    np.testing.assert_array_equal(cutout.image, toy_image()[..., [2, 0]])
    catalog = write_csv(tmp_path / "c.csv", {"id": ["g0", "g1", "g2"], "ra": [1, 2, 3], "dec": [1, 2, 3]})
    records = make_tfrecords(catalog, tmp_path / "cutouts", tmp_path / "out", workers=1)
    assert (records.survey, records.bands) == ("toy", ("g", "i"))
    asked = make_tfrecords(catalog, tmp_path / "cutouts", tmp_path / "r", bands="r", workers=1)
    assert asked.bands == bands_of("r")
    with pytest.raises(GalkerasError, match="holds the record set of bands gi, not r"):
        make_tfrecords(catalog, tmp_path / "cutouts", tmp_path / "out", bands="r", workers=1)


def test_a_registered_survey_is_simulated(toy, tmp_path):
    folder = mock(tmp_path / "m", 1, ["toy"], size=32, workers=1, defects=0)
    (file,) = (folder / "cutouts" / "toy").iterdir()
    cutout = read_cutout(file)
    assert cutout.image.shape == (32, 32, 2) and cutout.bands == ("g", "i") and survey_of(cutout) == "toy"


def test_a_band_that_is_not_there_is_named(tmp_path):
    write_fits(tmp_path / "a.fits", toy_image(), "gri")
    with pytest.raises(CutoutError, match="band y is missing, the file has g, r, i"):
        read_cutout(tmp_path / "a.fits", bands=("g", "y"))
