"""The distance of a galaxy's posterior from the bulk of the sample."""

__all__: list[str] = []

import warnings

import numpy as np
from sklearn.covariance import MinCovDet
from threadpoolctl import threadpool_limits

from galkeras.discovery.rules import RULES, Rule
from galkeras.latents.table import LatentTable

# The covariance of more galaxies than these is not known any better in practice, and takes long.
_FITTED = 20_000
# With fewer rows a feature a robust covariance means nothing.
_ROWS_A_FEATURE = 5


def _of_posteriors(table: LatentTable) -> np.ndarray:
    """Return squared distances of means and log variances, by the minimum covariance determinant."""
    return _mahalanobis(np.concatenate([table.z, table.log_var], 1).astype(np.float64))


def _mahalanobis(features: np.ndarray) -> np.ndarray:
    features = features[:, np.ptp(features, axis=0) > 0]
    if features.shape[1] == 0:
        return np.zeros(len(features))
    if len(features) < _ROWS_A_FEATURE * features.shape[1]:
        # Too few for a covariance, and one far galaxy would set the scale by which it is judged.
        from_centre = np.abs(features - np.median(features, axis=0))
        spread = np.median(from_centre, axis=0)
        return np.sum((from_centre / np.where(spread > 0, spread, features.std(0))) ** 2, axis=1)
    features = (features - features.mean(0)) / features.std(0)
    sample = features
    if len(features) > _FITTED:
        sample = features[np.random.default_rng(0).choice(len(features), _FITTED, replace=False)]
    # One thread: its many small steps are slowed by others up to a hundredfold where the machine is busy.
    with warnings.catch_warnings(), threadpool_limits(1):
        # Of a covariance that is singular, as between two latents that are one: its pseudo-inverse will do.
        warnings.simplefilter("ignore")
        return MinCovDet(support_fraction=0.75, random_state=0).fit(sample).mahalanobis(features)


RULES.add("mahalanobis", Rule(latents=_of_posteriors), order=1)
