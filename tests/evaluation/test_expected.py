import re

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from galkeras.evaluation.shift.expected import Expected, expected_drop, verdict
from galkeras.morphology.forests import Forest, Forests
from galkeras.morphology.stacked import StackedForest


@pytest.fixture(scope="module")
def forests():
    """A forest that tells by the first of three latents what is true, and one that guesses."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(1500, 3)).astype("f")
    by_question = {}
    for name, truth in (("disc", answers(z, rng)), ("luck", rng.integers(0, 2, len(z)))):
        classifier = RandomForestClassifier(60, min_samples_leaf=20, random_state=0).fit(z, truth)
        by_question[name] = Forest(name, ("no", "yes"), (750, 750), StackedForest(classifier))
    return Forests("m", 3, 1, 0, by_question, (0.0,) * 3, (1.0,) * 3)


def answers(z, rng):
    """Answers that the first latent tells in most cases."""
    return (z[:, 0] + 0.4 * rng.normal(size=len(z)) > 0).astype(int)


CHANGES = {
    "nothing": lambda z: z,
    "another latent": lambda z: z + (0, 2, 0),
    "moved": lambda z: z + (0.8, 0, 0),
    "squeezed": lambda z: z * (0.2, 1, 1) + (0.1, 0, 0),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_drop_that_is_expected_is_the_true_one(forests, change):
    rng = np.random.default_rng(1)
    source, target = rng.normal(size=(2, 1200, 3))
    truth, forest = answers(source, rng), forests.by_question["disc"]
    before, after = (np.mean(forest.probabilities(z.astype("f")).argmax(1) == truth) for z in (source, change(source)))
    found = expected_drop(source, change(target), forests)
    assert found.by_question["disc"] == pytest.approx(before - after, abs=0.03)
    # Who guesses loses nothing.
    assert abs(found.by_question["luck"]) < 0.05
    assert found.interval[0] < found.drop < found.interval[1] and found.by_chance < 0.02
    assert (found.source, found.target) == (1200, 1200)


def test_it_is_the_same_again(forests):
    source, target = np.random.default_rng(1).normal(size=(2, 300, 3))
    assert expected_drop(source, target, forests, 3) == expected_drop(source, target, forests, 3)


def test_few_galaxies_differ_by_chance(forests):
    assert expected_drop(*np.random.default_rng(1).normal(size=(2, 20, 3)), forests).by_chance > 0.02


def expected(drop, low, high, by_chance=0.005):
    return Expected(900, 800, drop, (low, high), by_chance, {"bar": drop + 0.01, "disc": drop - 0.01})


LITTLE, MUCH = expected(0.01, 0.0, 0.015), expected(0.1, 0.08, 0.12)


@pytest.mark.parametrize(
    "by_stage, words",
    [
        ({"before": LITTLE}, r"^\*\*Holds\.\*\* .* lose 1\.0 points \(0\.0 to 1\.5\) .* on new\.$"),
        ({"before": expected(0.03, 0.01, 0.05)}, r"^\*\*May not hold\.\*\* .* bar \(4\.0\): more galaxies would tell"),
        ({"before": MUCH}, r"^\*\*Does not hold\.\*\* .*: adapt the model, or label some"),
        ({"after": MUCH}, r"^\*\*Does not hold\.\*\* .*\): label some"),
        (
            {"before": expected(0.1, 0.08, 0.12, 0.03)},
            r"^\*\*Cannot tell\.\*\* With 900 galaxies and 800 .* 3\.0 points",
        ),
        ({"before": MUCH, "after": LITTLE}, r"^\*\*Holds after adaptation\.\*\* .*; before it was 10\.0\.$"),
        ({"before": LITTLE, "after": LITTLE}, r"^\*\*Holds\.\*\*"),
    ],
)
def test_the_verdict_is_one_to_act_on(by_stage, words):
    assert re.search(words, verdict(("decals", "new"), by_stage))
