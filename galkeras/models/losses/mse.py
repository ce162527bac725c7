"""Squared error."""

__all__ = ["SquaredError"]

from galkeras.backend import tf
from galkeras.models.losses import LOSSES
from galkeras.models.losses._pixelwise import PixelwiseLoss


@LOSSES.add("mse")
class SquaredError(PixelwiseLoss):
    """The squared error, summed over the pixels of an image."""

    def of_pixels(self, residuals: tf.Tensor) -> tf.Tensor:
        """Return the squared residuals."""
        return tf.square(residuals)
