"""Probabilities whose log odds are linear in the latents."""

__all__ = ["Multinomial"]

from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

# Times the largest latent of single precision, and summed, this is still a number of double precision.
_LARGEST = 1e200


@dataclass(frozen=True)
class Multinomial:
    """Probabilities of classes, or shares of answers, whose log odds are linear in the latents.

    Attributes:
        weights: (classes, latent_dim).
        bias: (classes,).
    """

    weights: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]

    def __post_init__(self) -> None:
        rows = [*self.weights, self.bias]
        if not len(self.weights) == len(self.bias) > 1:
            raise ValueError("`weights` and `bias` must be of each of two or more classes")
        if len({len(row) for row in self.weights}) > 1 or not all(abs(x) <= _LARGEST for row in rows for x in row):
            raise ValueError(f"`weights` must be rows of as many numbers as there are latents, none above {_LARGEST:g}")

    def log_probabilities(self, z: np.ndarray) -> np.ndarray:
        """Return (rows, classes) float64 logarithms of the probabilities, of (rows, latent_dim) latents."""
        return log_softmax(z.astype(np.float64) @ np.array(self.weights).T + self.bias, axis=-1)
