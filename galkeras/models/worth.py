"""What each latent is worth to the images that a model draws, beside what it costs."""

__all__ = ["WORTH_IMAGES", "active_units", "worth"]

import numpy as np

from galkeras.backend import tf
from galkeras.models.vae import VAE

WORTH_IMAGES = 128
"""So many galaxies tell it: each is drawn once more for every latent."""

_BATCH = 64


def worth(model: VAE, images: np.ndarray, survey: str | None = None) -> np.ndarray:
    """Return by how much the loss rises, a galaxy, when a latent says of every galaxy what it says of the mean one.

    Reconstruction and features get worse by what the latent told of them; the KL divergence that it cost is saved. A
    latent of which more is lost than saved is worth its place, and one that is noise to the decoder, or that holds only
    what galaxies of the training split have by chance, is not. (That its posterior mean varies, Burda et al.
    2016, sec. 5, is true of whitened components before any training.) What votes gain from a latent does not count.

    Args:
        model: The model.
        images: (galaxies, side, side, band) in survey units, of galaxies that it did not learn from.
        survey: As which of its surveys sees them, the first if None.

    Returns:
        (latent_dim,) in units of the ELBO loss.
    """
    size = model.config.latent_dim

    @tf.function(reduce_retracing=True)
    def see(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        posterior, _ = model.look(model.stretch(batch))
        mean, spread = posterior.mean(), posterior.distribution.stddev()
        drawn = mean + spread * tf.random.stateless_normal(tf.shape(mean), (0, 0))
        cost = 0.5 * (tf.square(mean) + tf.square(spread) - 1) - tf.math.log(spread)
        return mean, drawn, model.config.kl_weight * cost

    @tf.function(reduce_retracing=True)
    def unexplained(batch: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        return model.unexplained(batch, z, survey)

    batches = [images[start : start + _BATCH] for start in range(0, len(images), _BATCH)]
    seen = [tuple(part.numpy() for part in see(batch)) for batch in batches]
    usual = np.concatenate([mean for mean, _, _ in seen]).mean(0)
    total = np.zeros(size)
    for batch, (_, drawn, cost) in zip(batches, seen, strict=True):
        whole = unexplained(batch, drawn).numpy()
        total -= cost.sum(0)
        for latent in range(size):
            without = drawn.copy()
            without[:, latent] = usual[latent]
            total[latent] += (unexplained(batch, without).numpy() - whole).sum()
    return total / len(images)


def active_units(worths: np.ndarray) -> int:
    """Return how many latents are worth more than they cost.

    >>> active_units(np.array([3.0, 0.2, -0.1]))
    2
    """
    return int(np.sum(worths > 0))
