import numpy as np
import pytest
from sklearn import metrics

from galkeras.morphology.scores import confusion_matrix, measure, score


def some(classes: int, rows: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.choice(classes, rows, p=rng.dirichlet(np.ones(classes) * 3))
    return truth, np.where(rng.random(rows) < 0.7, truth, rng.choice(classes, rows))


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_scores_are_those_of_scikit_learn(classes):
    truth, predicted = some(classes)
    names = [f"c{index}" for index in range(classes)]
    got = score(truth, predicted, names, majority=np.zeros_like(truth), groups=np.arange(len(truth)))
    np.testing.assert_array_equal(got.confusion, metrics.confusion_matrix(truth, predicted))
    assert got.accuracy == pytest.approx(metrics.accuracy_score(truth, predicted))
    assert got.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(truth, predicted))
    assert got.macro_f1 == pytest.approx(metrics.f1_score(truth, predicted, average="macro"))
    assert got.majority == pytest.approx(np.mean(truth == 0))
    average = "binary" if classes == 2 else "micro"
    assert got.precision == pytest.approx(metrics.precision_score(truth, predicted, average=average))
    assert got.recall == pytest.approx(metrics.recall_score(truth, predicted, average=average))
    assert got.f1 == pytest.approx(metrics.f1_score(truth, predicted, average=average))


def test_positive_class_can_be_the_first():
    truth, predicted = some(2)
    names = ("no", "yes")
    got = score(truth, predicted, names, majority=truth, groups=np.arange(len(truth)), positive="no")
    assert got.positive == "no"
    assert got.precision == pytest.approx(metrics.precision_score(truth, predicted, pos_label=0))
    assert got.recall == pytest.approx(metrics.recall_score(truth, predicted, pos_label=0))


def test_intervals_hold_the_score_and_shrink_with_galaxies():
    widths = []
    for rows in (100, 10_000):
        truth, predicted = some(3, rows)
        got = score(truth, predicted, "abc", majority=truth, groups=np.arange(rows))
        low, high = got.intervals["accuracy"]
        assert low < got.accuracy < high
        assert high - low == pytest.approx(2 * 1.96 * np.sqrt(got.accuracy * (1 - got.accuracy) / rows), rel=0.15)
        widths.append(high - low)
    assert widths[1] < widths[0] / 5


def test_rows_of_one_galaxy_are_no_independent_evidence():
    truth, predicted = some(2, 200)
    once = score(truth, predicted, "ab", majority=truth, groups=np.arange(200))
    four = score(
        np.tile(truth, 4), np.tile(predicted, 4), "ab", majority=np.tile(truth, 4), groups=np.tile(np.arange(200), 4)
    )
    assert four.accuracy == once.accuracy
    np.testing.assert_allclose(four.intervals["accuracy"], once.intervals["accuracy"], atol=0.01)


def test_class_without_rows_does_not_spoil_the_means():
    confusion = confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 3)
    values = measure(confusion)
    assert values["balanced_accuracy"] == pytest.approx(0.75)
    assert np.isfinite(values["macro_f1"])
