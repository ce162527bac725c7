"""Absolute error."""

__all__ = ["AbsoluteError"]

from galkeras.backend import tf
from galkeras.models.losses import LOSSES
from galkeras.models.losses._pixelwise import PixelwiseLoss


@LOSSES.add("mae")
class AbsoluteError(PixelwiseLoss):
    """The absolute error, summed over the pixels of an image."""

    def of_pixels(self, residuals: tf.Tensor) -> tf.Tensor:
        """Return the absolute residuals."""
        return tf.abs(residuals)
