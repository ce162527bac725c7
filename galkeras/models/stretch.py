"""The pixel stretch, a layer of the model, so that nobody can forget or double it."""

__all__ = ["Stretch"]

import numpy as np

from galkeras.backend import keras, tf
from galkeras.models.config import ModelConfig
from galkeras.surveys.pictures import NANOMAGGY


class Stretch(keras.layers.Layer):
    r"""Maps survey pixels to about 0..1 and back.

    .. math:: y_b = \operatorname{asinh}(x_b / s_b) / \operatorname{asinh}(c_b / s_b)

    with softening :math:`s` and ceiling :math:`c` by band (Lupton et al. 1999, AJ 118, 1406): linear in the
    noise, logarithmic in the light. Without softening it is :math:`y = x / c`. Where the network works at a smaller
    side than the images', their pixels are first block-averaged (pictures) or summed (nanomaggies).

    The data range of stretched images, for SSIM, is `DATA_RANGE`: sky is 0 and the ceiling is 1; the cores of the
    brightest galaxies exceed it.
    """

    DATA_RANGE = 1.0

    def __init__(self, config: ModelConfig, **kwargs):
        super().__init__(trainable=False, dtype="float32", **kwargs)
        self._factor = config.image_size // config.network_size
        self._pixel_sum = float(self._factor**2) if config.units == NANOMAGGY else 1.0
        self._ceiling = np.asarray(config.ceiling, np.float32)
        self._softening = None if config.softening is None else np.asarray(config.softening, np.float32)
        self._image_size, self._network_size = config.image_size, config.network_size

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """Stretch (batch, image_size, image_size, band) survey pixels."""
        if self._factor > 1:
            images = tf.nn.avg_pool2d(images, self._factor, self._factor, "VALID") * self._pixel_sum
        if self._softening is None:
            return images / self._ceiling
        return tf.asinh(images / self._softening) / np.arcsinh(self._ceiling / self._softening)

    def inverse(self, stretched: tf.Tensor) -> tf.Tensor:
        """Return survey pixels, at the network's side, of (batch, network_size, network_size, band)."""
        if self._softening is None:
            return stretched * self._ceiling
        return tf.sinh(stretched * np.arcsinh(self._ceiling / self._softening)) * self._softening

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self._network_size, self._network_size, input_shape[-1])
