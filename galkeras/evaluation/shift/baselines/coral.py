"""CORAL (Sun, Feng & Saenko 2016): the target's mean and covariance become the source's."""

__all__: list[str] = []

import numpy as np

from galkeras.evaluation.shift.baselines import BASELINES, Baseline, Map
from galkeras.evaluation.shift.gaussians import covariance, power

_SHRUNK = 1e-2
"""Of the mean variance, added along the diagonals."""


def _fit(source: np.ndarray, target: np.ndarray) -> Map:
    whiten, colour = power(covariance(target, _SHRUNK), -0.5), power(covariance(source, _SHRUNK), 0.5)
    middle, to = target.mean(0, dtype=np.float64), source.mean(0, dtype=np.float64)

    def mapped(z: np.ndarray) -> np.ndarray:
        return (to + (z - middle) @ whiten @ colour).astype(z.dtype)

    return mapped


BASELINES.add("coral", Baseline("CORAL", _fit), order=1)
