import dataclasses
import json

import numpy as np
import pytest
from astropy.io import fits
from latents.tables import latent_table
from PIL import Image
from serving.models import LATENTS, SIDE, sky, write_forests, write_model

from galkeras.discovery.generate import draw_accepted, generate
from galkeras.io.errors import GalkerasError
from galkeras.latents.table import read_latents
from galkeras.models.adapters.domain_adaptation import AdaptationConfig, DomainAdaptationVAE
from galkeras.models.config import PAPER, PAPER_ADAPTATION, ModelConfig
from galkeras.models.folder import WEIGHTS_FILE, write_config, write_weights
from galkeras.models.vae import VAE
from galkeras.morphology.predict import predict
from galkeras.morphology.shares import SharedQuestion, VoteShares
from galkeras.records.make import make_tfrecords
from galkeras.records.reader import ordered_dataset
from galkeras.surveys.cutouts import read_cutout, survey_of


def disturbed(folder, vae):
    """Raise the decoders' last biases: what the ReLU behind them makes exactly 0 is taken for unobserved."""
    for decoder in (vae.decoder_of(survey) for survey in vae.config.surveys):
        decoder.layers[-1].bias.assign([1.0, 1.1, 1.2])
    write_weights(folder / WEIGHTS_FILE, vae)
    return vae


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    return folder, disturbed(folder, write_model(folder, "nanomaggy"))


@pytest.fixture(scope="module")
def latents(model):
    _, vae = model
    return latent_table(60, LATENTS, model=vae.digest)


@pytest.fixture(scope="module")
def forests(model, latents, tmp_path_factory):
    """Forests of which the first latent says the bar and the second what is edge-on."""
    _, vae = model
    return write_forests(tmp_path_factory.mktemp("forests"), vae, sky(60, "nanomaggy"))


def test_folder_holds_what_the_model_decodes_in_survey_units(model, latents, tmp_path):
    folder, vae = model
    done = generate(folder, tmp_path / "out", count=5, latents=latents, seed=1)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "cutouts",
        "generate.json",
        "latents.parquet",
        "mosaic.png",
    ]
    table = read_latents(tmp_path / "out" / "latents.parquet")
    assert len(table) == 5 and table.model == vae.digest and done.acceptance == 1
    np.testing.assert_array_equal(table.z, done.latents.z)
    decoded = vae.decode(table.z).numpy()
    for name, image in zip(table.id.tolist(), decoded, strict=True):
        cutout = read_cutout(tmp_path / "out" / "cutouts" / f"{name}.fits")
        np.testing.assert_allclose(cutout.image, image, rtol=1e-4, atol=1e-6)
        assert (cutout.units, cutout.pixel_scale, survey_of(cutout)) == ("nanomaggy", 0.262, "decals")
    header = fits.getheader(tmp_path / "out" / "cutouts" / f"{table.id[0]}.fits")
    assert header["ORIGIN"] == f"galkeras model {vae.digest[:12]}" and header["BANDS"] == "grz"
    record = json.loads((tmp_path / "out" / "generate.json").read_text())
    assert (
        record["sampling"] == "neighbours"
        and record["origin"] == {"galaxies": 60, "neighbours": 5}
        and record["tried"] == 5
    )
    with Image.open(tmp_path / "out" / "mosaic.png") as mosaic:
        assert mosaic.size == (3 * SIDE + 4, 2 * SIDE + 2)


def test_cutouts_go_through_make_tfrecords(model, latents, tmp_path):
    folder, vae = model
    out = tmp_path / "out"
    done = generate(folder, out, count=20, latents=latents)
    records = make_tfrecords(out / "latents.parquet", out / "cutouts", tmp_path / "records", position=False, workers=1)
    assert (records.survey, records.pixel_scale, records.written) == ("decals", 0.262, 20)
    batch = next(iter(ordered_dataset(records, batch_size=20)))
    place = {name: row for row, name in enumerate(done.latents.id.tolist())}
    rows = [place[name.decode()] for name in batch["id"].numpy()]
    np.testing.assert_allclose(batch["image"], vae.decode(done.latents.z[rows]), rtol=1e-4, atol=1e-6)


