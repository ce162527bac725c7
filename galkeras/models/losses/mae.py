"""Absolute error."""

__all__ = ["AbsoluteError"]

import numpy as np

from galkeras.backend import tf
from galkeras.models.config import ModelConfig
from galkeras.models.losses import LOSSES, PixelLoss


@LOSSES.add("mae")
class AbsoluteError(PixelLoss):
    """The absolute error, summed over the pixels of an image."""

    def __init__(self, config: ModelConfig):
        pass

    def __call__(self, stretched: tf.Tensor, rebuilt: tf.Tensor, window: np.ndarray) -> tf.Tensor:
        return tf.reduce_sum(tf.abs(stretched - rebuilt) * window, axis=(1, 2, 3))
