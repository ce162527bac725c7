import dataclasses

import numpy as np
import pytest
from latents.tables import latent_table

from galkeras.io.errors import GalkerasError
from galkeras.latents.mixture import fit_aggregate_posterior


def two_clumps(rows: int = 400, width: float = 0.5, **changes):
    """Galaxies at -3 or 3 in the first latent and at 0 in the others, whose posteriors have a standard deviation."""
    rng = np.random.default_rng(1)
    z = np.zeros((rows, 3), np.float32)
    z[:, 0] = rng.choice([-3, 3], rows)
    log_var = np.full_like(z, 2 * np.log(width))
    return latent_table(rows, 3, z=z, log_var=log_var, **changes)


def test_samples_have_the_shape_and_the_width_of_the_aggregate_posterior():
    posterior = fit_aggregate_posterior(two_clumps())
    z = posterior.sample(4000, np.random.default_rng(0))
    assert z.shape == (4000, 3) and z.dtype == np.float32
    # Both clumps, and nothing between them.
    assert np.mean(z[:, 0] > 0) == pytest.approx(0.5, abs=0.06)
    assert np.mean(np.abs(z[:, 0]) < 1.5) < 0.01
    # The means do not vary in the other latents: all of their width is that of the posteriors.
    np.testing.assert_allclose(z[:, 1:].std(0), 0.5, atol=0.05)
    assert np.abs(z[:, 0]).std() == pytest.approx(0.5, abs=0.05)


def test_more_components_only_where_they_help():
    assert fit_aggregate_posterior(two_clumps()).mixture.n_components == 2
    one = latent_table(400, 3, log_var=np.full((400, 3), -4, np.float32))
    assert fit_aggregate_posterior(one).mixture.n_components == 1


def test_held_out_likelihood_is_that_of_galaxies_not_fitted_to():
    held_out = fit_aggregate_posterior(two_clumps()).held_out
    # -log 2 for the side, and the entropy of three normals of width 0.5.
    entropy = np.log(2) + 3 * (0.5 * np.log(2 * np.pi * np.e) + np.log(0.5))
    assert held_out["mixture"] == pytest.approx(-entropy, abs=0.3)
    assert held_out["prior"] == pytest.approx(-1.5 * np.log(2 * np.pi) - 0.5 * (9 + 3 * 0.25), abs=0.3)


def test_same_seed_same_samples_in_no_order():
    table = two_clumps()
    a, b = (fit_aggregate_posterior(table, seed=3).sample(50, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    sides = a[:, 0] > 0
    assert 10 < np.sum(sides[1:] != sides[:-1]) < 40


def test_galaxies_are_counted_and_not_rows():
    table = two_clumps()
    seen_twice = dataclasses.replace(table, id=np.repeat(table.id[:200], 2))
    assert fit_aggregate_posterior(seen_twice).galaxies == 200
    for rows in (1, 19):
        with pytest.raises(GalkerasError, match=f"20 galaxies or more, and the latents are of {rows}"):
            fit_aggregate_posterior(table[:rows])
    assert fit_aggregate_posterior(table[:20]).galaxies == 20
