"""What each latent is worth to the images that a model draws, beside what it costs."""

__all__ = ["WORTH_IMAGES", "active_units", "worth"]

import numpy as np

from galkeras.backend import tf, tfd
from galkeras.models.vae import VAE

WORTH_IMAGES = 64
"""So many galaxies tell it: each is drawn once more for every latent."""


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
    # Without graphs, which take longer to trace than so few images to draw.
    stretched = model.stretch(images)
    posterior, found = model.see(stretched, model.encoder)
    mean, spread = posterior.mean().numpy(), posterior.distribution.stddev().numpy()
    drawn = mean + spread * tf.random.stateless_normal(mean.shape, (0, 0)).numpy()
    cost = tfd.kl_divergence(posterior.distribution, tfd.Normal(0.0, 1.0)).numpy()
    whole = model.unexplained(stretched, found, drawn, survey).numpy()
    gains = np.empty(drawn.shape)
    for latent in range(drawn.shape[1]):
        without = drawn.copy()
        without[:, latent] = mean[:, latent].mean()
        gains[:, latent] = model.unexplained(stretched, found, without, survey).numpy() - whole
    return (gains - model.config.kl_weight * cost).mean(0)


def active_units(worths: np.ndarray) -> int:
    """Return how many latents are worth more than they cost.

    >>> active_units(np.array([3.0, 0.2, -0.1]))
    2
    """
    return int(np.sum(worths > 0))
