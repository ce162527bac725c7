"""Losses that are a sum over pixels of what each pixel is off."""

__all__ = ["PixelwiseLoss"]

from abc import abstractmethod

import numpy as np

from galkeras.backend import tf
from galkeras.models.config import ModelConfig
from galkeras.models.losses import PixelLoss


class PixelwiseLoss(PixelLoss):
    """A loss without weights of its own, summed over the pixels and bands of an image."""

    def __init__(self, config: ModelConfig):
        pass

    @abstractmethod
    def of_pixels(self, residuals: tf.Tensor) -> tf.Tensor:
        """Return the loss of each pixel, in the shape of the (batch, side, side, band) stretched residuals."""

    def __call__(self, stretched: tf.Tensor, rebuilt: tf.Tensor, window: np.ndarray) -> tf.Tensor:
        return tf.reduce_sum(self.of_pixels(stretched - rebuilt) * window, axis=(1, 2, 3))
