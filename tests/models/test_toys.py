"""One more architecture, pixel loss, alignment term and adapter, each put into its registry and nowhere else."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from sky import survey

from galkeras.backend import keras, tf
from galkeras.io.errors import GalkerasError
from galkeras.models.adapted import AdaptedVAE
from galkeras.models.adapters import ADAPTERS
from galkeras.models.alignment import ALIGNMENTS
from galkeras.models.architectures import ARCHITECTURES, Architecture
from galkeras.models.config import PAPER, AdapterConfig, ModelConfig
from galkeras.models.folder import WEIGHTS_FILE, load_model, write_config, write_weights
from galkeras.models.losses import LOSSES, PixelLoss
from galkeras.models.measure import measure
from galkeras.models.vae import VAE
from galkeras.training.adapt import adapt
from galkeras.training.fit import fit
from galkeras.training.history import read_history
from galkeras.training.options import AdaptOptions, FitOptions

IMAGES = np.random.default_rng(1).uniform(0, 255, (4, 64, 64, 3)).astype("f")
SETTINGS = {
    "image_size": 64,
    "units": "picture",
    "surveys": ("decals",),
    "ceiling": (255.0,) * 3,
    "latent_dim": 3,
} | PAPER


class Mirrored(Architecture):
    """A linear map whose encoder says whether the galaxy's left side is the brighter, and draws it turned back."""

    multiple = 32

    def encoder(self, config):
        images = keras.Input(config.network_shape)
        small = keras.layers.Flatten()(keras.layers.AveragePooling2D(8)(images))
        halves = [keras.ops.mean(half, (1, 2, 3)) for half in keras.ops.split(images, 2, 2)]
        outputs = {"moments": keras.layers.Dense(2 * config.latent_dim)(small), "pose": halves[0] > halves[1]}
        return keras.Model(images, outputs, name="encoder")

    def decoder(self, config, name="decoder"):
        z = keras.Input((config.latent_dim,))
        pixels = keras.layers.Dense(int(np.prod(config.network_shape)))(z)
        return keras.Model(z, keras.layers.Reshape(config.network_shape)(pixels), name=name)

    def place(self, images, pose):
        return tf.where(pose[:, None, None, None], tf.reverse(images, [2]), images)


class Gaussian(keras.layers.Layer, PixelLoss):
    """The negative log likelihood, in nats, of pixels with noise of a learned width."""

    def __init__(self, config):
        super().__init__()
        self.log_sigma = self.add_weight(shape=(config.network_shape[-1],), initializer="zeros", name="log_sigma")

    def call(self, stretched, rebuilt, window):
        nats = 0.5 * tf.square((stretched - rebuilt) / tf.exp(self.log_sigma)) + self.log_sigma
        return tf.reduce_sum(nats * window, axis=(1, 2, 3))


def apart(a, b, *, paired=False, a_weights=None, b_weights=None):
    """The squared distance of the two samples' means."""
    return tf.reduce_sum(tf.square(tf.reduce_mean(a, 0) - tf.reduce_mean(b, 0)))


@dataclass(frozen=True)
class CriticConfig(AdapterConfig):
    """What `AdapterConfig` says, and the weight of the critic's term."""

    kind: ClassVar[str] = "critic"

    strength: float = 2.0


class Critic(AdaptedVAE):
    """An encoder trained against a linear critic that names the survey."""

    config_class = CriticConfig

    def _extend(self):
        super()._extend()
        self.critic = keras.layers.Dense(1)
        self.critic.build((None, self.config.latent_dim))

    @property
    def factors(self):
        return {"critic": self.config.strength}

    def compare(self, latents):
        # Its gradient is turned where it enters the encoder: the critic tells surveys apart, the encoder hinders it.
        z = tf.concat([latents.source, latents.target], 0)
        told = self.critic(2 * tf.stop_gradient(z) - z)[:, 0]
        truth = tf.concat([tf.zeros(tf.shape(latents.source)[0]), tf.ones(tf.shape(latents.target)[0])], 0)
        return {"critic": tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(truth, told))}


