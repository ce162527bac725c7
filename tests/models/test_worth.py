from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow_probability as tfp

from galkeras.backend import tf
from galkeras.models.config import ModelConfig
from galkeras.models.vae import VAE
from galkeras.models.worth import active_units, worth

WIDTH = 0.1


class Toy:
    """Three latents that vary alike: the decoder needs the first, hardly the second, and not the third."""

    config = SimpleNamespace(latent_dim=3, kl_weight=1.0)

    def stretch(self, images):
        return images

    encoder = None

    def see(self, stretched, encoder):
        return tfp.distributions.Independent(tfp.distributions.Normal(stretched, WIDTH), 1), {}

    def unexplained(self, stretched, found, z, survey):
        return tf.linalg.matvec(tf.square(stretched - z), [50.0, 0.1, 0.0])


def test_a_latent_is_worth_what_is_lost_without_it_less_what_it_costs():
    images = np.random.default_rng(0).normal(size=(150, 3)).astype(np.float32)
    found = worth(Toy(), images)
    cost = 0.5 * ((images**2).mean(0) + WIDTH**2 - 1) - np.log(WIDTH)
    # The drawn latent misses the truth by its width, the mean one by the spread of the galaxies.
    gain = np.array([50, 0.1, 0]) * (images.var(0) - WIDTH**2)
    np.testing.assert_allclose(found, gain - cost, rtol=0.01)
    assert active_units(found) == 1
    # All three vary: counting those whose variance is over 0.01, as is usual, could not tell them apart.
    assert (images.var(0) > 0.5).all()


@pytest.mark.parametrize("architecture", ["upright", "residual"])
def test_before_training_not_every_latent_is_worth_its_cost(architecture):
    settings = {"latent_dim": 4, "loss": "gaussian", "kl_weight": 1.0, "focus": 0.4}
    model = VAE(ModelConfig(64, "picture", ("sdss",), (255.0,) * 3, architecture=architecture, **settings))
    images = np.random.default_rng(0).uniform(0, 255, (8, 64, 64, 3)).astype(np.float32)
    assert active_units(worth(model, images)) < 4
    np.testing.assert_array_equal(worth(model, images), worth(model, images))
