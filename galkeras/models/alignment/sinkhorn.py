"""The Sinkhorn divergence: what it costs to carry one sample over to the other."""

__all__ = ["sinkhorn"]

from galkeras.backend import tf
from galkeras.models.alignment import ALIGNMENTS, Weights
from galkeras.models.alignment.mmd2 import median_distance

BLUR = 0.1
"""ε, on the scale of the cost, where two galaxies are about 1 apart: by how much the transport is smoothed."""

ITERATIONS = 20

_ABSENT = -1e9


@ALIGNMENTS.add("sinkhorn")
def sinkhorn(
    a: tf.Tensor, b: tf.Tensor, *, paired: bool = False, a_weights: Weights = None, b_weights: Weights = None
) -> tf.Tensor:
    r"""Return the debiased Sinkhorn divergence of two samples (Feydy et al. 2019, eq. 3; Cuturi 2013).

    .. math:: S_\epsilon(a, b) = \mathrm{OT}_\epsilon(a, b) - \tfrac12 \mathrm{OT}_\epsilon(a, a)
        - \tfrac12 \mathrm{OT}_\epsilon(b, b)

    where :math:`\mathrm{OT}_\epsilon` is the entropic optimal transport for the cost
    :math:`|x - y|^2 / h^2`, h the median distance of the pooled sample, through which no gradient flows: a shift of all
    latents by a vector s costs :math:`|s|^2 / h^2`. It is 0 for equal samples and positive for others.

    Args are those of `galkeras.models.alignment.Alignment`; pairs are as good as others.
    """
    a_log, b_log = (_log_weights(x, weights) for x, weights in ((a, a_weights), (b, b_weights)))
    pooled = tf.exp(tf.concat([a_log, b_log], 0))
    scale = tf.square(median_distance(tf.concat([a, b], 0), pooled))

    def transport(x: tf.Tensor, y: tf.Tensor, x_log: tf.Tensor, y_log: tf.Tensor) -> tf.Tensor:
        cost = tf.reduce_sum(tf.math.squared_difference(x[:, None], y[None, :]), -1) / scale
        return _transport(cost, x_log, y_log)

    between = transport(a, b, a_log, b_log)
    within = transport(a, a, a_log, a_log) + transport(b, b, b_log, b_log)
    there = tf.minimum(*(tf.reduce_max(log) for log in (a_log, b_log))) > _ABSENT / 2
    return tf.where(there, between - 0.5 * within, 0.0)


def _transport(cost: tf.Tensor, x_log: tf.Tensor, y_log: tf.Tensor) -> tf.Tensor:
    """Return the cost of carrying x, with these log weights, to y: the value of the dual problem."""
    still = tf.stop_gradient(cost)

    def step(f: tf.Tensor, g: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        f = _soft_minimum(still, g, y_log)
        return f, _soft_minimum(tf.transpose(still), f, x_log)

    f, g = tf.while_loop(
        lambda *_: True, step, (tf.zeros_like(x_log), tf.zeros_like(y_log)), maximum_iterations=ITERATIONS
    )
    f, g = tf.stop_gradient(f), tf.stop_gradient(g)
    # At the optimum the gradient is the plan of transport: that of either potential's last step (ibid., sec. 3.2).
    f, g = _soft_minimum(cost, g, y_log), _soft_minimum(tf.transpose(still), f, x_log)
    return tf.reduce_sum(tf.exp(x_log) * f) + tf.reduce_sum(tf.exp(y_log) * g)


def _soft_minimum(cost: tf.Tensor, potential: tf.Tensor, log: tf.Tensor) -> tf.Tensor:
    return -BLUR * tf.reduce_logsumexp(log[None, :] + (potential[None, :] - cost) / BLUR, 1)


def _log_weights(x: tf.Tensor, weights: Weights) -> tf.Tensor:
    weights = tf.ones(tf.shape(x)[0]) if weights is None else weights
    share = tf.math.divide_no_nan(weights, tf.reduce_sum(weights))
    return tf.where(share > 0, tf.math.log(tf.maximum(share, 1e-30)), _ABSENT)
