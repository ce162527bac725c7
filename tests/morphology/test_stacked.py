"""Forests that read what a logistic regression makes of the latents, beside these."""

import json

import numpy as np
import pytest
from latents.tables import latent_table
from threadpoolctl import threadpool_limits

from galkeras.io.checksums import sealed
from galkeras.io.errors import GalkerasError
from galkeras.morphology.forests import Forest, Forests, fit_forest
from galkeras.morphology.logistic import fit_multinomial
from galkeras.morphology.multinomial import Multinomial
from galkeras.morphology.stacked import FEWEST, LEAST, StackedForest, held_out


def between_latents(rows: int = 1500, latents: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Latents of which all together tell a class, and none alone."""
    z = np.random.default_rng(0).normal(size=(rows, latents)).astype("f")
    return z, np.digitize(z.sum(1) / np.sqrt(latents), (-0.5, 0.5))


def test_a_direction_between_latents_is_seen():
    z, target = between_latents()
    fitted, rest = slice(1000), slice(1000, None)
    right = {}
    for paper in (False, True):
        forest = fit_forest(z[fitted], target[fitted], 0, 60, paper=paper)
        right[paper] = np.mean(forest.predict(z[rest]) == target[rest])
    assert right[False] > 0.9 > 0.8 > right[True]


def test_what_trees_see_of_a_galaxy_is_of_a_regression_that_did_not():
    z, target = np.random.default_rng(0).normal(size=(300, 100)).astype("f"), np.arange(300) % 2
    seen = fit_multinomial(z, target).log_probabilities(z).argmax(1) == target
    unseen = held_out(z, target, None, 0).argmax(1) == target
    assert seen.mean() > 0.7 > 0.58 > unseen.mean() > 0.42
    # Nor one that saw its other row.
    twice = held_out(np.repeat(z, 2, 0), np.repeat(target, 2), np.repeat(np.arange(300), 2), 0).argmax(1)
    assert np.mean(twice == np.repeat(target, 2)) < 0.58
    alone = held_out(np.repeat(z, 2, 0), np.repeat(target, 2), None, 0).argmax(1)
    assert np.mean(alone == np.repeat(target, 2)) > 0.6


def test_probabilities_are_finite_whatever_is_asked():
    z, target = between_latents()
    forest = fit_forest(z, target, 0, 10)
    far = np.full((1, 20), 3e38, "f")
    features = forest.features(np.concatenate([far, -far, z]))
    assert features.dtype == np.float32 and features[:, 20:].min() == LEAST and features[:, 20:].max() <= 0
    np.testing.assert_allclose(forest.predict_proba(np.concatenate([far, -far])).sum(1), 1)


def test_a_class_of_few_galaxies_leaves_the_latents_alone():
    z, _ = between_latents(100)
    target = np.arange(100) % 2
    for few, left_alone in ((FEWEST - 1, True), (FEWEST, False)):
        three = np.where(np.arange(100) < few, 2, target)
        assert (fit_forest(z, three, 0, 5).linear is None) is left_alone
    # Rows are no galaxies.
    groups = np.r_[0, np.arange(99)]
    assert fit_forest(z, three, 0, 5, groups=groups).linear is None
    assert fit_forest(z, np.zeros(100, int), 0, 5).linear is None


def test_regression_does_not_depend_on_cores():
    z, target = between_latents(20_000)
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(fit_multinomial(z, target))
    assert found[0] == found[1]


def test_rows_of_a_galaxy_weigh_as_they_should():
    z, target = between_latents(400)
    rows = np.repeat(np.arange(400), 3)
    weight = np.random.default_rng(2).uniform(0.5, 2, 1200)
    whole = fit_multinomial(z, target[rows], rows, weight)
    summed = fit_multinomial(z, target, weight=weight.reshape(400, 3).sum(1))
    np.testing.assert_allclose(whole.log_probabilities(z), summed.log_probabilities(z), atol=0.02)


@pytest.fixture
def folder(tmp_path):
    z = latent_table(200, 3).z
    forest = fit_forest(z, (z[:, 0] > z[:, 1]).astype(int), 0, 5)
    by_question = {"bar": Forest("Bar", ("no", "yes"), (100, 100), forest)}
    Forests("a" * 64, 3, 1, 0, by_question, (0.0,) * 3, (1.0,) * 3).save(tmp_path / "f")
    loaded = Forests.load(tmp_path / "f").by_question["bar"]
    assert loaded.classifier.linear == forest.linear
    np.testing.assert_array_equal(loaded.probabilities(z), forest.predict_proba(z))
    return tmp_path / "f"


@pytest.mark.parametrize(
    ("linear", "match"),
    [
        (None, r"bar\.skops holds a forest that does not fit forests.json: other features, classes or nodes"),
        ({"weights": [[0, 0]] * 2, "bias": [0, 0]}, r"`questions.bar.linear.weights` must be of 3 latents"),
        ({"weights": [[0, 0, 0]] * 3, "bias": [0] * 3}, r"`linear.bias` must be 2 values. Received: 3"),
        ({"weights": [[0, 0, 0]] * 2, "bias": [0]}, "must be of each of two or more classes"),
        ({"weights": [[0, 0, 0], [0, 0]], "bias": [0, 0]}, "rows of as many numbers as there are latents"),
        ({"weights": [[0, 0, 1e308]] * 2, "bias": [0, 0]}, r"as there are latents, none above 1e\+200"),
        ({"weights": [[0, 0, float("inf")]] * 2, "bias": [0, 0]}, "forests.json"),
        ({"weights": [[0, 0, "1"]] * 2, "bias": [0, 0]}, r"`questions.bar.linear.weights\[0\]\[2\]` must be a number"),
    ],
)
def test_a_damaged_regression_is_refused(folder, linear, match):
    value = json.loads((folder / "forests.json").read_text())
    value["questions"]["bar"]["linear"] = linear
    (folder / "forests.json").write_text(json.dumps(sealed(value)))
    with pytest.raises(GalkerasError, match=match):
        Forests.load(folder)


def test_forests_of_before_there_was_one_load(folder):
    forests = Forests.load(folder)
    z = latent_table(200, 3).z
    plain = fit_forest(z, (z[:, 0] > 0).astype(int), 0, 5, paper=True)
    Forests("a" * 64, 3, 1, 0, {"bar": Forest("Bar", ("no", "yes"), (1, 1), plain)}, (0.0,) * 3, (1.0,) * 3).save(
        folder
    )
    value = json.loads((folder / "forests.json").read_text())
    del value["questions"]["bar"]["linear"]
    (folder / "forests.json").write_text(json.dumps(sealed(value)))
    loaded = Forests.load(folder).by_question["bar"].classifier
    assert isinstance(loaded, StackedForest) and loaded.linear is None
    np.testing.assert_array_equal(loaded.predict_proba(z), plain.predict_proba(z))
    assert isinstance(forests.by_question["bar"].classifier.linear, Multinomial)
