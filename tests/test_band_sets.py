"""Images of any band set go the whole way: files, records, model, latents, served signatures."""

from pathlib import Path

import numpy as np
import pytest
from sky import write_csv, write_fits

from galkeras.io.errors import GalkerasError
from galkeras.latents.encode import encode
from galkeras.latents.table import read_latents
from galkeras.models.folder import load_model
from galkeras.records.inspect import read_galaxies
from galkeras.records.make import make_tfrecords
from galkeras.records.schema import RecordSet
from galkeras.surveys.cutouts import read_cutout

# One epoch on two dozen galaxies teaches nothing.
pytestmark = pytest.mark.filterwarnings("ignore:only .* latents carry information:UserWarning")

BAND_SETS = {"vis": ("vis",), "griz": ("g", "r", "i", "z"), "grizy": ("g", "r", "i", "z", "y")}
SIDE, COUNT = 64, 24


def image_of(bands, seed):
    """Return a blob whose brightness in each band tells which band it is."""
    rng = np.random.default_rng(seed)
    offset = np.arange(SIDE) - SIDE * rng.uniform(0.4, 0.6)
    blob = np.exp(-(offset[:, None] ** 2 + offset**2) / 60)
    strength = 1.0 + np.arange(len(bands))
    return (blob[..., None] * strength + rng.normal(0, 0.02, (SIDE, SIDE, len(bands)))).astype(np.float32)


def write_band_set(folder: Path, bands) -> RecordSet:
    """Write a survey of such images, the planes in the files the other way round, and make its record set."""
    for index in range(COUNT):
        image = image_of(bands, index)[..., ::-1]
        header = {"SURVEY": "toy", "VERSION": ""}
        write_fits(folder / "cutouts" / f"b{index:02d}.fits", image, ",".join(reversed(bands)), **header)
    ids = [f"b{index:02d}" for index in range(COUNT)]
    catalog = write_csv(folder / "c.csv", {"id": ids, "ra": [180.0] * COUNT, "dec": [0.5] * COUNT})
    return make_tfrecords(catalog, folder / "cutouts", folder / "records", survey="toy", workers=1)


@pytest.fixture(scope="module", params=BAND_SETS.values(), ids=BAND_SETS.keys())
def fitted(request, tmp_path_factory):
    """A band set, its folder, its record set and a model fitted to it."""
    from galkeras.training.fit import fit

    folder = tmp_path_factory.mktemp("".join(request.param))
    records = write_band_set(folder, request.param)
    fit(records.path, folder / "model", latent_dim=4, epochs=1, batch_size=8, architecture="paper", quiet=True)
    return request.param, folder, records


def test_records_hold_every_band(fitted):
    bands, folder, records = fitted
    assert records.bands == RecordSet.load(records.path).bands == bands
    assert records.images.shape == (SIDE, SIDE, len(bands)) and records.written == COUNT
    for galaxy in read_galaxies(records):
        np.testing.assert_array_equal(galaxy.image, image_of(bands, int(galaxy.id[1:])))


def test_the_model_takes_and_gives_them(fitted):
    bands, folder, records = fitted
    model = load_model(folder / "model")
    assert model.config.images == records.images and len(model.config.ceiling) == len(bands)
    table = encode(folder / "model", records.path, folder / "latents.parquet")
    assert table.galaxies == COUNT and 0 < np.isfinite(read_latents(table.path).z).mean() <= 1
    assert model.decode(np.zeros((2, 4), np.float32)).shape == (2, SIDE, SIDE, len(bands))


def test_the_served_signatures_take_them(fitted):
    tf = pytest.importorskip("tensorflow")
    from galkeras.serving.export import export

    bands, folder, records = fitted
    served = tf.saved_model.load(str(export(folder / "model").path))
    images = np.stack([read_cutout(folder / "cutouts" / f"b{i:02d}.fits", bands=bands).image for i in range(3)])
    latents = served.signatures["encode"](images=tf.constant(images))["z_mean"].numpy()
    model = load_model(folder / "model")
    np.testing.assert_allclose(latents, model.encode(images)[0].numpy(), atol=1e-4)
    rebuilt = served.signatures["reconstruct"](images=tf.constant(images))["images"]
    assert rebuilt.shape == (3, SIDE, SIDE, len(bands))
    (about,) = served.signatures["describe"](anything=tf.constant([b""])).values()
    assert f'"bands": [{", ".join(f"{chr(34)}{band}{chr(34)}" for band in bands)}]'.encode() in about.numpy()[0]


def test_other_bands_are_refused_with_both_names_and_the_fix(fitted, tmp_path):
    bands, folder, _ = fitted
    other = write_band_set(tmp_path, ("g", "r", "z"))
    with pytest.raises(
        GalkerasError, match=f"bands grz, and the model takes .*{bands[-1]}: see `make_tfrecords.bands="
    ):
        encode(folder / "model", other.path, tmp_path / "latents.parquet")
