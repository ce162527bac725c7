"""One more architecture and one more pixel loss, each put into its registry and nowhere else."""

import numpy as np
import pytest

from galkeras.backend import keras, tf
from galkeras.io.errors import GalkerasError
from galkeras.models.architectures import ARCHITECTURES, Architecture
from galkeras.models.config import ModelConfig
from galkeras.models.folder import WEIGHTS_FILE, load_model, write_config, write_weights
from galkeras.models.losses import LOSSES, PixelLoss
from galkeras.models.measure import measure
from galkeras.models.vae import VAE

IMAGES = np.random.default_rng(1).uniform(0, 255, (4, 64, 64, 3)).astype("f")
SETTINGS = {"image_size": 64, "units": "picture", "surveys": ("decals",), "ceiling": (255.0,) * 3, "latent_dim": 3}


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


@pytest.fixture
def toys(monkeypatch):
    monkeypatch.setitem(ARCHITECTURES, "mirrored", Mirrored())
    monkeypatch.setitem(LOSSES, "noisy", Gaussian)


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


def test_a_name_that_nothing_is_registered_under_is_refused():
    for name in ("architecture", "loss"):
        with pytest.raises(GalkerasError, match=f"`{name}` must be one of"):
            ModelConfig(**SETTINGS | {name: "noisy"})
