"""Logistic regressions on latents as plain TensorFlow operations."""

__all__ = ["MultinomialGraph"]

from collections.abc import Sequence

import numpy as np

from galkeras.backend import tf
from galkeras.morphology.multinomial import Multinomial


class MultinomialGraph(tf.Module):
    """Several regressions on the same latents, in one product of matrices.

    In double precision, as they are elsewhere: what differs in a last digit may fall on the other side of a tree's
    threshold.

    Args:
        regressions: One or more.
    """

    def __init__(self, regressions: Sequence[Multinomial]):
        super().__init__()
        self._classes = [len(one.bias) for one in regressions]
        weights, bias = (np.concatenate([getattr(one, name) for one in regressions]) for name in ("weights", "bias"))
        self._weights = tf.Variable(weights.T, trainable=False, dtype=tf.float64)
        self._bias = tf.Variable(bias, trainable=False, dtype=tf.float64)

    def __call__(self, z: tf.Tensor) -> list[tf.Tensor]:
        """Return of each the (batch, classes) float64 log probabilities of (batch, latent_dim) latents."""
        logits = tf.matmul(tf.cast(z, tf.float64), self._weights) + self._bias
        return [tf.nn.log_softmax(one) for one in tf.split(logits, self._classes, -1)]
