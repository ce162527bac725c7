"""Cutout formats by the end of a file's name, and one that a test registers."""

import h5py
import numpy as np
import pytest
from PIL import Image
from sky import galaxy, write_csv, write_fits, write_png

from galkeras.records.make import make_tfrecords
from galkeras.surveys.cutouts import FORMATS, Cutout, CutoutError, Format, extension_of, extensions, read_cutout


def test_the_best_ends_come_first():
    assert extensions()[:6] == (".fits", ".fit", ".fits.fz", ".png", ".jpg", ".jpeg")
    assert extension_of("A.FITS.FZ") == ".fits.fz" and extension_of("a.h5") is None and extension_of("a.txt") is None


def test_a_registered_format_is_found_and_becomes_records(monkeypatch, tmp_path):
    def read(path, bands):
        return Cutout(np.loadtxt(path, dtype=np.float32)[..., None], "nanomaggy", 0.3, None, None, bands or ("r",))

    monkeypatch.setitem(FORMATS, "text", Format((".table",), read))
    (tmp_path / "cutouts").mkdir()
    for index in range(3):
        np.savetxt(tmp_path / "cutouts" / f"g{index}.table", galaxy(20, index)[..., 1])
    catalog = write_csv(tmp_path / "c.csv", {"id": ["g0", "g1", "g2"], "ra": [1, 2, 3], "dec": [1, 2, 3]})
    records = make_tfrecords(catalog, tmp_path / "cutouts", tmp_path / "out", survey="mine", workers=1)
    assert (records.written, records.bands, records.pixel_scale) == (3, ("r",), pytest.approx(0.3))


def test_grey_pictures_are_of_one_band_where_that_is_asked_for(tmp_path):
    grey = np.arange(1, 101, dtype=np.uint8).reshape(10, 10)
    Image.fromarray(grey).save(tmp_path / "a.png")
    cutout = read_cutout(tmp_path / "a.png", bands=("vis",))
    np.testing.assert_array_equal(cutout.image[..., 0], grey[::-1])
    with pytest.raises(CutoutError, match="mode RGB, not grey"):
        read_cutout(write_png(tmp_path / "b.png", np.full((9, 9, 3), 9, np.uint8)), bands=("vis",))
    with pytest.raises(CutoutError, match="one band or three, not griz"):
        read_cutout(tmp_path / "b.png", bands=("g", "r", "i", "z"))


@pytest.mark.parametrize("bands", [("r",), ("g", "r", "i", "z", "y")])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_hdf5_of_other_bands(tmp_path, bands, dtype):
    images = np.random.default_rng(0).integers(1, 200, (3, 8, 8, len(bands))).astype(dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = images
        file["id"] = np.arange(3)
    cutout = read_cutout(tmp_path / "a.h5", 1, bands)
    wanted = images[1][::-1, :, ::-1] if dtype == np.uint8 else images[1]
    np.testing.assert_array_equal(cutout.image, wanted)
    records = make_tfrecords(
        tmp_path / "a.h5", tmp_path / "a.h5", tmp_path / "out", survey="x", position=False, bands=bands, workers=1
    )
    assert records.bands == bands and records.written == 3


def test_a_file_of_many_images_needs_a_row(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = np.ones((3, 8, 8, 3), np.float32)
    with pytest.raises(CutoutError, match="each in a row"):
        read_cutout(tmp_path / "a.h5")
    with pytest.raises(CutoutError, match="holds no rows"):
        read_cutout(write_fits(tmp_path / "a.fits", galaxy(9)), 2)
