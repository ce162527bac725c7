"""Multinomial logistic regression on latents."""

__all__ = ["fit_multinomial"]

from functools import cache

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import ThreadpoolController

from galkeras.morphology.multinomial import Multinomial

# Inverse of the strength by which the weights, of latents of unit scatter, are drawn to 0. It matters below a thousand
# galaxies; of 0.003 to 1, 0.03 to 0.3 gave the best Brier scores of stacked forests on validation galaxies.
_C = 0.1
_ITERATIONS = 1000


def fit_multinomial(
    z: np.ndarray, target: np.ndarray, rows: np.ndarray | None = None, weight: np.ndarray | None = None
) -> Multinomial:
    """Fit by the likelihood; the result does not depend on the number of cores.

    Args:
        z: (galaxies, latent_dim) latents.
        target: (rows,) class indices 0, 1, …, of which each occurs, and two or more do.
        rows: (rows,) of which galaxy each row is, if a galaxy has more than one.
        weight: (rows,) weights of the rows, 1 if None.
    """
    scaler = StandardScaler().fit(z.astype(np.float64))
    scaled = scaler.transform(z)
    model = LogisticRegression(C=_C, max_iter=_ITERATIONS)
    # Sums over rows would be shared out among cores, and their last digits depend on how.
    with _libraries().limit(limits=1, user_api="blas"):
        model.fit(scaled if rows is None else scaled[rows], target, weight)
    weights, bias = model.coef_, model.intercept_
    if len(weights) == 1:
        # Of two classes scikit-learn has the log odds of the second.
        weights, bias = np.concatenate([0 * weights, weights]), np.array([0.0, *bias])
    weights = weights / scaler.scale_
    return Multinomial(tuple(map(tuple, weights.tolist())), tuple((bias - weights @ scaler.mean_).tolist()))


@cache
def _libraries() -> ThreadpoolController:
    # Once: to look for the libraries takes longer than to fit a small regression.
    return ThreadpoolController()
