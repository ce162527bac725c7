"""Images, what a model makes of them, and how well."""

__all__ = ["Measured", "compare", "measure", "measure_surveys", "moments"]

from collections.abc import Sequence
from typing import NamedTuple

from galkeras.backend import tf, tfd
from galkeras.models.ssim import ssim
from galkeras.models.vae import VAE


class Measured(NamedTuple):
    """A batch of images and their reconstructions from the posterior means.

    Attributes:
        z: (batch, latent_dim) posterior means.
        log_var: (batch, latent_dim) log variances.
        stretched: (batch, side, side, band) stretched images.
        rebuilt: Their reconstructions, stretched too.
        mse: (batch,) mean squared error a pixel and band of the stretched image.
        ssim: (batch,) SSIM of the stretched image.
        pose: What `VAE.look` found of how galaxies lie in their images, or None.
    """

    z: tf.Tensor
    log_var: tf.Tensor
    stretched: tf.Tensor
    rebuilt: tf.Tensor
    mse: tf.Tensor
    ssim: tf.Tensor
    pose: tf.Tensor | None


def measure(model: VAE, images: tf.Tensor, survey: str | None = None) -> Measured:
    """Encode and rebuild images in survey units, as ``survey`` sees them (one of the model's; its first if None)."""
    return measure_surveys(model, images, (survey,))[0]


def measure_surveys(model: VAE, images: tf.Tensor, surveys: Sequence[str | None]) -> list[Measured]:
    """Encode images in survey units once, and rebuild them as each of ``surveys`` sees them."""
    stretched = model.stretch(images)
    posterior, pose = model.look(stretched)
    z, log_var = moments(posterior)
    drawn = [model.draw(z, pose, survey) for survey in surveys]
    return [Measured(z, log_var, stretched, rebuilt, *compare(stretched, rebuilt), pose) for rebuilt in drawn]


def moments(posterior: tfd.Distribution) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the means and log variances, each (batch, latent_dim), of what `VAE.look` gave."""
    return posterior.mean(), 2 * tf.math.log(posterior.stddev())


def compare(stretched: tf.Tensor, rebuilt: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the (batch,) mean squared errors and SSIM of stretched images."""
    return tf.reduce_mean(tf.square(stretched - rebuilt), axis=(1, 2, 3)), ssim(stretched, rebuilt)
