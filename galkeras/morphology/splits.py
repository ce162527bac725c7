"""Which galaxies train and which test."""

__all__ = ["TEST_FRACTION", "splits"]

from collections.abc import Iterator

import numpy as np
from sklearn.model_selection import StratifiedKFold, train_test_split

TEST_FRACTION = 0.3
"""As in the paper: 70 % of the galaxies train, 30 % test."""


def splits(
    target: np.ndarray, ids: np.ndarray, seed: int, folds: int | None, known: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield row indices to train and to test on; all rows of a galaxy are on the same side.

    Args:
        target: (rows,) class indices: sides are stratified by them.
        ids: (rows,) the galaxy of each row.
        seed: Of the sides.
        folds: So many, or None for one split.
        known: (rows,) whose votes the model that made the latents learned from. These galaxies are never tested on:
            their latents know the answer.
    """
    galaxies, first, galaxy = np.unique(ids, return_index=True, return_inverse=True)
    learned = np.unique(galaxy[known])
    free = np.setdiff1d(np.arange(len(galaxies)), learned)
    strata = target[first][free]
    if folds:
        sides = StratifiedKFold(folds, shuffle=True, random_state=seed).split(strata, strata)
    elif len(learned):
        sides = [(np.array([], int), np.arange(len(free)))]
    else:
        sides = [train_test_split(np.arange(len(free)), test_size=TEST_FRACTION, stratify=strata, random_state=seed)]
    for train, test in sides:
        train = np.concatenate([free[train], learned])
        yield np.flatnonzero(np.isin(galaxy, train)), np.flatnonzero(np.isin(galaxy, free[test]))
