"""Random forests as plain TensorFlow operations: tables of nodes, and gathers that walk them."""

__all__ = ["ForestGraph"]

from typing import Any

import numpy as np

from galkeras.backend import tf
from galkeras.morphology.stacked import LEAST, StackedForest
from galkeras.serving.multinomial_graph import MultinomialGraph


class ForestGraph(tf.Module):
    """Several forests on the same latents, walked together.

    The nodes of all trees of all forests are the rows of one table (feature, bits of the threshold, left child, right
    child), so that one gather reads a node. A leaf is its own child, so every tree can be walked as many steps as the
    deepest needs. The class fractions of the leaves are in one table a forest. The tables are variables: stored once,
    and outside the size limit of a graph.

    What a forest reads behind the latents, the log probabilities of its logistic regression, stands behind the latents
    and those of the forests before it.

    Args:
        forests: Fitted forests by name, all of the same number of latents.

    >>> graph = ForestGraph({"bar": forest})  # doctest: +SKIP
    >>> graph(z)["bar"]  # equals forest.predict_proba(z)  # doctest: +SKIP
    """

    def __init__(self, forests: dict[str, StackedForest]):
        super().__init__()
        nodes, leaves, roots = [], [], []
        self._trees = {name: len(forest.trees.estimators_) for name, forest in forests.items()}
        linear = [forest.linear for forest in forests.values() if forest.linear is not None]
        self._linear = MultinomialGraph(linear) if linear else None
        self._leaf_tables = {}
        self._depth = 1
        count = beside = 0
        for name, forest in forests.items():
            fractions, rows = [], 0
            # Where what stands behind the latents begins, and how far it has moved.
            own = 0 if forest.linear is None else len(forest.linear.bias)
            latent_dim = forest.trees.n_features_in_ - own
            for tree in (estimator.tree_ for estimator in forest.trees.estimators_):
                is_leaf = tree.children_left == -1
                feature = tree.feature + np.where(tree.feature < latent_dim, 0, beside)
                nodes.append(_nodes(tree, feature, is_leaf, count))
                leaves.append(rows + np.cumsum(is_leaf) - 1)
                fractions.append(tree.value[is_leaf, 0] / tree.value[is_leaf, 0].sum(-1, keepdims=True))
                roots.append(count)
                rows += int(is_leaf.sum())
                count += tree.node_count
                self._depth = max(self._depth, tree.max_depth)
            beside += own
            self._leaf_tables[name] = _table(np.concatenate(fractions), np.float32)
        self._nodes = _table(np.concatenate(nodes), np.int32)
        self._leaves = _table(np.concatenate(leaves), np.int32)
        self._roots = _table(np.array(roots), np.int32)

    def __call__(self, z: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return, by name, the (batch, classes) float32 probabilities of (batch, latent_dim) float32 rows."""
        read = self._read(z)
        nodes, values = tf.convert_to_tensor(self._nodes), tf.reshape(read, [-1])
        row = tf.range(tf.shape(z)[0]) * read.shape[-1]

        def step(node: tf.Tensor) -> tf.Tensor:
            feature, threshold, left, right = tf.unstack(tf.gather(nodes, node), axis=-1)
            return tf.where(tf.gather(values, row + feature) <= tf.bitcast(threshold, tf.float32), left, right)

        # Trees in rows: neighbours in memory walk the same tree.
        start = tf.repeat(tf.convert_to_tensor(self._roots)[:, None], tf.shape(z)[0], axis=1)
        (node,) = tf.while_loop(lambda _: True, lambda node: (step(node),), (start,), maximum_iterations=self._depth)
        reached = tf.split(tf.gather(self._leaves, node), list(self._trees.values()))
        return {
            # In double precision, or else the sum over trees would lose the sixth digit.
            name: tf.cast(tf.reduce_mean(tf.cast(tf.gather(table, leaf), tf.float64), 0), tf.float32)
            for (name, table), leaf in zip(self._leaf_tables.items(), reached, strict=True)
        }

    def _read(self, z: tf.Tensor) -> tf.Tensor:
        """Return (batch, features) float32 values: the latents, and what the forests read beside them."""
        if self._linear is None:
            return z
        return tf.concat([z, tf.cast(tf.maximum(tf.concat(self._linear(z), -1), LEAST), tf.float32)], -1)


def _nodes(tree: Any, feature: np.ndarray, is_leaf: np.ndarray, first: int) -> np.ndarray:
    """Return the (nodes, 4) int32 table of a tree whose first node is number ``first`` of all."""
    itself = np.arange(tree.node_count)
    left, right = (np.where(is_leaf, itself, child) for child in (tree.children_left, tree.children_right))
    columns = [np.where(is_leaf, 0, feature), _rounded_down(tree.threshold).view(np.int32)]
    return np.stack([*columns, first + left, first + right], -1).astype(np.int32)


def _table(values: np.ndarray, dtype: type) -> tf.Variable:
    return tf.Variable(values.astype(dtype), trainable=False)


def _rounded_down(thresholds: np.ndarray) -> np.ndarray:
    """Return the largest float32 values that are not above ``thresholds``: float32 x compares with both alike."""
    rounded = thresholds.astype(np.float32)
    return np.where(rounded > thresholds, np.nextafter(rounded, np.float32(-np.inf)), rounded)
