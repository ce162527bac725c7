"""CORAL: the first two moments."""

__all__ = ["coral"]

from galkeras.backend import tf
from galkeras.models.alignment import ALIGNMENTS, Weights


@ALIGNMENTS.add("coral")
def coral(
    a: tf.Tensor, b: tf.Tensor, *, paired: bool = False, a_weights: Weights = None, b_weights: Weights = None
) -> tf.Tensor:
    r"""Return the distance of the first two moments of two samples.

    .. math:: \frac{\|\bar a - \bar b\|^2}{d} + \frac{\|C_a - C_b\|_F^2}{4 d^2}

    The second term is CORAL's (Sun & Saenko 2016, eq. 1), which alone leaves a shift of the mean alone.

    Args are those of `galkeras.models.alignment.Alignment`; pairs are as good as others.
    """
    a_mean, a_covariance = _moments(a, a_weights)
    b_mean, b_covariance = _moments(b, b_weights)
    d = float(a.shape[-1])
    return tf.reduce_sum(tf.square(a_mean - b_mean)) / d + tf.reduce_sum(tf.square(a_covariance - b_covariance)) / (
        4 * d**2
    )


def _moments(x: tf.Tensor, weights: Weights) -> tuple[tf.Tensor, tf.Tensor]:
    weights = tf.ones(tf.shape(x)[0]) if weights is None else weights
    count = tf.reduce_sum(weights)
    mean = tf.math.divide_no_nan(tf.linalg.matvec(x, weights, transpose_a=True), count)
    centred = (x - mean) * tf.sqrt(weights)[:, None]
    return mean, tf.math.divide_no_nan(tf.matmul(centred, centred, transpose_a=True), count - 1)
