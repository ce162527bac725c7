"""The eight views of a cutout: its quarter turns and their mirror images."""

__all__ = ["VIEWS", "encode_views"]

from galkeras.backend import tf
from galkeras.models.vae import VAE

VIEWS = (1, 8)
"""The image as it is, or its four quarter turns and their mirror images."""


def encode_views(vae: VAE, images: tf.Tensor, views: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Return posterior means and log variances, each (batch, latent_dim), averaged over the views of each image.

    The variances are averaged, and not their logarithms. ``views`` is one of `VIEWS`.
    """
    z, log_var = vae.encode(images)
    if views == 1:
        return z, log_var
    mirrored = tf.image.flip_left_right(images)
    turned = [tf.image.rot90(images, k) for k in (1, 2, 3)] + [tf.image.rot90(mirrored, k) for k in range(4)]
    others = [vae.encode(view) for view in turned]
    z = tf.add_n([z, *(mean for mean, _ in others)]) / views
    variance = tf.add_n([tf.exp(lv) for lv in (log_var, *(lv for _, lv in others))]) / views
    return z, tf.math.log(variance)
