"""What people hold, without a catalog: folders, classes in names, npz, HDF5, Parquet, datasets."""

import io
import os
import pickle

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from sky import galaxy, write_csv, write_fits, write_png

from galkeras.io.errors import GalkerasError
from galkeras.records.inspect import read_galaxies
from galkeras.records.make import make_tfrecords
from galkeras.surveys.catalog import read_catalog
from galkeras.surveys.cutouts import read_cutout
from galkeras.surveys.cutouts.pictures import from_rgb
from galkeras.surveys.gather import gather

SIDE = 20


def rgb(seed=0, side=SIDE):
    return np.random.default_rng(seed).integers(1, 255, (side, side, 3), np.uint8)


def png(seed=0):
    stream = io.BytesIO()
    Image.fromarray(rgb(seed)).save(stream, "PNG")
    return stream.getvalue()


def make(cutouts, out, **options):
    return make_tfrecords(None, cutouts, out, **{"survey": "sdss", "workers": 1} | options)


def stored(records):
    return {one.id: one.image for one in read_galaxies(records)}


def test_a_folder_is_its_own_catalog(tmp_path, caplog):
    for index in range(4):
        write_png(tmp_path / "in" / f"a{index}.png", rgb(index))
    write_fits(tmp_path / "in" / "sub" / "J120000.00-303000.0.fits", galaxy(SIDE), SURVEY="", VERSION="")
    (tmp_path / "in" / "notes.txt").write_text("no image")
    (tmp_path / "in" / ".hidden.png").write_text("no image")
    table, sources = gather(None, tmp_path / "in")
    assert table["id"].tolist() == ["a0", "a1", "a2", "a3", "J120000.00-303000.0"]
    assert table["ra"][4] == 180 and np.isnan(table["ra"][0]) and len(sources) == 5
    records = make(tmp_path / "in", tmp_path / "out")
    # The galaxy in FITS among pictures is left out with the reason, and nothing is lost.
    assert (records.read, records.written, records.rejected) == (5, 4, 1)
    assert records.bands == ("g", "r", "i")
    np.testing.assert_array_equal(stored(records)["a2"], from_rgb(rgb(2)))
    assert "catalog.csv" in caplog.text
    assert read_catalog(tmp_path / "out" / "catalog.csv", position=False)["id"].tolist() == table["id"].tolist()
    # One place is the cutouts, whichever argument it is given as; beside a catalog none is written.
    again = make_tfrecords(tmp_path / "in", None, tmp_path / "again", survey="sdss", workers=1)
    assert again.digest == records.digest
    catalog = write_csv(tmp_path / "c.csv", {"id": ["a0", "a1"]})
    make_tfrecords(catalog, tmp_path / "in", tmp_path / "out", survey="sdss", workers=1, position=False)
    assert not (tmp_path / "out" / "catalog.csv").exists()


def test_of_one_name_in_two_formats_the_better_is_taken_and_folders_tell_names_apart(tmp_path):
    write_png(tmp_path / "in" / "a.png", rgb())
    write_fits(tmp_path / "in" / "a.fits", galaxy(SIDE))
    write_png(tmp_path / "in" / "x" / "b.png", rgb())
    write_png(tmp_path / "in" / "y" / "b.png", rgb())
    table, sources = gather(None, tmp_path / "in")
    assert table["id"].tolist() == ["a", "x/b", "y/b"] and sources[0].path.endswith("a.fits")


def test_a_name_that_is_not_utf_8_costs_no_other_galaxy(tmp_path):
    for name in ("a", "b", os.fsdecode(b"\xff")):
        write_png(tmp_path / "in" / f"{name}.png", rgb())
    records = make(tmp_path / "in", tmp_path / "out")
    assert sorted(row.id for row in read_galaxies(records)) == [r"\udcff", "a", "b"]
    assert set(read_catalog(tmp_path / "out" / "catalog.csv", position=False)["id"]) == {r"\udcff", "a", "b"}


def test_folders_hold_the_class(tmp_path, caplog):
    for index in range(6):
        write_png(tmp_path / "in" / ("ring" if index % 2 else "no_ring") / f"{index // 2:03d}.png", rgb(index))
    make(tmp_path / "in", tmp_path / "out", label_from="name")
    table = read_catalog(tmp_path / "out" / "catalog.csv", position=False)
    assert table["label"].tolist() == ["no_ring"] * 3 + ["ring"] * 3
    assert table["id"].tolist()[0] == "no_ring/000"
    assert "label: 3 no_ring, 3 ring" in caplog.text


