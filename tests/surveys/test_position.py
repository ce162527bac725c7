"""Where cutouts lie, by their headers, where no catalog says it."""

import gzip

import numpy as np
import pytest
from sky import galaxy, write_csv, write_fits

from galkeras.records.inspect import read_galaxies
from galkeras.records.make import make_tfrecords
from galkeras.surveys.cutouts import read_cutout
from galkeras.surveys.position import sky_position

WCS = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.5, "CRVAL2": 2.25, "CRPIX1": 24.5, "CRPIX2": 24.5}


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    return read_cutout(write_fits(tmp_path_factory.mktemp("one") / "a.fits", galaxy(48), **WCS)).wcs


def test_the_middle_of_an_image_is_its_position(cards):
    assert sky_position(cards) == pytest.approx((150.5, 2.25), abs=1e-9)
    # Ten pixels of 0.262 arcsec to the north of the reference point.
    north = sky_position(cards | {"CRPIX2": 14.5})
    assert north == pytest.approx((150.5, 2.25 + 2.62 / 3600), abs=1e-7)
    assert sky_position(cards | {"CRVAL1": -10.0})[0] == pytest.approx(350)


@pytest.mark.parametrize(
    ("other", "ra", "dec"),
    [
        ({"CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN", "CRVAL1": 0.0, "CRVAL2": 0.0}, 266.40499, -28.93618),
        ({"RADESYS": "FK4", "EQUINOX": 1950.0, "CRVAL1": 0.0, "CRVAL2": 0.0}, 0.640691, 0.278410),
        ({"RADESYS": "FK5", "EQUINOX": 1950.0, "CRVAL1": 0.0, "CRVAL2": 0.0}, 0.640480, 0.278340),
        ({"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP"}, 150.5, 2.25),
    ],
)
def test_other_systems_are_turned_to_icrs(cards, other, ra, dec):
    assert sky_position(cards | other) == pytest.approx((ra, dec), abs=1e-4)


@pytest.mark.parametrize(
    "damage",
    [
        {"CTYPE1": "LINEAR", "CTYPE2": "LINEAR"},
        {"CTYPE2": "RA---TAN"},
        {"CTYPE1": "ZZZZ-QQQ"},
        {"CRVAL1": float("nan")},
        {"CRPIX1": 1e300},
        {"CUNIT1": "parsec"},
        {"CD1_1": 0.0, "CD2_2": 0.0},
    ],
)
def test_damaged_coordinates_are_none(cards, damage):
    assert sky_position(cards | damage) is None
    assert sky_position({name: value for name, value in cards.items() if name != "CRVAL2"}) is None


def test_records_have_the_positions_of_headers_where_no_catalog_says_more(tmp_path):
    folder = tmp_path / "cutouts"
    for number, header in enumerate([WCS, WCS | {"CRVAL1": "no"}, {}, WCS | {"CTYPE1": "GARBAGE"}]):
        write_fits(folder / f"g{number}.fits", galaxy(48, number), **header)
    # Compressed files are read by a process of its own.
    (folder / "g4.fits").write_bytes(gzip.compress((folder / "g0.fits").read_bytes()))
    made = make_tfrecords(None, folder, tmp_path / "r", workers=1)
    found = {one.id: (one.ra, one.dec) for one in read_galaxies(made)}
    nowhere = (np.nan, np.nan)
    assert len(found) == 5
    for name, place in {"g0": (150.5, 2.25), "g1": nowhere, "g2": nowhere, "g3": nowhere, "g4": (150.5, 2.25)}.items():
        assert found[name] == pytest.approx(place, nan_ok=True), name
    catalog = write_csv(tmp_path / "c.csv", {"id": ["g0", "g4"], "ra": [10.0, ""], "dec": [-1.0, ""]})
    made = make_tfrecords(catalog, folder, tmp_path / "known", position=False, workers=1)
    found = {one.id: (one.ra, one.dec) for one in read_galaxies(made)}
    assert found["g0"] == (10, -1) and found["g4"] == pytest.approx((150.5, 2.25))
