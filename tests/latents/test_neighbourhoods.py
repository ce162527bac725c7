"""Latents drawn between galaxies that are alike."""

import numpy as np
import pytest
from latents.tables import latent_table

from galkeras.io.errors import GalkerasError
from galkeras.latents.neighbourhoods import galaxy_neighbourhoods


def curved(rows: int = 600, **changes):
    """Galaxies on an arc of radius 10 in the first two latents; nothing in the third."""
    angle = np.random.default_rng(1).uniform(0, np.pi, rows)
    z = np.stack([10 * np.cos(angle), 10 * np.sin(angle), np.zeros(rows)], -1).astype(np.float32)
    return latent_table(rows, 3, z=z, **changes)


def test_draws_follow_where_galaxies_lie_and_are_none_of_them():
    table = curved()
    z = galaxy_neighbourhoods(table).sample(2000, np.random.default_rng(0))
    assert z.shape == (2000, 3) and z.dtype == np.float32
    # One Gaussian fitted to the arc would put half of its draws far within.
    np.testing.assert_allclose(np.hypot(z[:, 0], z[:, 1]), 10, atol=0.05)
    assert np.all(z[:, 2] == 0) and np.ptp(np.arctan2(z[:, 1], z[:, 0])) > 3
    assert not (set(map(tuple, z.tolist())) & set(map(tuple, table.z.tolist())))


def test_a_neighbourhood_has_the_covariance_of_its_galaxies():
    # Six galaxies, then fourteen elsewhere: each of the six is surrounded by the same six.
    rng = np.random.default_rng(2)
    here = rng.standard_normal((6, 3)) * (1, 2, 3)
    elsewhere = np.repeat([[500.0, 0, 0]], 14, 0) + rng.standard_normal((14, 3))
    table = latent_table(20, 3, z=np.concatenate([here, elsewhere]).astype(np.float32))
    z = galaxy_neighbourhoods(table).sample(40_000, np.random.default_rng(0))
    z = z[z[:, 0] < 100]
    assert len(z) == pytest.approx(12_000, rel=0.05)
    np.testing.assert_allclose(z.mean(0), here.mean(0), atol=0.1)
    np.testing.assert_allclose(np.cov(z.T), np.cov(here.T), rtol=0.1, atol=0.15)


def test_a_galaxy_that_two_surveys_saw_is_one():
    table = curved(600, id=np.repeat([f"g{index}" for index in range(300)], 2))
    assert galaxy_neighbourhoods(table).to_json() == {"galaxies": 300, "neighbours": 5}
    with pytest.raises(GalkerasError, match="takes 20 or more, and the latents are of 19 galaxies"):
        galaxy_neighbourhoods(table[:38])
