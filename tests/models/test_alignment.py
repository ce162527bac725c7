import numpy as np
import pytest

from galkeras.backend import tf
from galkeras.models.alignment.coral import coral
from galkeras.models.alignment.mmd2 import BANDWIDTH_FACTORS, median_distance, mmd2

RNG = np.random.default_rng(5)
A = RNG.normal(size=(12, 3)).astype("f")
B = RNG.normal(0.7, 1.5, size=(9, 3)).astype("f")
# As training computes it: for the many draws whose mean is asked for.
MMD2 = tf.function(mmd2)


def kernel(x, y, h):
    return np.mean([np.exp(-np.sum((x - y) ** 2) / (2 * (f * h) ** 2)) for f in BANDWIDTH_FACTORS])


def by_double_loop(a, b, h, paired=False):
    aa = [kernel(x, y, h) for i, x in enumerate(a) for j, y in enumerate(a) if i != j]
    bb = [kernel(x, y, h) for i, x in enumerate(b) for j, y in enumerate(b) if i != j]
    ab = [kernel(x, y, h) for i, x in enumerate(a) for j, y in enumerate(b) if not paired or i != j]
    return np.mean(aa) + np.mean(bb) - 2 * np.mean(ab)


@pytest.mark.parametrize("bandwidth", [0.3, 2.0])
def test_mmd2_equals_a_plain_double_loop(bandwidth):
    np.testing.assert_allclose(mmd2(A, B, bandwidth), by_double_loop(A, B, bandwidth), atol=1e-6)
    paired = by_double_loop(A[:9], B, bandwidth, paired=True)
    np.testing.assert_allclose(mmd2(A[:9], B, bandwidth, paired=True), paired, atol=1e-6)


def test_the_bandwidth_is_the_pooled_median_distance():
    pooled = np.concatenate([A, B])
    distances = [np.linalg.norm(x - y) for i, x in enumerate(pooled) for x, y in [(x, z) for z in pooled[i + 1 :]]]
    np.testing.assert_allclose(median_distance(pooled), np.median(distances), rtol=1e-5)
    np.testing.assert_allclose(mmd2(A, B), by_double_loop(A, B, np.median(distances)), atol=1e-6)


def test_padding_of_weight_0_changes_nothing():
    padded = np.concatenate([A, np.full((4, 3), 50, "f")])
    weights = np.r_[np.ones(12), np.zeros(4)].astype("f")
    np.testing.assert_allclose(mmd2(padded, B, a_weights=weights), mmd2(A, B), atol=1e-6)
    np.testing.assert_allclose(coral(padded, B, a_weights=weights), coral(A, B), rtol=1e-5)
    assert mmd2(A, B, a_weights=np.r_[1.0, np.zeros(11)].astype("f")) == 0


def test_it_is_zero_on_average_for_equal_distributions_and_positive_for_shifted_ones():
    def draws(shift):
        x = RNG.normal(size=(300, 2, 16, 4)).astype("f")
        return np.array([MMD2(a, b + shift, 2.0) for a, b in tf.constant(x)])

    equal, shifted = draws(0.0), draws(0.8)
    assert abs(equal.mean()) < 3 * equal.std() / np.sqrt(300)
    assert equal.min() < 0 < equal.max()
    assert shifted.mean() > 10 * shifted.std() / np.sqrt(300)


def test_pairs_of_one_distribution_are_not_called_closer_than_equal():
    galaxies = RNG.normal(size=(300, 16, 4))
    views = galaxies[None] + 0.1 * RNG.normal(size=(2, 300, 16, 4))
    a, b = tf.constant(views.astype("f"))
    proper = np.array([MMD2(x, y, 2.0, paired=True) for x, y in zip(a, b, strict=True)])
    naive = np.array([MMD2(x, y, 2.0) for x, y in zip(a, b, strict=True)])
    assert abs(proper.mean()) < 3 * proper.std() / np.sqrt(300)
    assert naive.mean() < -10 * naive.std() / np.sqrt(300)


def test_its_gradient_is_that_of_finite_differences():
    a = tf.constant(A)
    with tf.GradientTape() as tape:
        tape.watch(a)
        value = mmd2(a, B, 1.5)
    gradient = tape.gradient(value, a).numpy()
    for i, j in ((0, 0), (5, 2), (11, 1)):
        step = np.zeros(A.shape)
        step[i, j] = 1e-3
        numeric = (by_double_loop(A + step, B, 1.5) - by_double_loop(A - step, B, 1.5)) / 2e-3
        np.testing.assert_allclose(gradient[i, j], numeric, rtol=2e-2, atol=1e-6)


def test_the_bandwidth_passes_no_gradient():
    a = tf.constant(A)
    with tf.GradientTape() as tape:
        tape.watch(a)
        value = median_distance(a)
    assert tape.gradient(value, a) is None


def test_identical_samples_have_finite_gradients():
    a = tf.ones((4, 3))
    with tf.GradientTape() as tape:
        tape.watch(a)
        value = mmd2(a, a)
    assert np.isfinite(tape.gradient(value, a)).all()


def test_coral_is_the_distance_of_means_and_covariances():
    expected = np.sum((A.mean(0) - B.mean(0)) ** 2) / 3 + np.sum((np.cov(A.T) - np.cov(B.T)) ** 2) / 36
    np.testing.assert_allclose(coral(A, B), expected, rtol=1e-5)
