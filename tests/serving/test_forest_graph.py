"""Forests in the graph decide as scikit-learn does, to the last bit of a threshold."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from galkeras.backend import tf
from galkeras.morphology.forests import fit_forest
from galkeras.morphology.stacked import StackedForest
from galkeras.serving.forest_graph import ForestGraph


def forests(z: np.ndarray) -> dict[str, StackedForest]:
    rng = np.random.default_rng(1)
    noisy = z + rng.normal(scale=0.3, size=z.shape)
    many = np.digitize(noisy[:, 1], [-1, 0, 1])
    plain = {
        "two": RandomForestClassifier(25, random_state=0, class_weight="balanced").fit(z, noisy[:, 0] > 0),
        "four": RandomForestClassifier(7, random_state=0, min_samples_leaf=5).fit(z, many),
        "stumps": RandomForestClassifier(3, random_state=0, max_depth=1).fit(z, many),
        "best first": RandomForestClassifier(3, random_state=0, max_leaf_nodes=20).fit(z, many),
        "no split": RandomForestClassifier(2, random_state=0, max_depth=1, min_samples_leaf=400).fit(z, many),
    }
    # Those that read more than latents stand first, last and between.
    return (
        {"beside, two": fit_forest(z, noisy[:, 0] > 0, 0, 20)}
        | {name: StackedForest(forest) for name, forest in plain.items()}
        | {"beside, four": fit_forest(z, many, 0, 20), "latents alone": fit_forest(z, many, 0, 5, paper=True)}
        | {"beside, far": fit_forest(z, (noisy[:, 2] > 0).astype(int), 1, 5)}
    )


@pytest.fixture(scope="module")
def fitted():
    z = np.random.default_rng(0).normal(size=(500, 5)).astype(np.float32)
    return forests(z)


def test_equal_to_predict_proba(fitted):
    z = np.random.default_rng(2).normal(size=(2000, 5)).astype(np.float32)
    found = tf.function(ForestGraph(fitted))(z)
    for name, forest in fitted.items():
        np.testing.assert_allclose(found[name], forest.predict_proba(z), rtol=0, atol=1e-6)


def test_equal_on_both_sides_of_every_threshold(fitted):
    trees = [estimator.tree_ for forest in fitted.values() for estimator in forest.trees.estimators_]
    for feature in range(5):
        thresholds = np.concatenate([tree.threshold[tree.feature == feature] for tree in trees]).astype(np.float32)
        near = [np.nextafter(thresholds, np.float32(to)) for to in (-np.inf, np.inf)]
        z = np.zeros((3 * len(thresholds), 5), np.float32)
        z[:, feature] = np.concatenate([thresholds, *near])
        found = ForestGraph(fitted)(tf.constant(z))
        for name, forest in fitted.items():
            np.testing.assert_allclose(found[name], forest.predict_proba(z), rtol=0, atol=1e-6)


def test_what_is_not_a_number_reaches_a_leaf(fitted):
    found = ForestGraph(fitted)(tf.constant([[np.nan] * 5, [np.inf] * 5], tf.float32))
    for probabilities in found.values():
        np.testing.assert_allclose(tf.reduce_sum(probabilities, -1), 1, atol=1e-6)