def test_file_names_hold_the_class_as_those_of_galaxy10(real_data):
    table, sources = gather(None, real_data / "galaxy10", label_from="name")
    labels, counts = np.unique(np.array(table["label"]), return_counts=True)
    assert len(sources) == 110 and [f"class_{n}" in labels for n in range(10)] == [True] * 10
    assert counts[labels == "class_3"] == 10


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a_1", "a_2"], "hold one class, 'a', for all 2 images"),
        (["ring/1", "b/2", "c/3"], "are 3 different ones, as 'b', and no classes"),
    ],
)
def test_names_that_hold_no_classes_are_told(tmp_path, names, words):
    for name in names:
        write_png(tmp_path / "in" / f"{name}.png", rgb())
    with pytest.raises(GalkerasError, match=words):
        make(tmp_path / "in", tmp_path / "out", label_from="name")
    assert not (tmp_path / "out").exists()


def test_what_is_not_there_is_told(tmp_path):
    (tmp_path / "empty").mkdir()
    write_png(tmp_path / "in" / "a.png", rgb())
    with pytest.raises(GalkerasError, match=r"folder .*empty holds no cutouts \(\.fits"):
        make(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(GalkerasError, match="none do not exist"):
        make(tmp_path / "none", tmp_path / "out")
    with pytest.raises(GalkerasError, match="nothing"):
        make(None, tmp_path / "out")
    with pytest.raises(GalkerasError, match="a folder, or a file of many images"):
        make(tmp_path / "in" / "a.png", tmp_path / "out")
    with pytest.raises(GalkerasError, match="`label_from` must be name"):
        make(tmp_path / "in", tmp_path / "out", label_from="folder")
    with pytest.raises(GalkerasError, match="leave one of them out"):
        gather(tmp_path / "c.csv", tmp_path / "in", label_from="name")


def test_sides_that_differ_are_rejected_with_the_reason(tmp_path):
    for index in range(4):
        write_png(tmp_path / "in" / f"a{index}.png", rgb(index))
    write_png(tmp_path / "in" / "b.png", rgb(0, 30))
    records = make(tmp_path / "in", tmp_path / "out")
    assert (records.image_size, records.written, records.rejected) == (SIDE, 4, 1)
    assert "30 x 30 pixels, not 20 x 20" in (tmp_path / "out" / "rejected.csv").read_text()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_of_images_and_labels(tmp_path, save):
    images = np.stack([rgb(index) for index in range(5)])
    names = np.array(["smooth", "disk"])
    save(tmp_path / "set.npz", pictures=images, label=np.array([0, 1, -1, 1, 0]), class_names=names, other=np.eye(3))
    records = make(tmp_path / "set.npz", tmp_path / "out")
    found = stored(records)
    assert sorted(found) == [f"set-{row:07d}" for row in range(5)]
    np.testing.assert_array_equal(found["set-0000003"], from_rgb(images[3]))
    table = read_catalog(tmp_path / "out" / "catalog.csv", position=False)
    assert table["label"].tolist() == ["smooth", "disk", "", "disk", "smooth"] and "other" not in table.colnames
    # As flux, the bands first.
    flux = np.random.default_rng(0).random((3, 3, SIDE, SIDE))
    save(tmp_path / "flux.npz", images=flux)
    cutout = read_cutout(tmp_path / "flux.npz", 1)
    assert cutout.units == "nanomaggy"
    np.testing.assert_allclose(cutout.image, np.moveaxis(flux[1], 0, -1), rtol=1e-6)


class Bomb:
    def __reduce__(self):
        return open, ("/tmp/should-never-be-there", "w")


def test_npz_that_is_damaged_or_a_pickle_is_refused(tmp_path):
    images = np.stack([rgb(index) for index in range(5)])
    np.savez(tmp_path / "labels.npz", images=images, label=np.array([Bomb()] * 5, object))
    with pytest.raises(GalkerasError, match=r"labels\.npz: label is a pickle, which is never loaded"):
        make(tmp_path / "labels.npz", tmp_path / "out")
    np.savez(tmp_path / "all.npz", images=np.full((2, 3, 3, 3), Bomb(), object))
    with pytest.raises(GalkerasError, match="never loaded|uint8 or floats"):
        make(tmp_path / "all.npz", tmp_path / "out")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(GalkerasError, match=r"text\.npz is not readable: File is not a zip file"):
        make(tmp_path / "text.npz", tmp_path / "out")
    (tmp_path / "p.npz").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(GalkerasError, match="not readable"):
        make(tmp_path / "p.npz", tmp_path / "out")
    np.savez(tmp_path / "none.npz", x=np.eye(3))
    with pytest.raises(GalkerasError, match="no array of four axes"):
        make(tmp_path / "none.npz", tmp_path / "out")
    np.savez(tmp_path / "short.npz", images=images, labels=np.arange(4))
    with pytest.raises(GalkerasError, match=r"short\.npz: labels has 4 values for 5 images$"):
        make(tmp_path / "short.npz", tmp_path / "out")
    whole = (tmp_path / "labels.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(GalkerasError, match="not readable"):
        make(tmp_path / "cut.npz", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_hdf5_of_images_and_labels_needs_no_catalog(tmp_path):
    images = np.stack([rgb(index) for index in range(5)])
    with h5py.File(tmp_path / "ten.h5", "w") as file:
        file["images"], file["ans"] = images, np.arange(5) % 2
    records = make(tmp_path / "ten.h5", tmp_path / "out")
    np.testing.assert_array_equal(stored(records)["ten-0000004"], from_rgb(images[4]))
    assert read_catalog(tmp_path / "out" / "catalog.csv", position=False)["ans"].tolist() == [0, 1, 0, 1, 0]


def pictures(ids, start=0):
    cells = [{"bytes": png(start + index), "path": f"{name}.png"} for index, name in enumerate(ids)]
    return pa.table({"image": cells, "id_str": ids, "smooth": list(range(len(ids)))})


def test_a_datasets_folder_of_parquet(tmp_path):
    folder = tmp_path / "set" / "data"
    folder.mkdir(parents=True)
    pq.write_table(pictures(["a", "b", "c"]), folder / "train-00000-of-00002.parquet", row_group_size=2)
    pq.write_table(pictures(["d", "e"], 3), folder / "train-00001-of-00002.parquet")
    records = make(tmp_path / "set", tmp_path / "out")
    found = stored(records)
    assert sorted(found) == list("abcde")
    for index, name in enumerate("abcde"):
        np.testing.assert_array_equal(found[name], from_rgb(rgb(index)))
    assert read_catalog(tmp_path / "out" / "catalog.csv", position=False)["smooth"].tolist() == [0, 1, 2, 0, 1]
    one = make(folder / "train-00001-of-00002.parquet", tmp_path / "one")
    assert sorted(stored(one)) == ["d", "e"]
    pq.write_table(pictures(["a"]), folder / "more.parquet")
    with pytest.raises(GalkerasError, match="1 names of galaxies appear more than once, as 'a'"):
        make(tmp_path / "set", tmp_path / "two")


@pytest.mark.parametrize("kind", [pa.ipc.new_stream, pa.ipc.new_file])
def test_a_datasets_folder_of_arrow(tmp_path, kind):
    table = pictures(["a", "b"])
    with kind(tmp_path / "data-00000-of-00001.arrow", table.schema) as writer:
        writer.write_table(table)
    np.testing.assert_array_equal(stored(make(tmp_path, tmp_path.parent / "out"))["b"], from_rgb(rgb(1)))


def test_fluxes_by_band_as_multimodal_universe_has_them(tmp_path):
    flux = np.random.default_rng(0).random((3, SIDE, SIDE)).astype(np.float32)
    cell = {"band": ["des-r", "des-z", "des-g"], "flux": flux.tolist(), "scale": [0.262] * 3}
    pq.write_table(pa.table({"image": [cell], "object_id": ["x"], "ra": [1.0], "dec": [2.0]}), tmp_path / "m.parquet")
    cutout = read_cutout(tmp_path / "m.parquet", 0)
    assert (cutout.bands, cutout.units, cutout.pixel_scale) == (("g", "r", "z"), "nanomaggy", 0.262)
    np.testing.assert_array_equal(cutout.image, np.stack([flux[2], flux[0], flux[1]], -1))
    records = make(tmp_path / "m.parquet", tmp_path / "out", survey="decals")
    (one,) = read_galaxies(records)
    assert (one.id, one.ra, one.dec, records.pixel_scale) == ("x", 1.0, 2.0, 0.262)


def test_cells_without_an_image_are_rejected_and_files_without_images_refused(tmp_path):
    table = pictures(["a", "b", "c", "d"])
    cells = table.column("image").to_pylist()
    cells[1], cells[2] = {"bytes": None, "path": "b.png"}, {"bytes": b"hello", "path": ""}
    pq.write_table(table.set_column(0, "image", pa.array(cells)), tmp_path / "x.parquet")
    records = make(tmp_path / "x.parquet", tmp_path / "out")
    assert (records.read, records.written, records.rejected) == (4, 2, 2)
    reasons = (tmp_path / "out" / "rejected.csv").read_text()
    assert "the cell is empty" in reasons and "neither PNG nor JPEG" in reasons
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "t.parquet")
    with pytest.raises(GalkerasError, match=r"t\.parquet has no column of images. It has: id"):
        make(tmp_path / "t.parquet", tmp_path / "two")
    (tmp_path / "bad.parquet").write_text("hello")
    with pytest.raises(GalkerasError, match=r"bad\.parquet is not readable"):
        make(tmp_path / "bad.parquet", tmp_path / "two")


def test_sdss_is_sdss_however_it_is_typed(tmp_path):
    write_png(tmp_path / "in" / "a.png", rgb())
    records = make(tmp_path / "in", tmp_path / "out", survey="SDSS")
    assert (records.survey, records.bands) == ("sdss", ("g", "r", "i"))
