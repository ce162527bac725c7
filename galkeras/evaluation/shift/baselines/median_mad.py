"""Every latent on its own: the target's median and spread become the source's."""

__all__: list[str] = []

import numpy as np

from galkeras.evaluation.shift.baselines import BASELINES, Baseline, Map


def _fit(source: np.ndarray, target: np.ndarray) -> Map:
    (to, wide), (middle, spread) = _moments(source), _moments(target)

    def mapped(z: np.ndarray) -> np.ndarray:
        return (to + (z - middle) * (wide / spread)).astype(z.dtype)

    return mapped


def _moments(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    middle = np.median(z, 0)
    spread = np.median(np.abs(z - middle), 0)
    # A latent that is the same for half of the galaxies has no spread to stretch.
    return middle, np.where(spread > 0, spread, 1.0)


BASELINES.add("median-mad", Baseline("median and MAD a latent", _fit), order=0)
