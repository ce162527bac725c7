"""What an adaptation has to beat: maps of the target's latents to the source's that need no network, one a file."""

__all__ = ["BASELINES", "Baseline", "Map", "aligned"]

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import KFold

from galkeras.evaluation.shift import FOLDS
from galkeras.io.registry import Registry

Map = Callable[[np.ndarray], np.ndarray]
"""From (rows, latent_dim) latents of the target survey to what the source's would be."""

_FEWEST = 50


@dataclass(frozen=True)
class Baseline:
    """One way of mapping latents.

    Attributes:
        title: As tables name it.
        fit: From (m, latent_dim) source and (n, latent_dim) target latents to the map; row by row of the same galaxies
            where ``pairs``.
        pairs: Whether it needs pairs.
    """

    title: str
    fit: Callable[[np.ndarray, np.ndarray], Map]
    pairs: bool = False


BASELINES: Registry[Baseline] = Registry("baseline", package=__name__)
"""The baselines by name."""


def aligned(
    baseline: Baseline,
    learned: tuple[np.ndarray, np.ndarray] | None,
    source: np.ndarray,
    target: np.ndarray,
    seed: int = 0,
) -> np.ndarray:
    """Return the target's latents as the baseline maps them, fitted on other galaxies.

    Args:
        baseline: Which.
        learned: Source and target latents to fit it on. None, or with fewer than 50 galaxies of a survey: each fifth of
            the tested galaxies is mapped by what was fitted on the others.
        source: (m, latent_dim) tested latents of the source, in the order of ``target`` where the baseline needs pairs.
        target: (n, latent_dim) tested latents of the target.
        seed: Of the fifths.
    """
    if learned is not None and min(map(len, learned)) >= _FEWEST:
        return baseline.fit(*learned)(target)
    mapped = np.empty_like(target)
    # The same fifths of both surveys: where they are pairs, both images of a galaxy are left out together.
    folds = KFold(FOLDS, shuffle=True, random_state=seed)
    for (kept, _), (train, test) in zip(folds.split(source), folds.split(target), strict=True):
        mapped[test] = baseline.fit(source[kept], target[train])(target[test])
    return mapped
