"""Structural similarity of reconstructions."""

__all__ = ["ssim"]

from galkeras.backend import tf
from galkeras.models.stretch import Stretch


def ssim(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Return the (batch,) SSIM of stretched images (paper, eq. 4 and 5; Wang et al. 2004).

    Gaussian window of 11 pixels with sigma 1.5, mean over windows and bands, data range `Stretch.DATA_RANGE`.
    Equal to ``skimage.metrics.structural_similarity(a, b, channel_axis=-1, gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False, data_range=1.0)``.
    """
    return tf.image.ssim(a, b, Stretch.DATA_RANGE, filter_size=11, filter_sigma=1.5)
