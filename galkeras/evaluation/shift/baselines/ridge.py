"""A ridge regression from the target's latents of a galaxy to the source's."""

__all__: list[str] = []

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from galkeras.evaluation.shift.baselines import BASELINES, Baseline, Map

_PENALTIES = np.geomspace(0.1, 1e4, 11)


def _fit(source: np.ndarray, target: np.ndarray) -> Map:
    # The penalty is chosen by leave-one-out, which a ridge regression has in closed form.
    model = make_pipeline(StandardScaler(), RidgeCV(_PENALTIES)).fit(target.astype(float), source.astype(float))

    def mapped(z: np.ndarray) -> np.ndarray:
        return model.predict(z.astype(float)).reshape(len(z), -1).astype(z.dtype)

    return mapped


BASELINES.add("ridge", Baseline("ridge regression", _fit, pairs=True), order=2)