@pytest.fixture
def toys(monkeypatch):
    monkeypatch.setitem(ARCHITECTURES, "mirrored", Mirrored())
    monkeypatch.setitem(LOSSES, "noisy", Gaussian)
    monkeypatch.setitem(ALIGNMENTS, "apart", apart)
    monkeypatch.setitem(ADAPTERS, "critic", Critic)


def trained(**changes):
    keras.utils.set_random_seed(0)
    model = VAE(ModelConfig(**SETTINGS | changes))
    before = model.get_weights()
    model.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
    model.fit(tf.data.Dataset.from_tensors(IMAGES).repeat(), steps_per_epoch=2, verbose=0)
    return model, before


def loaded(model, folder):
    write_config(folder, model.config, {})
    write_weights(folder / WEIGHTS_FILE, model)
    return load_model(folder)


def test_an_architecture_with_a_pose(toys, tmp_path):
    model, before = trained(architecture="mirrored")
    assert all(np.any(old != new) for old, new in zip(before, model.get_weights(), strict=True))
    again = loaded(model, tmp_path)
    np.testing.assert_array_equal(again(IMAGES), model(IMAGES))
    measured = measure(model, np.concatenate([IMAGES, IMAGES[:, :, ::-1]]))
    _, pose = model.look(measured.stretched)
    canonical = np.asarray(model.decode_stretched(measured.z))
    for turned, image, rebuilt in zip(pose.numpy(), canonical, measured.rebuilt.numpy(), strict=True):
        np.testing.assert_allclose(rebuilt, image[:, ::-1] if turned else image, atol=1e-6)
    np.testing.assert_array_equal(pose[:4], ~pose.numpy()[4:])
    with pytest.raises(GalkerasError, match="multiple of 32 for the architecture mirrored"):
        ModelConfig(**SETTINGS | {"image_size": 48, "architecture": "mirrored"})


def test_a_pixel_loss_with_weights_of_its_own(toys, tmp_path):
    model, _ = trained(loss="noisy")
    sigma = model.pixel_loss.log_sigma
    assert np.all(sigma.numpy() != 0) and any(weight is sigma for weight in model.trainable_weights)
    again = loaded(model, tmp_path)
    np.testing.assert_array_equal(again.pixel_loss.log_sigma, sigma)
    assert again.digest == model.digest


@pytest.mark.filterwarnings("ignore:only . of 3 latents are worth")  # After one epoch.
def test_an_alignment_term_and_an_adapter(toys, tmp_path):
    records = {name: survey(tmp_path / name, name, range(60)) for name in ("decals", "bass-mzls")}
    quick = {"epochs": 1, "batch_size": 8}
    fit(records["decals"], tmp_path / "vae", latent_dim=3, quiet=True, **FitOptions.PAPER | quick)
    aligned = adapt(tmp_path / "vae", *records.values(), tmp_path / "apart", alignment="apart", mmd_weight=5.0, **quick)
    assert "val_apart" in read_history(tmp_path / "apart")[0] and aligned.config.alignment == "apart"
    other = adapt(
        tmp_path / "vae",
        *records.values(),
        tmp_path / "critic",
        adapter="critic",
        settings={"strength": 3.0},
        **quick,
    )
    again = load_model(tmp_path / "critic")
    assert type(again) is Critic and again.digest == other.digest and again.config.strength == 3.0
    assert np.any(again.critic.kernel != Critic(again.config).critic.kernel)
    assert "val_critic" in read_history(tmp_path / "critic")[0]
    with pytest.raises(GalkerasError, match="no setting 'force'.*It has: strength"):
        adapt(tmp_path / "vae", *records.values(), tmp_path / "no", adapter="critic", settings={"force": 1}, **quick)


def test_a_name_that_nothing_is_registered_under_is_refused():
    for name in ("architecture", "loss"):
        with pytest.raises(GalkerasError, match=f"`{name}` must be one of"):
            ModelConfig(**SETTINGS | {name: "noisy"})
    for name in ("alignment", "adapter"):
        with pytest.raises(GalkerasError, match=f"`{name}` must be one of"):
            AdaptOptions(**{name: "critic"})