def test_same_seed_same_galaxies(model, latents, tmp_path):
    folder, _ = model
    seeds = {"a": 0, "b": 0, "c": 1}
    a, b, c = (generate(folder, tmp_path / n, count=4, latents=latents, seed=s) for n, s in seeds.items())
    np.testing.assert_array_equal(a.latents.z, b.latents.z)
    assert not np.array_equal(a.latents.z, c.latents.z)
    others = [generate(folder, tmp_path / str(s), count=4, latents=latents, seed=s).latents.z for s in (-1, 1 << 40)]
    again = generate(folder, tmp_path / "again", count=4, latents=latents, seed=-1).latents.z
    np.testing.assert_array_equal(others[0], again)
    assert not np.array_equal(*others) and not np.array_equal(others[0], c.latents.z)
    assert (tmp_path / "a" / "mosaic.png").read_bytes() == (tmp_path / "b" / "mosaic.png").read_bytes()


def test_galaxies_lie_in_their_images_as_the_table_says(tmp_path):
    vae = write_model(tmp_path / "model", architecture="upright", loss="gaussian")
    done = generate(tmp_path / "model", tmp_path / "out", count=6, sampling="prior")
    angle, parity = np.radians(done.latents.pose[:, 0]), done.latents.pose[:, 1]
    assert np.ptp(angle) > 0.5 and set(parity) == {-1.0, 1.0}
    placed = vae.decode(done.latents.z, pose=np.stack([np.cos(angle), np.sin(angle), parity], -1)).numpy()
    assert np.abs(placed - vae.decode(done.latents.z)).max() > 1
    for name, image in zip(done.latents.id, placed, strict=True):
        written = np.asarray(Image.open(tmp_path / "out" / "cutouts" / f"{name}.png")).astype(float)
        np.testing.assert_allclose(written, np.clip(image, 0, 255)[::-1, :, ::-1], atol=1)


def test_prior_needs_no_latents_and_is_standard_normal(model, tmp_path):
    folder, _ = model
    done = generate(folder, tmp_path / "out", count=300, sampling="prior")
    assert done.origin is None and (done.latents.z.mean(), done.latents.z.std()) == pytest.approx((0, 1), abs=0.1)


@pytest.mark.parametrize("sampling", ["neighbours", "posterior"])
def test_draws_lie_where_the_galaxies_do(model, latents, tmp_path, sampling):
    folder, _ = model
    there = dataclasses.replace(latents, z=latents.z + 10)
    done = generate(folder, tmp_path / "out", count=50, latents=there, sampling=sampling)
    assert done.latents.z.mean() == pytest.approx(10, abs=0.5)


def test_pictures_come_back_as_pictures(tmp_path):
    vae = disturbed(tmp_path / "model", write_model(tmp_path / "model", "picture"))
    done = generate(tmp_path / "model", tmp_path / "out", count=3, sampling="prior")
    for name, image in zip(done.latents.id.tolist(), vae.decode(done.latents.z).numpy(), strict=True):
        cutout = read_cutout(tmp_path / "out" / "cutouts" / f"{name}.png")
        np.testing.assert_allclose(cutout.image, np.clip(image, 0, 255), atol=0.51)


def test_a_model_that_halves_its_images_writes_larger_pixels(tmp_path):
    flux = (3.0, 4.0, 5.0)
    config = ModelConfig(128, "nanomaggy", ("decals",), flux, flux, 0.262, latent_dim=LATENTS, network_size=64, **PAPER)
    write_config(tmp_path / "model", config, {})
    disturbed(tmp_path / "model", VAE(config))
    done = generate(tmp_path / "model", tmp_path / "out", count=1, sampling="prior")
    cutout = read_cutout(tmp_path / "out" / "cutouts" / f"{done.latents.id[0]}.fits")
    assert cutout.image.shape == (64, 64, 3) and cutout.pixel_scale == 0.524


