"""Huber's loss: squared error where the noise is, absolute error beyond it."""

__all__ = ["HuberLoss"]

from galkeras.backend import tf
from galkeras.models.losses import LOSSES
from galkeras.models.losses._pixelwise import PixelwiseLoss

KNEE = 0.1
"""Stretched residual from which an error counts by its size and not its square: about twice a pixel's noise."""


@LOSSES.add("huber")
class HuberLoss(PixelwiseLoss):
    r"""Huber's loss (1964, eq. 4.3), twice, so that small residuals count as in ``mse``; summed over the pixels.

    .. math:: r^2 \text{ for } |r| \le \delta, \qquad \delta (2 |r| - \delta) \text{ beyond}

    A star that the latents cannot draw pulls at the galaxy less than by its square.
    """

    def of_pixels(self, residuals: tf.Tensor) -> tf.Tensor:
        """Return the loss of each residual."""
        size = tf.abs(residuals)
        return tf.where(size <= KNEE, tf.square(residuals), KNEE * (2 * size - KNEE))
