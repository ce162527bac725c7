import numpy as np
import pytest

from galkeras.models.architectures import ARCHITECTURES
from galkeras.models.config import PAPER, ModelConfig
from galkeras.models.vae import VAE
from galkeras.records.reader import ordered_dataset
from galkeras.records.schema import RecordSet


def test_both_ways_are_linear_and_it_starts_from_components(records):
    records = RecordSet.load(records)
    settings = PAPER | {"architecture": "linear", "kl_weight": 0.01, "latent_dim": 3}
    ceiling = (1.0,) * 3
    model = VAE(ModelConfig(64, records.units, (records.survey,), ceiling, **settings))
    images = np.concatenate([b["image"].numpy() for b in ordered_dataset(records, ("train",), 64)])
    stretched = model.stretch(images).numpy()

    def affine(network, inputs):
        whole = network(inputs)
        middle = network((inputs[:1] + inputs[1:2]) / 2)
        np.testing.assert_allclose(middle, (whole[:1] + whole[1:2]) / 2, atol=1e-4 * np.abs(whole).max())

    def left():
        z = model.posterior(stretched).mean()
        return float(np.square(model.draw(z) - stretched).mean()), z.numpy()

    before, _ = left()
    ARCHITECTURES["linear"].start(model, records, 0)
    affine(model.encoder, stretched)
    affine(model.decoder, np.random.default_rng(0).normal(size=(2, 3)).astype("f"))
    after, z = left()
    assert after < 0.5 * np.square(stretched - stretched.mean(0)).mean() < before
    assert z.std(0) == pytest.approx(1, abs=0.35)