def test_survey_chooses_the_decoder(tmp_path):
    config = AdaptationConfig(
        SIDE,
        "nanomaggy",
        ("decals", "bass-mzls"),
        (3.0,) * 3,
        (0.05,) * 3,
        latent_dim=LATENTS,
        pixel_scale=0.262,
        **PAPER,
        **PAPER_ADAPTATION,
    )
    write_config(tmp_path / "model", config, {})
    vae = disturbed(tmp_path / "model", DomainAdaptationVAE(config))
    for survey in ("decals", "bass-mzls"):
        done = generate(tmp_path / "model", tmp_path / survey, count=2, sampling="prior", survey=survey)
        cutout = read_cutout(tmp_path / survey / "cutouts" / f"{done.latents.id[0]}.fits")
        assert survey_of(cutout) == survey and set(done.latents.survey) == {survey}
        np.testing.assert_allclose(cutout.image, vae.decode(done.latents.z, survey)[0], rtol=1e-4, atol=1e-6)
    with pytest.raises(GalkerasError, match="no survey 'bass'. Did you mean 'bass-mzls'"):
        generate(tmp_path / "model", tmp_path / "none", sampling="prior", survey="bass")


def test_a_class_is_accepted_as_often_as_the_forest_believes_in_it(forests):
    forest = forests.by_question["bar"]
    rng = np.random.default_rng(0)

    def draw(count: int, rng: np.random.Generator) -> np.ndarray:
        return rng.standard_normal((count, LATENTS), np.float32)

    z, tried = draw_accepted(draw, forests, {"bar": "strong"}, 2000, rng)
    believed = forest.probabilities(draw(20_000, rng))[:, forest.classes.index("strong")]
    assert len(z) == 2000 and len(np.unique(z, axis=0)) == 2000
    assert 2000 / tried == pytest.approx(believed.mean(), rel=0.08)
    # Kept with probability p, those that are kept have p of mean <p²> / <p>.
    kept = forest.probabilities(z)[:, forest.classes.index("strong")]
    assert kept.mean() == pytest.approx(np.mean(believed**2) / believed.mean(), abs=0.02)
    assert kept.mean() > believed.mean() + 0.05


def test_several_classes_hold_at_once(model, latents, forests, tmp_path):
    folder, _ = model
    asked = {"bar": "strong", "disk-edge-on": "no"}
    done = generate(folder, tmp_path / "out", count=300, latents=latents, classes=asked, forests=forests)
    plain = generate(folder, tmp_path / "plain", count=400, latents=latents)
    ours, theirs = (predict(one.latents, forests) for one in (done, plain))
    for column in ("bar_strong", "disk-edge-on_no"):
        assert ours[column].mean() > theirs[column].mean() + 0.05
    assert done.tried > 450 and json.loads((tmp_path / "out" / "generate.json").read_text())["classes"] == asked


def test_an_answer_that_no_forest_knows_is_accepted_by_the_votes_expected(model, latents, forests, tmp_path):
    # Of the last latent, which no forest here has a say on.
    weights = np.zeros((2, LATENTS))
    weights[1, -1] = 4.0
    smooth = SharedQuestion(tuple(map(tuple, weights.tolist())), (0.0, 0.0), ("featured", "smooth"), None, ())
    forests = dataclasses.replace(forests, votes=VoteShares({"smooth-or-featured": smooth}))
    asked = {"smooth-or-featured": "smooth", "bar": "strong"}
    done = generate(model[0], tmp_path / "out", count=200, latents=latents, classes=asked, forests=forests)
    plain = generate(model[0], tmp_path / "plain", count=200, latents=latents)
    ours, theirs = (smooth.shares(one.latents.z)[:, 1].mean() for one in (done, plain))
    assert ours > theirs + 0.2
    ours, theirs = (predict(one.latents, forests)["bar_strong"].mean() for one in (done, plain))
    assert ours > theirs + 0.05
    with pytest.raises(GalkerasError, match="no class 'smoth'. Did you mean 'smooth'.* It has: featured, smooth"):
        wrong = {"smooth-or-featured": "smoth"}
        generate(model[0], tmp_path / "none", latents=latents, classes=wrong, forests=forests)
    with pytest.raises(GalkerasError, match="no question 'smooth'.* They know: .*bar.*, smooth-or-featured"):
        generate(model[0], tmp_path / "none", latents=latents, classes={"smooth": "smooth"}, forests=forests)


