"""Cutouts as NumPy's .npz."""

import numpy as np
import pytest
from sky import galaxy, write_csv

from galkeras.records.make import make_tfrecords
from galkeras.surveys.cutouts import CutoutError, read_cutout, survey_of


def write(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_an_array_and_what_it_is(tmp_path):
    image = galaxy(32)
    cutout = read_cutout(write(tmp_path / "a.npz", image=image, bands="zrg", pixel_scale=0.262, survey="SDSS"))
    assert (cutout.bands, cutout.units, cutout.pixel_scale) == (("z", "r", "g"), "nanomaggy", 0.262)
    assert survey_of(cutout) == "sdss" and cutout.image.dtype == np.float32
    np.testing.assert_array_equal(cutout.image, image)
    asked = read_cutout(tmp_path / "a.npz", bands=("g", "z"))
    np.testing.assert_array_equal(asked.image, image[..., [2, 0]])


def test_one_band_and_pictures(tmp_path):
    one = read_cutout(write(tmp_path / "a.npz", image=galaxy(32)[..., 0].astype(np.float64), bands="vis"))
    assert one.image.shape == (32, 32, 1) and one.bands == ("vis",)
    picture = read_cutout(write(tmp_path / "b.npz", image=np.full((9, 9, 3), 7, np.uint8), units="picture"))
    assert picture.units == "picture" and picture.bands == ("g", "r", "z")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"picture": np.ones((9, 9))}, "no image"),
        ({"image": np.ones(9)}, "wrong shape: an array"),
        ({"image": np.ones((9, 9, 40))}, "wrong shape: an array"),
        ({"image": np.ones((9, 9, 2))}, "2 planes for bands 'grz'"),
        ({"image": np.ones((9, 9, 3)), "bands": "../"}, "`bands` must be"),
        ({"image": np.ones((9, 9, 3)), "bands": "g" * 9000}, "too long"),
        ({"image": np.ones((9, 9, 3), int)}, "wrong units"),
        ({"image": np.ones((9, 9, 3)), "units": "picture"}, "wrong units"),
        ({"image": np.ones((9, 9, 3)), "units": "jansky"}, "wrong units"),
        ({"image": np.ones((5000, 1, 1)), "bands": "g"}, "too large"),
        ({"image": np.ones((9, 9, 3)), "pixel_scale": -1.0}, "wrong pixel scale"),
        ({"image": np.array([{}] * 9, object)}, "wrong shape"),
        ({"image": np.array([[{}] * 9] * 9, object), "bands": "g"}, "no image"),
        ({"image": np.full((9, 9, 3), np.nan)}, "not finite"),
    ],
)
def test_what_is_no_cutout_is_refused_and_nothing_unpickled(tmp_path, arrays, message):
    with pytest.raises(CutoutError, match=message):
        read_cutout(write(tmp_path / "a.npz", **arrays))


def test_a_file_of_other_bytes(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(CutoutError, match="no image"):
        read_cutout(tmp_path / "a.npz")


def test_they_are_found_and_become_records(tmp_path):
    (tmp_path / "cutouts").mkdir()
    for index in range(3):
        write(tmp_path / "cutouts" / f"g{index}.npz", image=galaxy(32, index), pixel_scale=0.3)
    catalog = write_csv(tmp_path / "c.csv", {"id": ["g0", "g1", "g2"], "ra": [1, 2, 3], "dec": [1, 2, 3]})
    records = make_tfrecords(catalog, tmp_path / "cutouts", tmp_path / "out", survey="mine", workers=1)
    assert records.written == 3 and records.pixel_scale == pytest.approx(0.3)
