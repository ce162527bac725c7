"""Which galaxies of another survey lie where the source survey has none."""

__all__ = ["MOST_OUTSIDE", "Support", "support"]

from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

MOST_OUTSIDE = 0.5
"""Where more of the target than this lies outside, nothing is said of forests there.

Seeing, depth, filters and another survey put 0 to 4 % outside, with intervals that end at 6 %, galaxies of one type
alone up to 5 %, and ten times the light 22 %; galaxies a quarter as large, bands the other way round and stars in place
of galaxies 60 to 100 % (docs/adaptation.md). Half leaves room on both sides."""

_NEIGHBOURS = 5
_WITHIN = 0.99
"""Of the source's own galaxies, that lie inside by definition."""
_RESAMPLES = 200
# More galaxies than this are sampled for the source to be known by.
_REFERENCE = 20_000


@dataclass(frozen=True)
class Support:
    """How much of the target lies outside of what the source survey has.

    Attributes:
        reference: Galaxies of the source that say where it has any.
        judged: Galaxies of the target that were looked at.
        outside: The share of them that lies outside; 0.01 is what the source's own galaxies give.
        interval: Its 95 % interval, over the source's galaxies drawn again and for so few of the target.
    """

    reference: int
    judged: int
    outside: float
    interval: tuple[float, float]


def support(
    learned: np.ndarray | None, source: np.ndarray, target: np.ndarray, *, paired: bool, seed: int = 0
) -> tuple[Support, np.ndarray]:
    """Return the share of the target outside of the source's support, and how far each galaxy of it lies.

    A galaxy is judged by the distance to the fifth nearest galaxy of the reference, in units of the distance below
    which 99 % of other source galaxies have theirs: beyond 1 it is outside (deep nearest neighbours, Sun et al.
    2022, arXiv 2204.06507).

    Args:
        learned: (k, latent_dim) latents of source galaxies that are not among the others, which then are the
            reference; or None, and one half of ``source`` is.
        source: (m, latent_dim) latents of the source.
        target: (n, latent_dim) of the target; with ``paired``, row by row of the same galaxies.
        paired: Whether they are.
        seed: Of the sample, the half and the resamples.

    Returns:
        The scores, and (n,) distances: NaN for those of the target whose partners are in the reference.
    """
    rng = np.random.default_rng(seed)
    judged, shown = np.full(len(target), True), np.full(len(source), True)
    if learned is None or len(learned) <= _NEIGHBOURS:
        shown = np.zeros(len(source), bool)
        shown[rng.permutation(len(source))[: len(source) // 2]] = True
        learned = source[~shown]
        if paired:
            judged = shown
    elif len(learned) > _REFERENCE:
        learned = learned[rng.choice(len(learned), _REFERENCE, replace=False)]
    nearest = NearestNeighbors(n_neighbors=min(_NEIGHBOURS, len(learned))).fit(learned)
    with threadpool_limits(1):
        own, others = (nearest.kneighbors(z)[0][:, -1] for z in (source[shown], target[judged]))
    # Drawn again, a target of which none lies outside has none again: the share is drawn as Jeffreys's prior leaves it.
    beyond = [np.sum(others > np.quantile(rng.choice(own, len(own)), _WITHIN)) for _ in range(_RESAMPLES)]
    again = [rng.beta(count + 0.5, len(others) - count + 0.5) for count in beyond]
    low, high = np.percentile(again, (2.5, 97.5))
    # A collapsed model has all galaxies in one place.
    limit = max(float(np.quantile(own, _WITHIN)), np.finfo(float).tiny)
    distance = np.full(len(target), np.nan)
    distance[judged] = others / limit
    outside = float(np.mean(others > limit))
    interval = min(float(low), outside), max(float(high), outside)
    scores = Support(len(learned), int(judged.sum()), outside, interval)
    return scores, distance
