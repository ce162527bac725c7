"""Whether probabilities are what they say: of galaxies called barred with 0.8, are four in five barred?"""

__all__ = ["BOUNDED", "MEANS", "SAMPLES", "Calibration", "calibrate"]

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sklearn.metrics import brier_score_loss

MEANS, SAMPLES = "posterior means", "posterior samples"
"""Two ways to probabilities: the forest's for the mean of a galaxy's posterior, or its average over draws from it."""

BOUNDED = ("brier", "ece")
"""The scores that come with a bootstrap interval."""

_BINS = 10
# Galaxies in a bin, at least: fewer bins for fewer galaxies.
_IN_BIN = 20
_RESAMPLES, _CHUNK = 2000, 100


@dataclass(frozen=True)
class Calibration:
    r"""How far one set of probabilities can be trusted, on rows that its forest did not see.

    The Brier score is :math:`\frac12 \langle \sum_c (p_c - y_c)^2 \rangle`, from 0 to 1. The expected calibration
    error (ECE) is that of the class named, the likeliest: rows are sorted by its probability into 10 bins of equal
    numbers (fewer where a bin would have less than 20), and the distance of mean probability and share that is right is
    averaged over the rows.

    Attributes:
        brier: The Brier score.
        brier_of_shares: That of always giving each class its share of the training rows.
        ece: The expected calibration error.
        ece_by_chance: What it would be, on average, if the probabilities were true: never 0, because bins are finite.
        intervals: Of ``brier`` and ``ece``, the 2.5 % and 97.5 % bounds when galaxies are drawn again.
        change: Of ``brier`` and ``ece``, the same bounds of the difference to the first set of probabilities; empty
            for the first itself.
        probability: Mean probability of the class named, by bin.
        right: Share of its rows where that class is true.
        rows: Rows in it.
    """

    brier: float
    brier_of_shares: float
    ece: float
    ece_by_chance: float
    intervals: dict[str, tuple[float, float]]
    change: dict[str, tuple[float, float]]
    probability: tuple[float, ...]
    right: tuple[float, ...]
    rows: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return asdict(self)


def calibrate(
    truth: np.ndarray,
    probabilities: Mapping[str, np.ndarray],
    *,
    shares: np.ndarray,
    groups: np.ndarray,
    seed: int = 0,
) -> dict[str, Calibration]:
    """Score probabilities, and one way of getting them against another on the same rows.

    Args:
        truth: (rows,) class indices.
        probabilities: Name to (rows, classes) probabilities; differences are to the first.
        shares: (rows, classes) shares of the classes among the rows that the row's forest was trained on.
        groups: (rows,) the galaxy of each row. Intervals come from drawing galaxies, with all their rows.
        seed: Of the bootstrap.
    """
    classes = shares.shape[1]
    _, galaxy = np.unique(groups, return_inverse=True)
    tables = {name: _Table(truth, given) for name, given in probabilities.items()}
    resampled = _resample({name: table.by_galaxy(galaxy) for name, table in tables.items()}, galaxy.max() + 1, seed)
    first = next(iter(resampled))
    result = {}
    for name, table in tables.items():
        draws = resampled[name]
        change = {} if name == first else {key: _bounds(draws[key] - resampled[first][key]) for key in draws}
        result[name] = Calibration(
            brier=_brier(truth, probabilities[name], classes),
            brier_of_shares=_brier(truth, shares, classes),
            ece=float(_ece(table.bins.sum(0))),
            ece_by_chance=table.ece_by_chance(seed),
            intervals={key: _bounds(draws[key]) for key in draws},
            change=change,
            **table.curve(),
        )
    return result


class _Table:
    """Rows in bins of the probability of the class named."""

    def __init__(self, truth: np.ndarray, probabilities: np.ndarray) -> None:
        rows = np.arange(len(truth))
        self.brier = 0.5 * np.sum((probabilities - np.eye(probabilities.shape[1])[truth]) ** 2, -1)
        named = probabilities.argmax(-1)
        self.confidence = probabilities[rows, named]
        self.right = (named == truth).astype(float)
        count = int(np.clip(len(rows) // _IN_BIN, 1, _BINS))
        edges = np.unique(np.quantile(self.confidence, np.linspace(0, 1, count + 1)[1:-1]))
        self.bin = np.searchsorted(edges, self.confidence, side="right")
        self.bins = self._bins(self.right)

    def _bins(self, right: np.ndarray) -> np.ndarray:
        """Return (rows, bins, 3): in its bin each row counts 1, with its probability and whether it is right."""
        bins = np.zeros((len(self.bin), self.bin.max() + 1, 3))
        bins[np.arange(len(self.bin)), self.bin] = np.stack([np.ones(len(self.bin)), self.confidence, right], -1)
        return bins

    def by_galaxy(self, galaxy: np.ndarray) -> np.ndarray:
        """Return (galaxies, 1 + 3 bins) sums over the rows of each galaxy."""
        values = np.concatenate([self.brier[:, None], self.bins.reshape(len(self.bin), -1)], -1)
        sums = np.zeros((galaxy.max() + 1, values.shape[1]))
        np.add.at(sums, galaxy, values)
        return sums

    def ece_by_chance(self, seed: int) -> float:
        """Return the expected calibration error that probabilities would have if each row were right as it says."""
        rng = np.random.default_rng(seed)
        drawn = [rng.random(len(self.bin)) < self.confidence for _ in range(_CHUNK)]
        return float(np.mean([_ece(self._bins(right).sum(0)) for right in drawn]))

    def curve(self) -> dict[str, tuple]:
        """Return the reliability curve: of each bin that has rows, mean probability, proportion right and how many."""
        count, confidence, right = (column for column in self.bins.sum(0).T)
        kept = count > 0
        return {
            "probability": tuple((confidence[kept] / count[kept]).tolist()),
            "right": tuple((right[kept] / count[kept]).tolist()),
            "rows": tuple(count[kept].astype(int).tolist()),
        }


def _brier(truth: np.ndarray, probabilities: np.ndarray, classes: int) -> float:
    return float(brier_score_loss(truth, probabilities, labels=np.arange(classes), scale_by_half=True))


def _ece(bins: np.ndarray) -> np.ndarray:
    """Return the calibration error of (..., bins, 3) sums: rows, probabilities, right ones."""
    return np.abs(bins[..., 1] - bins[..., 2]).sum(-1) / bins[..., 0].sum(-1)


def _bounds(values: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)


def _resample(sums: Mapping[str, np.ndarray], galaxies: int, seed: int) -> dict[str, dict[str, np.ndarray]]:
    """Draw galaxies with replacement, the same for all sets of probabilities."""
    rng = np.random.default_rng(seed)
    parts: dict[str, list[np.ndarray]] = {name: [] for name in sums}
    for _ in range(_RESAMPLES // _CHUNK):
        weights = rng.multinomial(galaxies, np.full(galaxies, 1 / galaxies), _CHUNK)
        for name, values in sums.items():
            parts[name].append(weights @ values)
    result = {}
    for name, blocks in parts.items():
        drawn = np.concatenate(blocks)
        bins = drawn[:, 1:].reshape(len(drawn), -1, 3)
        result[name] = {"brier": drawn[:, 0] / bins[..., 0].sum(-1), "ece": _ece(bins)}
    return result
