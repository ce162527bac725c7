"""The maximum mean discrepancy."""

__all__ = ["BANDWIDTH_FACTORS", "median_distance", "mmd2"]

from galkeras.backend import tf
from galkeras.models.alignment import ALIGNMENTS, Weights

BANDWIDTH_FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)


@ALIGNMENTS.add("mmd2")
def mmd2(
    a: tf.Tensor,
    b: tf.Tensor,
    bandwidth: tf.Tensor | float | None = None,
    *,
    paired: bool = False,
    a_weights: Weights = None,
    b_weights: Weights = None,
) -> tf.Tensor:
    r"""Return the unbiased quadratic estimate of MMD² between two samples (Gretton et al. 2012, eq. 3 and 4).

    .. math::
        \widehat{\mathrm{MMD}}^2 = \frac{1}{m(m-1)} \sum_{i \ne j} k(a_i, a_j) + \frac{1}{n(n-1)} \sum_{i \ne j}
        k(b_i, b_j) - \frac{2}{mn} \sum_{i,j} k(a_i, b_j), \qquad
        k(x, y) = \frac15 \sum_f \exp\left(-\frac{\|x - y\|^2}{2 (f h)^2}\right)

    with :math:`f` in `BANDWIDTH_FACTORS`, so a kernel lies between 0 and 1 and MMD² between 0 and 2 on average. For
    equal distributions it is 0 on average, and so negative half of the time.

    Where ``a_i`` and ``b_i`` are the same galaxy, samples are not independent: ``paired`` leaves the terms
    :math:`k(a_i, b_i)` out too (eq. 4's U-statistic), without which well-aligned pairs look closer than equal.

    Args:
        a: (m, latent_dim) sample, m at least 2.
        b: (n, latent_dim) sample, n at least 2; with ``paired``, n is m.
        bandwidth: h; by default `median_distance` of the pooled sample, through which no gradient flows.
        paired: Whether rows of the same number are the same galaxy.
        a_weights: (m,) weights of the rows, 0 for padding; default 1.
        b_weights: (n,) likewise.

    Returns:
        A scalar; 0 where the weights leave fewer than two rows of a sample.
    """
    a_weights = tf.ones(tf.shape(a)[0]) if a_weights is None else a_weights
    b_weights = tf.ones(tf.shape(b)[0]) if b_weights is None else b_weights
    if bandwidth is None:
        bandwidth = median_distance(tf.concat([a, b], 0), tf.concat([a_weights, b_weights], 0))
    aa = _mean_kernel(a, a, a_weights, a_weights, bandwidth, exclude_same=True)
    bb = _mean_kernel(b, b, b_weights, b_weights, bandwidth, exclude_same=True)
    ab = _mean_kernel(a, b, a_weights, b_weights, bandwidth, exclude_same=paired)
    enough = tf.minimum(tf.math.count_nonzero(a_weights), tf.math.count_nonzero(b_weights)) > 1
    return tf.where(enough, aa + bb - 2 * ab, 0.0)


def median_distance(x: tf.Tensor, weights: Weights = None) -> tf.Tensor:
    """Return the median Euclidean distance between different rows of nonzero weight, a constant to gradients."""
    distances = _squared_distances(x, x)
    upper = tf.linalg.band_part(tf.ones_like(distances), 0, -1) - tf.eye(tf.shape(x)[0])
    if weights is not None:
        there = tf.cast(weights > 0, distances.dtype)
        upper *= there[:, None] * there[None, :]
    ordered = tf.sort(tf.boolean_mask(distances, upper > 0))
    count = tf.size(ordered)
    middle = tf.cond(count > 0, lambda: tf.gather(ordered, [(count - 1) // 2, count // 2]), lambda: tf.ones(2))
    # Identical latents are at distance 0, where any bandwidth will do.
    return tf.stop_gradient(tf.reduce_mean(tf.sqrt(tf.maximum(middle, 1e-12))))


def _mean_kernel(a, b, a_weights, b_weights, bandwidth, exclude_same: bool) -> tf.Tensor:
    weights = a_weights[:, None] * b_weights[None, :]
    if exclude_same:
        weights = tf.linalg.set_diag(weights, tf.zeros(tf.shape(a)[0]))
    scaled = _squared_distances(a, b) / tf.square(bandwidth)
    kernel = tf.add_n([tf.exp(-scaled / (2 * factor**2)) for factor in BANDWIDTH_FACTORS]) / len(BANDWIDTH_FACTORS)
    return tf.math.divide_no_nan(tf.reduce_sum(weights * kernel), tf.reduce_sum(weights))


def _squared_distances(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    # Differences and not |a|² + |b|² - 2ab, which loses the small distances in float32.
    return tf.reduce_sum(tf.math.squared_difference(a[:, None], b[None, :]), -1)
