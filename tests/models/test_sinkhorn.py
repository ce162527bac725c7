import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from galkeras.backend import tf
from galkeras.models.alignment import ALIGNMENTS
from galkeras.models.alignment.mmd2 import median_distance

RNG = np.random.default_rng(8)
A = RNG.normal(size=(40, 3)).astype("f")
B = RNG.normal(0.7, 1.5, size=(40, 3)).astype("f")


@pytest.fixture(scope="module")
def sinkhorn():
    return ALIGNMENTS["sinkhorn"]


def exact(a, b):
    """The cost of the best assignment of one to the other, on the scale of the term."""
    cost = np.sum((a[:, None] - b[None]) ** 2, -1)
    return cost[linear_sum_assignment(cost)].mean() / float(median_distance(np.concatenate([a, b]))) ** 2


def test_it_is_the_cost_of_the_best_assignment(sinkhorn):
    assert float(sinkhorn(A, B)) == pytest.approx(exact(A, B), rel=0.15)
    shift = np.array([3.0, -1.0, 0.5], "f")
    scale = float(median_distance(np.concatenate([A, A + shift]))) ** 2
    assert float(sinkhorn(A, A + shift)) == pytest.approx(np.sum(shift**2) / scale, rel=0.01)


def test_it_is_zero_of_equal_samples_in_any_order_and_symmetric(sinkhorn):
    assert abs(float(sinkhorn(A, A[::-1]))) < 1e-4
    assert float(sinkhorn(A, B)) == pytest.approx(float(sinkhorn(B, A)), rel=1e-4)


def test_padding_of_weight_0_changes_nothing(sinkhorn):
    padded = np.concatenate([A, np.full((4, 3), 50, "f")])
    weights = np.r_[np.ones(40), np.zeros(4)].astype("f")
    assert float(sinkhorn(padded, B, a_weights=weights)) == pytest.approx(float(sinkhorn(A, B)), rel=1e-4)
    assert float(sinkhorn(A, B, a_weights=np.zeros(40, "f"))) == 0


def test_its_gradient_is_that_of_the_whole_iteration(sinkhorn, monkeypatch):
    # A constant to the gradient, so that it has to be one to the steps beside it.
    monkeypatch.setattr("galkeras.models.alignment.sinkhorn.median_distance", lambda *_: tf.constant(3.0))
    gradient = slope(sinkhorn, A)
    step = 1e-2 * np.sign(gradient)
    change = float(sinkhorn(A + step, B)) - float(sinkhorn(A - step, B))
    assert change / 2 == pytest.approx(np.sum(gradient * step), rel=0.03)


def test_following_it_carries_one_over_to_the_other(sinkhorn):
    a = A
    for _ in range(60):
        a = a - 40 * slope(sinkhorn, a)
    assert exact(a, B) < 0.1 * exact(A, B)


def slope(term, a):
    a = tf.Variable(a)
    with tf.GradientTape() as tape:
        value = term(a, B)
    return tape.gradient(value, a).numpy()
