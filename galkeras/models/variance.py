"""Gaussian likelihoods whose variances are the best ones."""

__all__ = ["LearnedVariance"]

import math

import numpy as np

from galkeras.backend import keras, tf

# A running mean over about 50 steps.
_MEMORY = 0.98
_LEAST = 1e-8


class LearnedVariance(keras.layers.Layer):
    r"""The negative log likelihood of Gaussian noise of unknown variance, in nats.

    .. math:: -\log p = \sum_i \frac{w_i}{2} \left(\frac{e_i^2}{\sigma^2} + \log 2 \pi \sigma^2\right)

    The best :math:`\sigma^2` is the mean of :math:`e^2` (optimal sigma VAE, Rybkin et al. 2021), so it is no weight of
    Adam's but a running mean over the training batches, one for each group.

    Args:
        groups: How many variances there are.
        start: What they are at first.
    """

    def __init__(self, groups: int, start: float, name: str):
        super().__init__(name=name, dtype="float32")
        initializer = keras.initializers.Constant(start)
        # Over several devices the mean of the parts' means is the mean of the batch.
        self.variance = self.add_weight(
            shape=(groups,), initializer=initializer, trainable=False, name="variance", aggregation="mean"
        )
        self.built = True

    def nats(self, squares: tf.Tensor, weights: np.ndarray | float = 1.0) -> tf.Tensor:
        """Return (batch,) negative log likelihoods of squared errors, (batch, n, groups), with ``weights``, (n, 1)."""
        variance = tf.convert_to_tensor(self.variance)
        terms = squares / variance + tf.math.log(2 * math.pi * variance)
        return 0.5 * tf.reduce_sum(weights * terms, (1, 2))

    def learn(self, squares: tf.Tensor, weights: np.ndarray | float = 1.0) -> None:
        """Move the variances towards those of a training batch; arguments as in `nats`."""
        weights = tf.broadcast_to(tf.cast(weights, tf.float32), (squares.shape[1], 1))
        seen = tf.reduce_mean(tf.reduce_sum(weights * squares, 1), 0) / tf.reduce_sum(weights)
        seen = tf.maximum(tf.stop_gradient(seen), _LEAST)
        self.variance.assign(_MEMORY * self.variance + (1 - _MEMORY) * seen)
