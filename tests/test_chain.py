"""Every function takes what another returned, and what it returns says what it is."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sky import galaxy

import galkeras as gk
from galkeras.morphology import forests

SMALL = {"latent_dim": 4, "epochs": 1, "batch_size": 16, "architecture": "paper", "loss": "mse"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Pictures, and what is made of them."""
    folder = tmp_path_factory.mktemp("chain")
    (folder / "pictures").mkdir()
    rows = ["id,ra,dec,ring"]
    for number in range(80):
        pixels = np.clip(40 * galaxy(96, number) + 30, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "pictures" / f"g{number}.png")
        rows.append(f"g{number},{number},0,{number % 2}")
    (folder / "catalog.csv").write_text("\n".join(rows))
    records = gk.make_tfrecords(
        folder / "catalog.csv",
        folder / "pictures",
        folder / "records",
        survey="mine",
        crop=80,
        image_size=64,
        workers=1,
    )
    return folder, records, gk.fit(records, folder / "model", **SMALL)


def test_what_one_function_returns_another_takes(made, monkeypatch):
    folder, records, model = made
    monkeypatch.setitem(forests.FOREST, "n_estimators", 5)
    latents = gk.encode(model, records)
    result = gk.classify(latents, folder / "catalog.csv", label_column="ring")
    named = gk.predict(latents, result)
    assert len(named["id"]) == len(latents) == 80 and result.forests is None

    written = gk.encode(folder / "model", folder / "records", folder / "latents.parquet")
    np.testing.assert_array_equal(written.table.z, latents.z)
    again = gk.classify(written, folder / "catalog.csv", folder / "forests", label_column="ring")
    np.testing.assert_array_equal(gk.predict(written, folder / "forests")["ring_1"], named["ring_1"])
    assert gk.report(model, folder / "report", records=[records], latents=written, forests=[again]).exists()
    assert gk.load_model(model) is model and gk.RecordSet.load(records) is records


def test_they_say_what_they_are(made):
    folder, records, model = made
    assert repr(records) == f"<RecordSet {folder / 'records'}: 80 galaxies of mine, 64 x 64 x grz>"
    assert repr(model) == f"<VAE {folder / 'model'}: paper, 4 latents of 64 x 64 x 3 images>"
    assert repr(gk.encode(model, records)).startswith("<LatentTable: 80 galaxies, 4 latents of model ")
    assert f"{records} {model}" == f"{folder / 'records'} {folder / 'model'}" and model.path == folder / "model"


def test_ordinary_pictures_are_encoded_as_records_are(made):
    """As arrays, PIL images and files, north up and red first, larger than the model takes."""
    folder, records, model = made
    table = gk.encode(model, records)
    paths = [folder / "pictures" / f"{name}.png" for name in table.id]
    images = [Image.open(path) for path in paths]
    arrays = np.stack([np.asarray(image) for image in images])
    for given in (paths, images, arrays, [str(path) for path in paths]):
        z = model.encode_images(given)
        assert isinstance(z, np.ndarray) and z.shape == (80, 4)
        np.testing.assert_allclose(z, table.z, atol=1e-5)
    assert np.abs(model.encode_images(arrays[:, ::-1, :, ::-1]) - table.z).max() > 1e-3
    np.testing.assert_allclose(model.encode_images(paths[0]), table.z[:1], atol=1e-5)
    np.testing.assert_allclose(model.encode_images(images[0], batch_size=1), table.z[:1], atol=1e-5)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((64, 64, 3), np.float32), "image 1: wrong units: an array of float32, and pictures are uint8"),
        ([np.zeros((96, 96, 3), np.uint8), np.zeros((9, 9), np.uint8)], "image 2: wrong shape"),
        ([], "`images` must be one image or more"),
        ("none.png", "none.png: "),
        (Path("none.fits"), "none.fits: "),
    ],
)
def test_what_is_no_picture_is_named(made, images, message):
    with pytest.raises(gk.GalkerasError, match=message):
        made[2].encode_images(images)
