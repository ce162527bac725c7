"""How much surer a forest may be than it says, or how much less sure it should be."""

__all__ = ["best_power", "fit_power", "trees_of_power"]

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedGroupKFold

from galkeras.morphology.forests import FOREST, fit_forest, sharpened

_FOLDS = 3
# So many trees say about what all of them do.
_TREES = 100
# So many galaxies of one fold say what those of all three would.
_ENOUGH = 30_000
_BOUNDS = (0.1, 10.0)
# Probabilities below this are not told from it: one wrong galaxy that no tree believed in would decide alone.
_LEAST = 1e-3


def trees_of_power() -> int:
    """Return how many trees `fit_power` grows at most."""
    return _FOLDS * min(_TREES, FOREST["n_estimators"])


def best_power(probabilities: np.ndarray, target: np.ndarray) -> float:
    r"""Return the power p by which a forest's probabilities become :math:`q_c^p / \sum_{c'} q_{c'}^p`.

    A forest of balanced leaves that reads the latents alone is less sure than it is right. One that reads a logistic
    regression too is about as sure, and too sure where the model was told the classes of the galaxies that it learned
    from: then the power is below 1. The power minimises the log loss (temperature scaling:
    Guo et al. 2017, arXiv:1706.04599; p is one over the temperature).

    Args:
        probabilities: (rows, classes) what a forest says of galaxies that it did not see.
        target: (rows,) class indices 0, 1, …
    """
    said = np.maximum(probabilities, _LEAST)
    said /= said.sum(-1, keepdims=True)

    def loss(log_power: float) -> float:
        return log_loss(target, sharpened(said, np.exp(log_power)), labels=np.arange(said.shape[1]))

    return float(np.exp(minimize_scalar(loss, bounds=np.log(_BOUNDS), method="bounded").x))


def fit_power(
    z: np.ndarray,
    target: np.ndarray,
    groups: np.ndarray,
    seed: int,
    tick: Callable[[int], object] | None = None,
    known: np.ndarray | None = None,
    *,
    paper: bool = False,
) -> float:
    """Return the `best_power` of cross-validation among the rows given, of one fold where that holds 30,000 rows.

    Args:
        z: (rows, latent_dim) latents to train on.
        target: (rows,) class indices 0, 1, …
        groups: (rows,) the galaxy of each row: all rows of a galaxy are on the same side.
        seed: Of folds and forests.
        tick: As of `fit_forest`.
        known: (rows,) whose classes the model that made the latents learned from. They are always trained on: what
            a forest says of them is surer than what it says of other galaxies.
        paper: As of `fit_forest`.

    Returns:
        The power, 1 where a class has a single galaxy.
    """
    free = np.arange(len(target)) if known is None else np.flatnonzero(~known)
    fewest = min(len(np.unique(groups[free][target[free] == index])) for index in np.unique(target))
    if fewest < 2:
        return 1.0
    said = np.zeros((len(target), target.max() + 1))
    judged: list[int] = []
    folds = StratifiedGroupKFold(min(_FOLDS, fewest), shuffle=True, random_state=seed)
    for _, fold in folds.split(z[free], target[free], groups[free]):
        held = free[fold]
        seen = np.setdiff1d(np.arange(len(target)), held)
        few = trees_of_power() // _FOLDS
        forest = fit_forest(z[seen], target[seen], seed, few, tick, groups=groups[seen], paper=paper)
        # A fold may lack a class whose rows are of few galaxies.
        said[np.ix_(held, forest.classes_)] = forest.predict_proba(z[held])
        judged.extend(held)
        if len(held) >= _ENOUGH:
            break
    judged.sort()
    return best_power(said[judged], target[judged])