def test_a_class_that_is_never_accepted_is_given_up(model, latents, forests, tmp_path, monkeypatch):
    folder, _ = model
    monkeypatch.setattr("galkeras.discovery.generate._MOST_TRIES", 200)
    monkeypatch.setattr(
        "galkeras.morphology.forests.Forest.probabilities", lambda self, z: np.zeros((len(z), len(self.classes)))
    )
    with pytest.raises(GalkerasError, match=r"bar=strong: of 2,048 latents drawn 0 were accepted, and 36 are wanted"):
        generate(folder, tmp_path / "out", latents=latents, classes={"bar": "strong"}, forests=forests)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "wrong, words",
    [
        ({"count": 0}, "`count` must lie between 1 and 100,000. Received: count=0"),
        ({"sampling": "posteriors"}, "Did you mean 'posterior'"),
        ({"latents": None}, "`latents`, or draw `sampling=prior`"),
        ({"classes": {"bar": "strong"}}, "`classes` and `forests`, both"),
    ],
)
def test_wrong_arguments_are_named_and_nothing_is_written(model, latents, tmp_path, wrong, words):
    with pytest.raises(GalkerasError, match=words):
        generate(model[0], tmp_path / "out", **{"latents": latents} | wrong)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "classes, words",
    [
        ({"bars": "strong"}, "no question 'bars'. Did you mean 'bar'"),
        ({"bar": "stong"}, "'bar' has no class 'stong'. Did you mean 'strong'.* It has: no, weak, strong"),
    ],
)
def test_unknown_questions_and_classes_suggest_the_nearest(model, latents, forests, tmp_path, classes, words):
    with pytest.raises(GalkerasError, match=words):
        generate(model[0], tmp_path / "out", latents=latents, classes=classes, forests=forests)


def test_another_models_latents_and_forests_are_refused(model, latents, forests, tmp_path):
    folder, _ = model
    other = dataclasses.replace(latents, model="b" * 64)
    with pytest.raises(GalkerasError, match="the latents are of model bbbbbbbbbbbb"):
        generate(folder, tmp_path / "out", latents=other)
    with pytest.raises(GalkerasError, match="the forests are of model cccccccccccc"):
        strange = dataclasses.replace(forests, model="c" * 64)
        generate(folder, tmp_path / "out", latents=latents, classes={"bar": "no"}, forests=strange)
    with pytest.raises(GalkerasError, match="takes 20 or more, and the latents are of 1 galaxy"):
        generate(folder, tmp_path / "out", latents=latents[:1])
    latents[np.zeros(60, bool)].save(tmp_path / "empty.parquet")
    with pytest.raises(GalkerasError, match="empty.parquet has no rows"):
        generate(folder, tmp_path / "out", latents=tmp_path / "empty.parquet")
    assert not (tmp_path / "out").exists()


def test_a_folder_in_use_is_left_alone_and_a_failure_leaves_none(model, latents, tmp_path, monkeypatch):
    folder, _ = model
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("precious")
    with pytest.raises(GalkerasError, match="thesis exists and is not an empty folder"):
        generate(folder, tmp_path / "thesis", latents=latents)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("galkeras.discovery.generate.save_mosaic", full)
    with pytest.raises(OSError):
        generate(folder, tmp_path / "out", count=2, latents=latents)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis"]
