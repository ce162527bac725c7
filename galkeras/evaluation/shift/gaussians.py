"""What maps between surveys are made of that see latents as Gaussians."""

__all__ = ["covariance", "power"]

import numpy as np

_LEAST = 1e-12


def covariance(z: np.ndarray, shrunk: float) -> np.ndarray:
    """Return the (latent_dim, latent_dim) covariance of (rows, latent_dim) latents, in float64.

    ``shrunk`` of the mean variance is added along the diagonal, so that what varies little is not blown up.
    """
    found = np.cov(z.astype(np.float64), rowvar=False).reshape(z.shape[1], -1)
    return found + (shrunk * np.trace(found) / len(found) + _LEAST) * np.eye(len(found))


def power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    """Return a symmetric matrix without negative eigenvalues to a power, which may be negative or a fraction."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, _LEAST) ** exponent) @ vectors.T
