"""CORAL (Sun, Feng & Saenko 2016): the target's mean and covariance become the source's."""

__all__: list[str] = []

import numpy as np

from galkeras.evaluation.shift.baselines import BASELINES, Baseline, Map

_SHRUNK = 1e-2
"""Of the mean variance, added along the diagonal, so that what varies little is not blown up."""


def _fit(source: np.ndarray, target: np.ndarray) -> Map:
    whiten, colour = _power(target, -0.5), _power(source, 0.5)
    middle, to = target.mean(0, dtype=np.float64), source.mean(0, dtype=np.float64)

    def mapped(z: np.ndarray) -> np.ndarray:
        return (to + (z - middle) @ whiten @ colour).astype(z.dtype)

    return mapped


def _power(z: np.ndarray, power: float) -> np.ndarray:
    covariance = np.cov(z.astype(np.float64), rowvar=False).reshape(z.shape[1], -1)
    mean = np.trace(covariance) / len(covariance)
    values, vectors = np.linalg.eigh(covariance + (_SHRUNK * mean + np.finfo(float).tiny) * np.eye(len(covariance)))
    return (vectors * values**power) @ vectors.T


BASELINES.add("coral", Baseline("CORAL", _fit), order=1)
