import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from galkeras.morphology.calibration import calibrate


def true_probabilities(rows: int, classes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities, and classes drawn by them."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(classes), rows)
    return probabilities, np.array([rng.choice(classes, p=p) for p in probabilities])


def calibration(truth, probabilities, **others):
    classes = probabilities.shape[1]
    shares = np.tile(np.bincount(truth, minlength=classes) / len(truth), (len(truth), 1))
    return calibrate(truth, {"one": probabilities} | others, shares=shares, groups=np.arange(len(truth)))


def test_true_probabilities_are_calibrated_and_blurred_ones_are_not():
    probabilities, truth = true_probabilities(2000)
    blurred = (probabilities + 1 / 3) / 2
    found = calibration(truth, probabilities, blurred=blurred)
    one, other = found["one"], found["blurred"]
    assert one.ece < 2 * one.ece_by_chance < 0.06
    # What is lost of the probability of the class named is what the error says.
    assert other.ece == pytest.approx(np.mean((probabilities - blurred).max(1)), abs=0.02)
    assert one.brier < other.brier < one.brier_of_shares
    assert 0 < other.change["brier"][0] < other.brier - one.brier < other.change["brier"][1]
    assert other.change["ece"][0] > 0 and one.change == {}


@pytest.mark.parametrize("classes", [2, 4])
def test_brier_is_half_the_squared_distance(classes):
    probabilities, truth = true_probabilities(300, classes)
    one = calibration(truth, probabilities)["one"]
    assert one.brier == pytest.approx(0.5 * np.mean(np.sum((probabilities - np.eye(classes)[truth]) ** 2, 1)))
    if classes == 2:
        assert one.brier == pytest.approx(brier_score_loss(truth, probabilities[:, 1]))
    low, high = one.intervals["brier"]
    assert low < one.brier < high


def test_interval_of_a_mean_is_as_wide_as_theory_says():
    probabilities, truth = true_probabilities(400)
    distance = 0.5 * np.sum((probabilities - np.eye(3)[truth]) ** 2, 1)
    low, high = calibration(truth, probabilities)["one"].intervals["brier"]
    assert high - low == pytest.approx(2 * 1.96 * distance.std() / 20, rel=0.1)


def test_bins_hold_equal_numbers_and_fewer_bins_serve_fewer_rows():
    probabilities, truth = true_probabilities(500)
    one = calibration(truth, probabilities)["one"]
    assert len(one.rows) == 10 and sum(one.rows) == 500 and max(one.rows) - min(one.rows) <= 2
    assert list(one.probability) == sorted(one.probability)
    assert len(calibration(truth[:45], probabilities[:45])["one"].rows) == 2
    assert len(calibration(truth[:5], probabilities[:5])["one"].rows) == 1


def test_equal_probabilities_share_a_bin():
    truth = np.repeat([0, 1], [80, 20])
    one = calibration(truth, np.tile([0.7, 0.3], (100, 1)))["one"]
    assert sum(one.rows) == 100 and one.right[0] == pytest.approx(0.8)
    assert one.ece == pytest.approx(0.1) and len(one.rows) == 1


def test_the_same_probabilities_do_not_differ():
    probabilities, truth = true_probabilities(200)
    other = calibration(truth, probabilities, same=probabilities.copy())["same"]
    assert other.change == {"brier": (0, 0), "ece": (0, 0)}


def test_galaxies_are_drawn_and_not_rows():
    probabilities, truth = true_probabilities(100)
    often = [np.repeat(values, 16, 0) for values in (truth, probabilities)]
    shares = np.full((1600, 3), 1 / 3)

    def width(groups: np.ndarray) -> float:
        low, high = calibrate(often[0], {"one": often[1]}, shares=shares, groups=groups)["one"].intervals["brier"]
        return high - low

    assert width(np.repeat(np.arange(100), 16)) == pytest.approx(4 * width(np.arange(1600)), rel=0.25)
