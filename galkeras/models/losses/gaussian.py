"""Gaussian noise of a variance that is learned, in nats."""

__all__ = ["GaussianNoise"]

import numpy as np

from galkeras.backend import tf
from galkeras.models.config import ModelConfig
from galkeras.models.losses import LOSSES, PixelLoss
from galkeras.models.variance import LearnedVariance

# The noise of a stretched pixel before anything is known.
_START = 0.05**2


@LOSSES.add("gaussian")
class GaussianNoise(PixelLoss, LearnedVariance):
    """The negative log likelihood of an image with Gaussian noise, one variance a band, summed over pixels.

    With it the loss is the negative ELBO in nats, and a KL weight of 1 means what it says. The noise is all that a
    reconstruction leaves of the training images, the sky's noise as well as detail that is not drawn.
    """

    in_nats = True
    kl_weight = 1.0

    def __init__(self, config: ModelConfig):
        super().__init__(config.network_shape[-1], _START, "pixel_noise")

    def __call__(self, stretched: tf.Tensor, rebuilt: tf.Tensor, window: np.ndarray) -> tf.Tensor:
        return self.nats(_squares(stretched, rebuilt), window.reshape(-1, 1))

    def observe(self, stretched: tf.Tensor, rebuilt: tf.Tensor, window: np.ndarray) -> None:
        """Learn the noise from a training batch."""
        self.learn(_squares(stretched, rebuilt), window.reshape(-1, 1))

    @property
    def noise(self) -> tf.Tensor:
        return tf.sqrt(tf.convert_to_tensor(self.variance))

    @property
    def scale(self) -> tf.Tensor:
        """What a nat is worth in squared error, by the mean noise: ``2 σ²``."""
        return 2 * tf.reduce_mean(tf.convert_to_tensor(self.variance))


def _squares(stretched: tf.Tensor, rebuilt: tf.Tensor) -> tf.Tensor:
    squares = tf.square(stretched - rebuilt)
    return tf.reshape(squares, (tf.shape(squares)[0], squares.shape[1] * squares.shape[2], squares.shape[3]))
