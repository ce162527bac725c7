"""A random forest that reads the latents and what a logistic regression makes of them."""

__all__ = ["FEWEST", "LEAST", "StackedForest", "held_out", "stacked"]

from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from galkeras.morphology.logistic import fit_multinomial
from galkeras.morphology.multinomial import Multinomial
from galkeras.morphology.splits import splits

LEAST = -20.0
"""Logarithms of probabilities below this, 2e-9, are taken for it: trees read finite numbers."""

_FOLDS = 5
FEWEST = 2 * _FOLDS
"""Galaxies that each class must have. Of fewer, a class's share of a fold's training side tells who is left out."""


@dataclass(frozen=True, eq=False)
class StackedForest:
    """A random forest on latents and log probabilities: stacking (Wolpert 1992) of a logistic regression.

    A tree splits one latent at a time, and a direction between latents, where most of what tells a class lies, costs it
    many splits.

    Attributes:
        trees: The forest.
        linear: The logistic regression, whose log probabilities stand behind the latents; None for a forest of the
            latents alone, as the paper's.
    """

    trees: RandomForestClassifier
    linear: Multinomial | None = None

    @property
    def classes_(self) -> np.ndarray:
        """Return the classes; the columns of the probabilities."""
        return self.trees.classes_

    def features(self, z: np.ndarray) -> np.ndarray:
        """Return (rows, features) float32 values that the trees read, of (rows, latent_dim) float32 latents."""
        return z if self.linear is None else stacked(z, self.linear.log_probabilities(z))

    def predict_proba(self, z: np.ndarray) -> np.ndarray:
        """Return (rows, classes) probabilities of (rows, latent_dim) latents."""
        return self.trees.predict_proba(self.features(z))

    def predict(self, z: np.ndarray) -> np.ndarray:
        """Return the (rows,) most probable classes of (rows, latent_dim) latents."""
        return self.trees.predict(self.features(z))


def stacked(z: np.ndarray, log_probabilities: np.ndarray) -> np.ndarray:
    """Return (rows, latent_dim + classes) float32 values: latents, and log probabilities beside them."""
    return np.hstack([z, np.maximum(log_probabilities, LEAST)]).astype(np.float32)


def held_out(z: np.ndarray, target: np.ndarray, groups: np.ndarray | None, seed: int) -> np.ndarray | None:
    """Return (rows, classes) log probabilities of each galaxy from a logistic regression that did not see it.

    From those of one that did, trees would learn to believe it more than it deserves. They still do where the model
    that made the latents was told the classes of these galaxies, which `galkeras.morphology.sharpening` makes good.

    Args:
        z: (rows, latent_dim) latents.
        target: (rows,) class indices 0, 1, …
        groups: (rows,) the galaxy of each row: all rows of a galaxy are on the same side. None where each has one.
        seed: Of the sides.

    Returns:
        None where there is one class, or one of less than `FEWEST` galaxies.
    """
    groups = np.arange(len(z)) if groups is None else groups
    classes = target.max() + 1
    fewest = min(len(np.unique(groups[target == one])) for one in range(classes))
    if classes < 2 or fewest < FEWEST:
        return None
    said = np.empty((len(z), classes))
    for train, test in splits(target, groups, seed, _FOLDS, np.zeros(len(z), bool)):
        said[test] = fit_multinomial(z[train], target[train]).log_probabilities(z[test])
    return said
