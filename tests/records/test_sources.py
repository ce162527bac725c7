"""Record sets from the files that surveys and published samples hand out."""

import csv

import h5py
import numpy as np
import pytest
from sky import galaxy

from galkeras.io.errors import GalkerasError
from galkeras.records.inspect import read_galaxies
from galkeras.records.make import make_tfrecords
from galkeras.surveys.pictures import to_rgb


def galaxies(records):
    return {g.id: g for g in read_galaxies(records)}


def test_galaxy10_layout(tmp_path, real_data):
    from PIL import Image

    files = sorted((real_data / "galaxy10").glob("*.jpg"))[:20]
    pictures = np.stack([np.asarray(Image.open(path)) for path in files])
    path = tmp_path / "Galaxy10_DECals.h5"
    with h5py.File(path, "w") as file:
        file["images"] = pictures
        file["ans"] = np.array([int(path.stem.split("_")[1]) for path in files], np.uint8)
        file["ra"], file["dec"] = np.linspace(0, 300, 20), np.linspace(-10, 30, 20)
        file["redshift"], file["pxscale"] = np.full(20, 0.1), np.full(20, 0.262)
    records = make_tfrecords(path, path, tmp_path / "out", survey="decals", image_size=64, workers=1)
    assert (records.written, records.units, records.dtype) == (20, "picture", "uint8")
    assert records.pixel_scale == pytest.approx(4 * 0.262)
    found = galaxies(records)
    one = found["Galaxy10_DECals-0000007"]
    blocks = pictures[7].reshape(64, 4, 64, 4, 3).mean((1, 3))
    assert np.abs(to_rgb(one.image, "picture") - blocks).max() <= 0.5
    assert one.ra == pytest.approx(np.linspace(0, 300, 20)[7], abs=1e-12)


def test_galaxymnist_layout(tmp_path, real_data):
    subset = np.load(real_data / "galaxymnist_subset.npz")
    with h5py.File(tmp_path / "mnist.hdf5", "w") as file:
        file["images"], file["labels"] = subset["images"], subset["label"]
    arguments = (tmp_path / "mnist.hdf5", tmp_path / "mnist.hdf5", tmp_path / "out")
    with pytest.raises(GalkerasError, match="no column ra and dec.*`position=False`"):
        make_tfrecords(*arguments, survey="decals", workers=1)
    records = make_tfrecords(*arguments, survey="decals", position=False, workers=1)
    assert (records.written, records.image_size) == (96, 64)
    np.testing.assert_array_equal(to_rgb(galaxies(records)["mnist-0000005"].image, "picture"), subset["images"][5])


def test_ssl_legacysurvey_layout(tmp_path):
    with h5py.File(tmp_path / "images.h5", "w") as file:
        file["images"] = np.stack([np.moveaxis(galaxy(152, seed), -1, 0) for seed in range(10)])
        file["ra"], file["dec"] = np.arange(10.0), np.arange(10.0)
        file["inds"] = np.arange(10) + 42_000_000
    path = tmp_path / "images.h5"
    records = make_tfrecords(path, path, tmp_path / "out", survey="decals", crop=128, image_size=64, workers=1)
    assert (records.units, records.dtype, records.image_size) == ("nanomaggy", "float32", 64)
    expected = galaxy(152, 3)[12:140, 12:140].sum((0, 1))
    np.testing.assert_allclose(galaxies(records)["42000003"].image.sum((0, 1)), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "images, message",
    [
        (None, "no dataset 'images'"),
        (np.zeros((4, 8, 8), np.uint8), "images must be"),
        (np.zeros((4, 8, 8, 3), np.int32), "images must be"),
        (np.zeros((4, 8, 8, 5), np.float32), "images must be"),
        (np.zeros((4, 3, 8, 8), np.uint8), "images must be"),
    ],
)
def test_other_hdf5_files_are_refused(tmp_path, images, message):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        if images is not None:
            file["images"] = images
        file["id"] = np.arange(4)
    with pytest.raises(GalkerasError, match=message):
        make_tfrecords(tmp_path / "a.h5", tmp_path / "a.h5", tmp_path / "out", survey="x", position=False)


def test_hdf5_that_points_elsewhere_is_refused(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(1000))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("images", (4, 8, 8, 3), np.uint8, external=[(str(secret), 0, h5py.h5f.UNLIMITED)])
    with pytest.raises(GalkerasError, match="kept in other files"):
        make_tfrecords(tmp_path / "a.h5", tmp_path / "a.h5", tmp_path / "out", survey="x", position=False)


def test_decals_pictures(tmp_path, real_data):
    folder = real_data / "gz_decals_sample"
    records = make_tfrecords(
        folder / "gz_decals_volunteers_5.csv", folder, tmp_path / "out", survey="decals", image_size=106, workers=1
    )
    assert records.written == records.read == 6
    for one in read_galaxies(records):
        assert 0.4 <= one.pixel_scale < 4 and one.image.std() > 1


def test_real_fits(tmp_path, real_data):
    folder = real_data / "fits"
    names = sorted(path.stem for path in folder.glob("*.fits"))
    lines = ["id,ra,dec", *(f"{name},1,1" for name in names)]
    (tmp_path / "c.csv").write_text("\n".join(lines))
    records = make_tfrecords(tmp_path / "c.csv", folder, tmp_path / "out", crop=160, image_size=64, workers=1)
    assert (records.survey, records.read, records.written) == ("decals", 9, 7)
    with open(tmp_path / "out" / "rejected.csv", newline="") as file:
        reasons = {row["id"]: row["reason"].split(":")[0] for row in csv.DictReader(file)}
    assert reasons == {"example_bad_pix": "mostly zero", "example_incomplete": "truncated"}
    assert galaxies(records)["mw_b"].pixel_scale == pytest.approx(0.262 * 160 / 64)
    assert records.pixel_scale is None
    # Without a size, the few of another size are left out and named.
    records = make_tfrecords(tmp_path / "c.csv", folder, tmp_path / "same", workers=1)
    assert (records.image_size, records.written) == (424, 4)
    assert "256 x 256 pixels, not 424 x 424" in (tmp_path / "same" / "rejected.csv").read_text()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (lambda sky: sky, "all of 0 to 1,"),
        (lambda sky: np.rint(255 * sky), "all whole numbers of 0 to 255,"),
        (lambda sky: 255 * sky, None),
        (lambda sky: sky - 0.01, None),
    ],
)
@pytest.mark.parametrize("end", ["npz", "h5"])
def test_floats_that_may_be_pictures_are_told(tmp_path, caplog, values, said, end):
    images = values(np.random.default_rng(0).uniform(0.001, 1, (12, 32, 32, 3))).astype(np.float32)
    if end == "npz":
        np.savez(tmp_path / "set.npz", images=images)
    else:
        with h5py.File(tmp_path / "set.h5", "w") as file:
            file["images"], file["id"] = images, np.arange(12)
    records = make_tfrecords(None, tmp_path / f"set.{end}", tmp_path / "out", survey="decals", workers=1)
    assert records.units == "nanomaggy"
    told = [line for line in caplog.messages if "were taken for nanomaggies" in line]
    assert len(told) == (said is not None)
    if said:
        assert said in told[0] and "must be uint8" in told[0] and "\n" not in told[0]
