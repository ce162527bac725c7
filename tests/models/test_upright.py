"""The upright architecture: poses, latents that do not turn, votes."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from galkeras.backend import keras, tf
from galkeras.galaxyzoo.tree import LABEL_VOTES
from galkeras.io.errors import GalkerasError
from galkeras.latents.encode import encode
from galkeras.latents.table import read_latents
from galkeras.models.architectures import ARCHITECTURES
from galkeras.models.config import PAPER, ModelConfig
from galkeras.models.folder import load_model
from galkeras.models.pose import centre_of, feature_count, mode_features, modes, pose_of, resample, ring_basis
from galkeras.models.stored import StoredModel
from galkeras.models.vae import VAE, focus_window
from galkeras.models.variance import LearnedVariance
from galkeras.models.votes import vote_log_likelihood
from galkeras.records.reader import by_id, ordered_dataset
from galkeras.records.schema import RecordSet
from galkeras.training.data import measure_stretch
from galkeras.training.fit import fit
from galkeras.training.stored import FitSummary
from galkeras.training.votes import read_votes

UPRIGHT = {"architecture": "upright", "loss": "gaussian", "kl_weight": 1.0, "focus": 0.4}
CENTRED = {"architecture": "centred"}
SIDE = 64


def galaxies(count: int = 6) -> np.ndarray:
    """Ellipses with a one-sided lump and a winding arm, each turned another way."""
    rng = np.random.default_rng(1)
    axis = np.arange(SIDE) - (SIDE - 1) / 2
    y, x = np.meshgrid(axis, axis, indexing="ij")
    images = []
    for _ in range(count):
        angle, ratio = rng.uniform(0, np.pi), rng.uniform(0.3, 0.7)
        u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
        radius = np.hypot(u, v / ratio)
        arm = 1 + 0.5 * np.cos(2 * np.arctan2(v, u) - 0.4 * radius)
        image = np.exp(-radius / 6) * arm + 0.3 * np.exp(-((u - 9) ** 2 + v**2) / 8)
        images.append(np.stack([image, 1.2 * image, 0.9 * image], -1))
    return np.array(images, np.float32)


def framed(images: np.ndarray):
    basis, radii = ring_basis(SIDE)
    re, im = modes(tf.constant(images), tf.constant(basis))
    pose = pose_of(re, im, radii, SIDE)
    return pose, mode_features(re, im), resample(tf.constant(images), pose)


SYMMETRIES = {
    "quarter turn": lambda images: np.rot90(images, 1, (1, 2)),
    "half turn": lambda images: np.rot90(images, 2, (1, 2)),
    "mirror": lambda images: images[:, :, ::-1],
    "mirror and turn": lambda images: np.rot90(images[:, ::-1], 1, (1, 2)),
}


@pytest.mark.parametrize("symmetry", SYMMETRIES.values(), ids=SYMMETRIES)
def test_features_and_frames_do_not_turn_with_the_image(symmetry):
    images = galaxies()
    _, features, upright = framed(images)
    _, turned_features, turned_upright = framed(np.ascontiguousarray(symmetry(images)))
    assert features.shape == (len(images), feature_count(3))
    np.testing.assert_allclose(turned_features, features, atol=2e-5)
    np.testing.assert_allclose(turned_upright, upright, atol=2e-4)


def test_a_galaxy_comes_back_as_it_lay():
    images = galaxies()
    pose, _, upright = framed(images)
    back = resample(upright, pose, back=True)
    inner = slice(16, 48)
    assert np.abs(back[:, inner, inner] - images[:, inner, inner]).mean() < 0.01
    # Upright, the major axis lies along x.
    axis = np.arange(SIDE) - (SIDE - 1) / 2
    flux = upright.numpy().sum(-1)
    along_x = (flux * axis**2).sum((1, 2))
    along_y = (flux * axis[:, None] ** 2).sum((1, 2))
    assert (along_x > along_y).all()


def moved(images: np.ndarray, x: int, y: int) -> np.ndarray:
    return np.roll(images, (y, x), (1, 2))


def test_a_centre_is_found_where_the_light_is_and_moves_with_it():
    images = galaxies()
    centre = centre_of(tf.constant(images)).numpy()
    # The lump and the arm draw it away from the middle, and not far.
    assert np.abs(centre).max() < 1.5
    for x, y in ((3, 0), (-2, 1), (0, -3)):
        np.testing.assert_allclose(centre_of(tf.constant(moved(images, x, y))), centre + [x, y], atol=0.05)
    # Not beyond a fifth of the half side, and where there is no light in the middle.
    far = centre_of(tf.constant(moved(images, 20, 0))).numpy()
    assert (far[:, 0] > 5).all() and far.max() < 6.1
    np.testing.assert_array_equal(centre_of(tf.zeros((2, SIDE, SIDE, 3))), np.zeros((2, 2)))


def test_a_centred_network_does_not_see_where_in_its_image_a_galaxy_lies():
    images = galaxies()
    model = VAE(ModelConfig(SIDE, "picture", ("decals",), (1.0,) * 3, latent_dim=6, **UPRIGHT | CENTRED))
    plain = VAE(ModelConfig(SIDE, "picture", ("decals",), (1.0,) * 3, latent_dim=6, **UPRIGHT))

    def frames(one: VAE, x: int, y: int):
        return one.encoder.frame(one.stretch(moved(images, x, y)))

    here, there = frames(model, 0, 0), frames(model, 3, -2)
    inner = slice(8, -8)
    np.testing.assert_allclose(there.features, here.features, atol=0.01)
    np.testing.assert_allclose(there.images[:, inner, inner], here.images[:, inner, inner], atol=0.02)
    np.testing.assert_allclose(there.pose - here.pose, np.tile([0, 0, 0, 3, -2], (len(images), 1)), atol=0.05)
    # The features of a network that takes the middle for the centre do change.
    assert np.abs(frames(plain, 3, -2).features - frames(plain, 0, 0).features).max() > 0.1
    # What is drawn comes back to where the galaxy lies.
    back = model.architecture.place(there.images, there.pose).numpy()
    difference = np.abs(back - model.stretch(moved(images, 3, -2)))[:, inner, inner]
    assert difference.mean() < 0.01
    assert model.architecture.random_pose(4, np.random.default_rng(0)).shape == (4, 5)


def test_a_centred_fit_tells_centres_and_loads(records, tmp_path):
    model = fit(records, tmp_path / "m", latent_dim=6, epochs=1, batch_size=16, quiet=True, **CENTRED)
    table = encode(model, records)
    assert table.pose.shape == (len(table), 4) and (table.pose[:, 2:].std(0) > 0.01).all()
    table.save(tmp_path / "z.parquet")
    np.testing.assert_array_equal(read_latents(tmp_path / "z.parquet").pose, table.pose)
    columns = pq.read_table(tmp_path / "z.parquet")
    for missing in ("position_angle", "parity", "centre_x", "centre_y"):
        pq.write_table(columns.drop_columns([missing]), tmp_path / "part.parquet")
        with pytest.raises(GalkerasError, match=f"no column '{missing}'"):
            read_latents(tmp_path / "part.parquet")
    assert load_model(tmp_path / "m").digest == model.digest


@pytest.mark.parametrize("architecture", ["upright", "centred"])
def test_an_image_that_is_no_number_spoils_no_other(architecture):
    settings = UPRIGHT | {"architecture": architecture, "latent_dim": 6}
    model = VAE(ModelConfig(SIDE, "picture", ("decals",), (1.0,) * 3, **settings))
    images = galaxies(3)
    z = model.encode(images)[0].numpy()
    images[1, 5, 5] = np.nan
    spoilt = model.encode(images)[0].numpy()
    assert np.isnan(spoilt[1]).all()
    np.testing.assert_allclose(spoilt[[0, 2]], z[[0, 2]], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("symmetry", SYMMETRIES.values(), ids=SYMMETRIES)
def test_centred_latents_do_not_turn_with_the_image(symmetry):
    model = VAE(ModelConfig(SIDE, "picture", ("decals",), (1.0,) * 3, latent_dim=6, **UPRIGHT | CENTRED))
    # At first the correction is zero and the linear map's weights random.
    images = moved(galaxies(), 2, -1)
    z = model.encode(images)[0].numpy()
    turned = model.encode(np.ascontiguousarray(symmetry(images)))[0].numpy()
    np.testing.assert_allclose(turned, z, atol=2e-3 * z.std())


def test_variance_is_learned_and_nats_are_least_there():
    noise = LearnedVariance(1, 1.0, "noise")
    squares = tf.square(tf.random.stateless_normal((64, 500, 1), (1, 2), stddev=0.1))
    for _ in range(600):
        noise.learn(squares)
    found = float(noise.variance[0])
    assert found == pytest.approx(0.01, rel=0.05)
    best = float(tf.reduce_mean(noise.nats(squares)))
    for factor in (0.8, 1.25):
        noise.variance.assign([found * factor])
        assert float(tf.reduce_mean(noise.nats(squares))) > best


def test_votes_are_multinomials():
    logits, counts = tf.constant([[0.0, 0.0, 1.0, 0.0]]), tf.constant([[3.0, 1.0, 0.0, 0.0]])
    assert float(vote_log_likelihood(logits, counts, (2, 2))[0]) == pytest.approx(4 * np.log(0.5))


def test_labels_are_votes():
    table = Table({"id": ["a", "b", "c"], "ring": ["yes", "no", ""]})
    votes = read_votes(table, ("ring",))
    assert votes.questions == (("ring", ("no", "yes")),)
    theirs = by_id(votes.ids, votes.counts)(tf.constant(["c", "a", "z"]))
    np.testing.assert_array_equal(theirs, [[0, 0], [0, LABEL_VOTES], [0, 0]])
    with pytest.raises(GalkerasError, match="two classes"):
        read_votes(Table({"id": ["a", "b"], "ring": ["yes", "yes"]}), ("ring",))


@pytest.mark.parametrize(("weight", "learned"), [(1000.0, True), (0.0, False)])
def test_latents_learn_what_was_voted(weight, learned):
    keras.utils.set_random_seed(0)
    settings = UPRIGHT | {"latent_dim": 10, "votes_weight": weight}
    model = VAE(ModelConfig(SIDE, "picture", ("decals",), (1.0,) * 3, questions=(("kind", ("a", "b")),), **settings))
    votes = np.array([[20, 0], [0, 20]] * 4, np.float32)
    model.compile(keras.optimizers.Adam(3e-3, global_clipnorm=3e3), jit_compile=False)
    batch = tf.data.Dataset.from_tensors((galaxies(8), votes)).repeat()
    told = model.fit(batch, steps_per_epoch=20, epochs=4, verbose=0).history["votes"]
    # Of 20 votes, a coin says 20 log 2.
    assert (told[-1] < 0.8 * 20 * np.log(2)) == learned


def test_it_fits_with_labels_and_loads(records, tmp_path):
    batch = next(iter(ordered_dataset(RecordSet.load(records), batch_size=80)))
    ids = [name.decode() for name in batch["id"].numpy()]
    flux = batch["image"].numpy().sum((1, 2, 3))
    table = Table({"id": ids, "kind": np.where(flux > np.median(flux), "bright", "faint")})
    model = fit(
        records,
        tmp_path / "m",
        latent_dim=10,
        epochs=2,
        batch_size=16,
        quiet=True,
        catalog=table,
        label_columns=("kind",),
    )
    assert model.config.questions == (("kind", ("bright", "faint")),)
    assert (model.config.architecture, model.config.loss, model.config.kl_weight) == ("upright", "gaussian", 1.0)
    assert StoredModel.load(tmp_path / "m").training["learning_rate"] == ARCHITECTURES["upright"].learning_rate
    # What the loss has learned is stated, a band at a time.
    noise = FitSummary.load(tmp_path / "m").noise
    assert list(noise) == ["g", "r", "z"]
    np.testing.assert_allclose(list(noise.values()), np.sqrt(model.pixel_loss.variance.numpy()), rtol=1e-6)
    images = batch["image"].numpy()[:4]
    z, _ = model.encode(images)
    turned, _ = model.encode(np.ascontiguousarray(np.rot90(images, 1, (1, 2))))
    np.testing.assert_allclose(turned, z, atol=0.02)
    again = load_model(tmp_path / "m")
    assert again.digest == model.digest
    encode(tmp_path / "m", records, tmp_path / "z.parquet")
    latents = read_latents(tmp_path / "z.parquet")
    assert latents.votes and latents.pose.shape == (len(latents), 2)
    assert set(np.unique(latents.pose[:, 1])) <= {-1.0, 1.0}


def test_a_detailed_network_starts_nearer_to_the_pixels_and_farther_from_the_features(records):
    records = RecordSet.load(records)
    images = next(iter(ordered_dataset(records, ("train",), batch_size=60)))["image"]
    errors = {}
    for architecture in ("upright", "detailed"):
        settings = UPRIGHT | {"architecture": architecture, "latent_dim": 16} | measure_stretch(records)
        model = VAE(ModelConfig(SIDE, "nanomaggy", ("decals",), **settings))
        model.architecture.start(model, records, 0)
        stretched = model.stretch(images)
        parts = model.encoder(stretched)
        z = model.encode(images)[0]
        drawn = model.architecture.place(model.decoder(z), parts["pose"]).numpy()
        window = focus_window(model.config)
        pixels = np.sum(window * np.square(drawn - stretched.numpy()))
        errors[architecture] = pixels, np.sum(np.square(model.feature_decoder(z) - parts["features"]))
    # Most of what is left of the pixels is noise.
    assert errors["detailed"][0] < errors["upright"][0] - 1
    assert errors["detailed"][1] > 1.2 * errors["upright"][1]


def test_old_settings_mean_what_they_meant():
    config = ModelConfig(64, "picture", ("decals",), (255.0,) * 3, latent_dim=40, **PAPER)
    assert "questions" not in config.identity()
    assert keras.backend.backend() == "tensorflow"


def test_training_sees_galaxies_of_other_sizes_and_light():
    upright, images = ARCHITECTURES["upright"], tf.constant(galaxies(2))

    def varied(*dice: float) -> np.ndarray:
        return upright.vary(images, lambda rows, number: tf.constant([dice] * 2, tf.float32)).numpy()

    np.testing.assert_allclose(varied(0, 0, 0, 0, 0), images, atol=1e-5)
    # A standard deviation brighter, and in the second band another one of colour.
    np.testing.assert_allclose(varied(0, 1, 0, 0, 0), images * np.exp(0.12), rtol=1e-4, atol=1e-5)
    redder = varied(0, 0, 0, 1, 0) / np.maximum(images, 1e-6)
    np.testing.assert_allclose(redder.mean((0, 1, 2)), np.exp([0, 0.04, 0]), rtol=1e-4)
    # Larger pixels hold a smaller galaxy, and no more than twice the deviation.
    extent = [np.sqrt(_moment(varied(size, 0, 0, 0, 0))) for size in (-2, 0, 2, 9)]
    assert extent[0] > 1.05 * extent[1] > 1.1 * extent[2] and extent[2] == extent[3]


def _moment(images: np.ndarray) -> float:
    axis = np.arange(SIDE) - (SIDE - 1) / 2
    light = images[..., 0].sum(0)
    return float((light * (axis[:, None] ** 2 + axis**2)).sum() / light.sum())


def test_training_varies_galaxies_and_scoring_does_not(monkeypatch):
    seen = []
    upright = ARCHITECTURES["upright"]
    monkeypatch.setattr(type(upright), "vary", lambda self, images, draw: seen.append(len(images)) or images)
    model = VAE(ModelConfig(SIDE, "picture", ("decals",), (1.0,) * 3, latent_dim=6, **UPRIGHT))
    model.compile(optimizer=keras.optimizers.Adam(), run_eagerly=True)
    model.train_step(tf.constant(galaxies(4)))
    assert seen == [4]
    model.test_step((tf.constant(galaxies(4)), tf.ones(4)))
    assert seen == [4]
