import numpy as np
import pytest

from galkeras.models.config import PAPER, ModelConfig
from galkeras.models.stretch import Stretch

LINEAR = {"units": "picture", "ceiling": (255.0,) * 3}
ASINH = {"units": "nanomaggy", "ceiling": (1.0, 2.0, 4.0), "softening": (0.01, 0.02, 0.1)}


@pytest.mark.parametrize("how", [LINEAR, ASINH])
def test_inverse_undoes_it(how):
    layer = Stretch(ModelConfig(image_size=64, surveys=("s",), latent_dim=4, **PAPER, **how))
    images = np.random.default_rng(0).normal(0.1, 0.5, (2, 64, 64, 3)).astype("f")
    np.testing.assert_allclose(layer.inverse(layer(images)), images, atol=1e-5)


@pytest.mark.parametrize("how", [LINEAR, ASINH])
def test_sky_is_0_and_the_ceiling_1_in_every_band(how):
    layer = Stretch(ModelConfig(image_size=64, surveys=("s",), latent_dim=4, **PAPER, **how))
    images = np.zeros((2, 64, 64, 3), "f")
    images[1] = how["ceiling"]
    np.testing.assert_allclose(layer(images)[0], 0)
    np.testing.assert_allclose(layer(images)[1], 1, rtol=1e-6)


@pytest.mark.parametrize(("how", "conserved"), [(LINEAR, np.mean), (ASINH, np.sum)])
def test_blocks_are_averaged_in_pictures_and_summed_in_fluxes(how, conserved):
    layer = Stretch(ModelConfig(image_size=128, network_size=64, surveys=("s",), latent_dim=4, **PAPER, **how))
    images = np.random.default_rng(0).uniform(0, 1, (1, 128, 128, 3)).astype("f")
    stretched = layer(images)
    assert stretched.shape == (1, 64, 64, 3)
    np.testing.assert_allclose(conserved(layer.inverse(stretched)), conserved(images), rtol=1e-4)
