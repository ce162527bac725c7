"""Random forests as plain TensorFlow operations: tables of nodes, and gathers that walk them."""

__all__ = ["ForestGraph"]

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from galkeras.backend import tf


class ForestGraph(tf.Module):
    """Several scikit-learn forests on the same features, walked together.

    The nodes of all trees of all forests lie in one table each of feature, threshold and children, and the class
    fractions of their leaves in one table a forest. A leaf is its own child, so every tree can be walked as many
    steps as the deepest needs. The tables are variables: stored once, and outside the size limit of a graph.

    Args:
        classifiers: Fitted forests by name, all of the same number of features.

    >>> graph = ForestGraph({"bar": forest})  # doctest: +SKIP
    >>> graph(z)["bar"]  # equals forest.predict_proba(z)  # doctest: +SKIP
    """

    def __init__(self, classifiers: dict[str, RandomForestClassifier]):
        super().__init__()
        features, thresholds, children, leaves, roots = [], [], [], [], []
        self._trees = {name: len(forest.estimators_) for name, forest in classifiers.items()}
        self._leaf_tables = {}
        self._depth = 0
        nodes = 0
        for name, forest in classifiers.items():
            fractions, rows = [], 0
            for tree in (estimator.tree_ for estimator in forest.estimators_):
                is_leaf = tree.children_left == -1
                itself = np.arange(tree.node_count)
                features.append(np.where(is_leaf, 0, tree.feature))
                thresholds.append(_rounded_down(tree.threshold))
                sides = np.stack([tree.children_left, tree.children_right], -1)
                children.append(nodes + np.where(is_leaf[:, None], itself[:, None], sides))
                leaves.append(rows + np.cumsum(is_leaf) - 1)
                fractions.append(tree.value[is_leaf, 0] / tree.value[is_leaf, 0].sum(-1, keepdims=True))
                roots.append(nodes)
                rows += int(is_leaf.sum())
                nodes += tree.node_count
                self._depth = max(self._depth, tree.max_depth)
            self._leaf_tables[name] = _table(np.concatenate(fractions), np.float32)
        self._features = _table(np.concatenate(features), np.int32)
        self._thresholds = _table(np.concatenate(thresholds), np.float32)
        # Flat, with the left child of node i at 2 i and the right one at 2 i + 1.
        self._children = _table(np.concatenate(children).ravel(), np.int32)
        self._leaves = _table(np.concatenate(leaves), np.int32)
        self._roots = _table(np.array(roots), np.int32)

    def __call__(self, z: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return, by name, the (batch, classes) float32 probabilities of (batch, features) float32 rows."""
        features, thresholds, children = (
            tf.convert_to_tensor(table) for table in (self._features, self._thresholds, self._children)
        )

        def step(node: tf.Tensor) -> tf.Tensor:
            value = tf.gather(z, tf.gather(features, node), batch_dims=1)
            right = tf.logical_not(value <= tf.gather(thresholds, node))
            return tf.gather(children, 2 * node + tf.cast(right, tf.int32))

        node = tf.repeat(tf.convert_to_tensor(self._roots)[None], tf.shape(z)[0], axis=0)
        (node,) = tf.while_loop(
            lambda _: True, lambda node: (step(node),), (node,), maximum_iterations=max(self._depth, 1)
        )
        reached = tf.split(tf.gather(self._leaves, node), list(self._trees.values()), axis=1)
        return {
            # In double precision, or else the sum over trees would lose the sixth digit.
            name: tf.cast(tf.reduce_mean(tf.cast(tf.gather(table, leaf), tf.float64), 1), tf.float32)
            for (name, table), leaf in zip(self._leaf_tables.items(), reached, strict=True)
        }


def _table(values: np.ndarray, dtype: type) -> tf.Variable:
    return tf.Variable(values.astype(dtype), trainable=False)


def _rounded_down(thresholds: np.ndarray) -> np.ndarray:
    """Return the largest float32 values that are not above ``thresholds``: float32 x compares with both alike."""
    rounded = thresholds.astype(np.float32)
    return np.where(rounded > thresholds, np.nextafter(rounded, np.float32(-np.inf)), rounded)
