import numpy as np
import pytest

from galkeras.evaluation.scan.knee import bootstrap_means, find_knee

LATENTS = np.array([10, 20, 40, 60, 80, 100])


def knee(curve, scatter=0.05, galaxies=200, seed=0):
    rng = np.random.default_rng(seed)
    # Galaxies differ far more from each other than one galaxy's SSIM does between models.
    ssim = np.asarray(curve) + rng.normal(0, 0.1, (galaxies, 1)) + rng.normal(0, scatter, (galaxies, len(curve)))
    return find_knee(LATENTS[: len(curve)], ssim.mean(0), bootstrap_means(ssim, seed))


def test_a_bend_is_found_where_it_is():
    for place, count in enumerate(LATENTS[1:4], 1):
        bent = np.interp(LATENTS, [10, count, 100], [0.3, 0.6, 0.65])
        found = knee(bent, scatter=0.01)
        assert (found.kind, found.latents, found.share) == ("knee", LATENTS[place], 1.0)
        assert 0.8 < found.rise < 0.9


def test_it_depends_on_neither_scale_nor_offset():
    curve = 1 - np.exp(-LATENTS / 40)
    samples = curve + np.random.default_rng(0).normal(0, 1e-3, (50, 6))
    found = {find_knee(LATENTS, a * curve + b, a * samples + b) for a, b in ((1, 0), (0.1, 0.5))}
    assert {one.latents for one in found} == {40} and {one.kind for one in found} == {"knee"}


def test_a_steady_rise_has_none_and_takes_the_highest():
    found = knee(0.3 + 0.003 * LATENTS, scatter=0.01)
    assert (found.kind, found.latents, found.rise) == ("rising", 100, 1.0)


def test_after_the_highest_nothing_counts():
    # Too little training for many latents: what is lost there says nothing of where the rise bends.
    found = knee([0.3, 0.5, 0.6, 0.62, 0.4, 0.1], scatter=0.01)
    assert (found.kind, found.latents) == ("knee", 20)


def test_without_a_rise_the_fewest_are_enough():
    assert (knee(np.full(6, 0.5)).latents, knee(np.full(6, 0.5)).kind) == (10, "flat")
    falling = knee(0.5 - 0.003 * LATENTS)
    assert (falling.latents, falling.kind, falling.share) == (10, "flat", 1.0)
    # One and two numbers of latents have no bend.
    assert knee([0.5]).latents == 10
    assert knee([0.3, 0.6]).latents == 20 and knee([0.3, 0.6]).kind == "rising"


def test_an_unsure_bend_says_so():
    # 20 and 40 are equally far above the line.
    unsure = np.interp(LATENTS, [10, 20, 40, 100], [0, 0.5, 0.5 + 20 / 90, 1])
    found = knee(unsure, scatter=0.3)
    assert found.latents in (20, 40) and 0.3 < found.share < 0.95


def test_resampled_means_scatter_as_the_standard_error_and_together():
    values = np.random.default_rng(0).normal(size=(400, 2)) @ [[1, 1], [0, 0.1]]
    means = bootstrap_means(values)
    np.testing.assert_allclose(means.mean(0), values.mean(0), atol=5e-3)
    np.testing.assert_allclose(means.std(0), values.std(0) / 20, rtol=0.1)
    # The same galaxies for every column: their difference is known much better than each.
    assert np.std(means[:, 1] - means[:, 0]) == pytest.approx(np.std(values[:, 1] - values[:, 0]) / 20, rel=0.1)
    np.testing.assert_array_equal(means, bootstrap_means(values))
