"""The eight views of a cutout: its quarter turns and their mirror images."""

__all__ = ["encode_views"]

from galkeras.backend import tf
from galkeras.models.vae import VAE


def encode_views(vae: VAE, images: tf.Tensor, views: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Return posterior means and log variances, each (batch, latent_dim), averaged over the views of each image.

    The variances are averaged, and not their logarithms. ``views`` is one of `galkeras.latents.table.VIEWS`.
    """
    if views == 1:
        return vae.encode(images)
    turned = [images, tf.transpose(images, (0, 2, 1, 3))]
    for axis in (1, 2):
        turned += [tf.reverse(view, [axis]) for view in turned]
    # As one batch: the encoder stands in a graph once.
    z, log_var = (tf.split(values, views) for values in vae.encode(tf.concat(turned, 0)))
    return tf.add_n(z) / views, tf.math.log(tf.add_n([tf.exp(one) for one in log_var]) / views)
