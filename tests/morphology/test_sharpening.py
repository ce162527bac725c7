import numpy as np
import pytest

from galkeras.morphology import forests as forests_module
from galkeras.morphology.calibration import calibrate
from galkeras.morphology.forests import Forest, fit_forest
from galkeras.morphology.sharpening import fit_power


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setitem(forests_module.FOREST, "n_estimators", 30)


def telling(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Latents, four of ten of which tell two unequal classes apart but for some noise."""
    rng = np.random.default_rng(seed)
    target = (rng.random(rows) < 0.2).astype(int)
    z = rng.normal(size=(rows, 10))
    z[:, :4] += 2 * target[:, None]
    return z.astype(np.float32), target


def test_forests_are_surer_and_better_calibrated_with_their_power():
    (z, target), (unseen, truth) = telling(600, 0), telling(2000, 1)
    # Of the latents alone: with what a logistic regression makes of these they are as sure as they are right.
    power = fit_power(z, target, np.arange(600), 0, paper=True)
    assert 1.3 < power < 6
    assert abs(np.log(fit_power(z, target, np.arange(600), 0))) < np.log(power)
    classifier = fit_forest(z, target, 0, paper=True)
    ways = {
        "as it is": Forest("", ("a", "b"), (), classifier).probabilities(unseen),
        "sharpened": Forest("", ("a", "b"), (), classifier, power).probabilities(unseen),
    }
    shares = np.tile([0.8, 0.2], (2000, 1))
    change = calibrate(truth, ways, shares=shares, groups=np.arange(2000))["sharpened"].change
    assert change["brier"][1] < 0 and change["ece"][1] < 0


def test_a_forest_that_knows_nothing_is_not_sharpened():
    z, _ = telling(300, 0)
    coins = np.random.default_rng(0).integers(2, size=300)
    assert fit_power(z, coins, np.arange(300), 0) < 1


def test_of_many_galaxies_one_fold_says_it(monkeypatch):
    z, target = telling(6000, 0)
    grown: list[int] = []
    three = fit_power(z, target, np.arange(6000), 0, grown.append, paper=True)
    assert sum(grown) == 90
    monkeypatch.setattr("galkeras.morphology.sharpening._ENOUGH", 2000)
    one = fit_power(z, target, np.arange(6000), 0, grown.append, paper=True)
    assert sum(grown) == 90 + 30 and one != three
    assert abs(np.log(one / three)) < 0.15


def test_rows_of_a_galaxy_stay_on_one_side():
    # Latents that name the galaxy and nothing else, in ten rows each: a forest that sees a galaxy twice is sure.
    rng = np.random.default_rng(0)
    z, target = np.repeat(rng.normal(size=(60, 3)), 10, 0), np.repeat(rng.integers(2, size=60), 10)
    assert fit_power(z, target, np.repeat(np.arange(60), 10), 0) < 1 < fit_power(z, target, np.arange(600), 0)


def test_galaxies_whose_classes_the_model_knew_do_not_tell_the_power():
    z, target = telling(900, 0)
    known = np.arange(900) < 450
    z[known, :4] += 4 * target[known, None]
    power = fit_power(z, target, np.arange(900), 0, known=known, paper=True)
    assert power < fit_power(z, target, np.arange(900), 0, paper=True)
    assert fit_power(z, target, np.arange(900), 0, known=np.ones(900, bool)) == 1


def test_same_seed_same_power_and_one_galaxy_of_a_class_is_left_alone():
    z, target = telling(60, 0)
    assert fit_power(z, target, np.arange(60), 0) == fit_power(z, target, np.arange(60), 0)
    target[:] = 0
    target[7] = 1
    assert fit_power(z, target, np.arange(60), 0) == 1
    target[8] = 1
    assert fit_power(z, target, np.arange(60), 0) > 0
