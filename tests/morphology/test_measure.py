"""Cutouts to a table in one step gives what the way by record sets gives, and every galaxy is accounted for."""

import csv
import errno

import numpy as np
import pytest
from serving.models import write_forests, write_model
from sky import galaxy, write_csv, write_fits, write_png
from typer.testing import CliRunner

from galkeras import cli
from galkeras.io.columns import read_columns
from galkeras.io.errors import GalkerasError
from galkeras.latents import step as step_module
from galkeras.latents.encode import encode
from galkeras.latents.table import read_latents
from galkeras.morphology import measure as measure_module
from galkeras.morphology.measure import measure
from galkeras.morphology.predict import predict
from galkeras.records.make import make_tfrecords
from galkeras.surveys.image import Preparation

COUNT = 30
CROP = 80


def picture(seed, side=100):
    """A blob among noise, so that latents differ."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] - side / 2
    blob = 200 * np.exp(-(x**2 + y**2) / rng.uniform(50, 600))[..., None] * rng.uniform(0.3, 1, 3)
    return (blob + rng.uniform(1, 40, (side, side, 3))).astype(np.uint8)


@pytest.fixture(scope="module")
def cutouts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cutouts")
    for index in range(COUNT):
        write_png(folder / f"p{index:03d}.png", picture(index))
    return folder


@pytest.fixture(scope="module")
def records(cutouts, tmp_path_factory):
    out = tmp_path_factory.mktemp("records") / "r"
    return make_tfrecords(None, cutouts, out, survey="decals", crop=CROP, image_size=64, workers=1)


@pytest.fixture(scope="module")
def model(records, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    vae = write_model(folder, pixel_scale=None, preparation=Preparation(CROP, "area"))
    images = np.random.default_rng(0).uniform(0, 255, (60, 64, 64, 3)).astype(np.float32)
    write_forests(folder.parent / "forests", vae, images)
    return folder


def test_it_gives_what_encode_and_predict_give(cutouts, records, model, tmp_path, monkeypatch):
    encode(model, records.path, tmp_path / "l.parquet")
    forests = model.parent / "forests"
    wanted = predict(tmp_path / "l.parquet", forests)
    monkeypatch.setattr(measure_module, "_CLASSIFIED", 12)
    done = measure(cutouts, model=model, forests=forests, out=tmp_path / "t.parquet", batch_size=7)
    assert (done.galaxies, done.rejected, done.probabilities) == (COUNT, (), 5)
    table, latents = read_latents(tmp_path / "t.parquet"), read_latents(tmp_path / "l.parquet")
    assert table.id.tolist() == [f"p{index:03d}" for index in range(COUNT)] and table.model == latents.model
    order = np.argsort(latents.id)
    for name in ("z", "log_var", "ssim", "reconstruction_mse"):
        np.testing.assert_allclose(getattr(table, name), getattr(latents, name)[order], atol=1e-5, err_msg=name)
    assert table.split.tolist() == latents.split[order].tolist()
    columns, _ = read_columns(tmp_path / "t.parquet")
    for name in list(wanted)[4:]:
        if wanted[name].dtype.kind == "f":
            np.testing.assert_allclose(columns[name], wanted[name][order], atol=1e-6, err_msg=name)
        else:
            assert columns[name].tolist() == wanted[name][order].tolist()
    z = table.z.astype(float)
    from galkeras.morphology.forests import Forests

    known = Forests.load(forests)
    np.testing.assert_allclose(
        columns["outlier_score"], (abs(z - known.latent_mean) / known.latent_std).max(1), rtol=1e-5
    )
    assert done.ssim == pytest.approx(table.ssim.mean(), abs=1e-6)
    assert not (tmp_path / "t.parquet.rejected.csv").exists()


def test_rows_in_are_rows_written_and_rejected_with_the_reason(model, tmp_path, monkeypatch):
    folder = tmp_path / "in"
    for index in range(3):
        write_png(folder / f"p{index}.png", picture(index))
    write_png(folder / "small.png", picture(0, 70))
    write_png(folder / "black.png", np.zeros((100, 100, 3), np.uint8))
    (folder / "text.png").write_text("no")
    write_fits(folder / "flux.fits", picture(0).astype(np.float32))
    names = ["p2", "none", "small", "black", "text", "flux", "p0", "p1"]
    catalog = write_csv(tmp_path / "c.csv", {"id": names, "ra": range(8), "dec": [1.5] * 8})
    done = measure(folder, catalog, model=model, out=tmp_path / "t.parquet", batch_size=2)
    table = read_latents(tmp_path / "t.parquet")
    assert table.id.tolist() == ["p2", "p0", "p1"] and table.ra.tolist() == [0, 6, 7]
    assert done.galaxies + len(done.rejected) == 8
    with open(tmp_path / "t.parquet.rejected.csv", newline="") as file:
        reasons = {row["id"]: row["reason"] for row in csv.DictReader(file)}
    assert list(reasons) == ["none", "small", "black", "text", "flux"]
    for name, words in {
        "none": "no cutout found",
        "small": "less than the crop of 80",
        "black": "mostly zero",
        "text": "no image",
        "flux": "wrong units",
    }.items():
        assert words in reasons[name]
    with pytest.raises(GalkerasError, match="exists"):
        measure(folder, model=model, out=tmp_path / "t.parquet")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    # A full disk while this is written: there is no table either, which would count as finished.
    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(measure_module, "write_rejected", full)
        measure(folder, catalog, model=model, out=tmp_path / "full.parquet")
    assert not (tmp_path / "full.parquet").exists()
    # What was left out before is not said of the new table.
    only = write_csv(tmp_path / "one.csv", {"id": ["p1"]})
    assert measure(folder, only, model=model, out=tmp_path / "t.parquet", overwrite=True).galaxies == 1
    assert not (tmp_path / "t.parquet.rejected.csv").exists()


def test_a_file_of_many_images(model, cutouts, tmp_path):
    np.savez(tmp_path / "set.npz", images=np.stack([picture(index) for index in range(5)]))
    done = measure(tmp_path / "set.npz", model=model, out=tmp_path / "t.parquet")
    assert done.galaxies == 5
    measure(cutouts, model=model, out=tmp_path / "f.parquet")
    np.testing.assert_allclose(
        read_latents(tmp_path / "t.parquet").z, read_latents(tmp_path / "f.parquet").z[:5], atol=1e-5
    )


def test_latents_that_are_not_finite_are_left_out(model, cutouts, tmp_path, monkeypatch):
    step = step_module.latent_step

    def broken(*arguments):
        made = step(*arguments)

        def run(images):
            z, *rest = (np.array(values) for values in made(images))
            z[0] = np.nan
            return z, *rest

        return run

    monkeypatch.setattr(step_module, "latent_step", broken)
    done = measure(cutouts, model=model, out=tmp_path / "t.parquet", batch_size=10)
    assert (done.galaxies, len(done.rejected)) == (COUNT - 3, 3)
    assert {one.reason for one in done.rejected} == {"the model's answer is not finite"}


def test_nothing_that_fits_leaves_nothing(model, tmp_path):
    write_png(tmp_path / "in" / "small.png", picture(0, 70))
    with pytest.raises(GalkerasError, match="none of 1 cutouts can be used; small: .*crop of 80"):
        measure(tmp_path / "in", model=model, out=tmp_path / "t.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(GalkerasError, match="holds no cutouts"):
        measure(tmp_path / "empty", model=model, out=tmp_path / "t.parquet")
    with pytest.raises(GalkerasError, match="`survey` must be one of the model's, decals"):
        measure(tmp_path / "in", model=model, out=tmp_path / "t.parquet", survey="sdss")
    for views in (0, 3):
        with pytest.raises(GalkerasError, match=f"`views` must be 1 or 8. Received: views={views}"):
            measure(tmp_path / "in", model=model, out=tmp_path / "t.parquet", views=views)


def test_forests_of_another_model_are_refused(model, cutouts, tmp_path):
    other = write_model(tmp_path / "other", seed=1)
    write_forests(tmp_path / "forests", other, np.random.default_rng(0).uniform(0, 255, (60, 64, 64, 3)))
    with pytest.raises(GalkerasError, match="forests were fitted on latents of model .* name the model"):
        measure(cutouts, model=model, forests=tmp_path / "forests", out=tmp_path / "t.parquet")


def test_the_command_says_what_it_wrote(model, cutouts, tmp_path):
    out = str(tmp_path / "t.csv")
    arguments = ["measure", str(cutouts), "--model", str(model), "--forests", str(model.parent / "forests")]
    done = CliRunner().invoke(cli.app, [*arguments, "--out", out])
    assert done.exit_code == 0, done.output
    assert f"{out}: 30 galaxies, 5 probabilities each, mean SSIM" in done.output


def test_fits_of_other_pixel_scales_are_resampled_as_record_sets_are(tmp_path):
    model = tmp_path / "flux"
    model.mkdir()
    write_model(model, "nanomaggy", pixel_scale=0.5, preparation=Preparation(96, "area"))
    sky = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.5, "CRPIX1": 1.0, "CRPIX2": 1.0}
    for number, (scale, side) in enumerate([(1 / 3, 100), (0.25, 140), (0.6, 64), (0.25, 100)]):
        write_fits(tmp_path / "in" / f"f{number}.fits", galaxy(side, number), scale=scale, CRVAL2=number, **sky)
    made = make_tfrecords(None, tmp_path / "in", tmp_path / "r", like=model, workers=1)
    wanted = encode(model, made.path, tmp_path / "l.npz").table
    done = measure(tmp_path / "in", model=model, out=tmp_path / "t.npz")
    found = read_latents(tmp_path / "t.npz")
    assert found.id.tolist() == ["f0", "f1", "f2"] and made.written == 3
    assert [one.id for one in done.rejected] == ["f3"] and "25 arcsec wide" in done.rejected[0].reason
    order = np.argsort(wanted.id)
    for name in ("z", "log_var", "ra", "dec"):
        np.testing.assert_allclose(getattr(found, name), getattr(wanted, name)[order], atol=1e-5, err_msg=name)
    assert 150 < found.ra.min() and found.dec.round().tolist() == [0, 1, 2]
