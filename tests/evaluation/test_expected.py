import re
from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from galkeras.evaluation.shift.expected import Expected, expected_drop, losses, verdict
from galkeras.evaluation.shift.support import Support, support
from galkeras.morphology.forests import Forest, Forests
from galkeras.morphology.shares import SharedQuestion, VoteShares
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
    "moved a little": lambda z: z + (0.3, 0, 0),
    "more told of it": lambda z: z * (1.5, 1, 1),
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


def test_where_images_tell_less_it_lies_between_the_least_and_the_most_that_may_be_lost(forests):
    rng = np.random.default_rng(1)
    source, target = rng.normal(size=(2, 1200, 3))
    truth, forest = answers(source, rng), forests.by_question["disc"]
    found = expected_drop(source, target * (0.5, 1, 1), forests)
    # Either of these has latents that vary a quarter as much, as the target's do.
    scattered = source * (0.25, 1, 1) + rng.normal(size=source.shape) * (np.sqrt(0.25 - 0.0625), 0, 0)
    before, squeezed, scattered = (
        np.mean(forest.probabilities(z.astype("f")).argmax(1) == truth)
        for z in (source, source * (0.5, 1, 1), scattered)
    )
    assert before - squeezed + 0.02 < found.by_question["disc"] < before - scattered - 0.02


def test_a_question_counts_those_who_are_asked_it(forests):
    """Of two halves of a sky only the one that is asked is seen another way."""
    rng = np.random.default_rng(1)
    source = rng.normal(size=(1200, 3))
    led = SharedQuestion(
        weights=np.array([[0.0, 0, 9], [0, 0, 0]]), bias=np.zeros(2), answers=("a", "b"), after=None, when=()
    )
    asked = SharedQuestion(
        weights=np.zeros((2, 3)), bias=np.zeros(2), answers=("no", "yes"), after="first", when=("a",)
    )
    some = replace(forests, votes=VoteShares({"first": led, "disc": asked}))
    none = replace(forests, votes=VoteShares({"first": led, "disc": replace(asked, when=())}))
    rows = np.arange(len(source))
    before = {name: forest.probabilities(source.astype("f")) for name, forest in forests.by_question.items()}
    target = source + (0.8, 0, 0)
    lost = {
        name: losses(before, source, source, target, of, np.random.default_rng(0))[0]
        for name, of in (("all", forests), ("some", some), ("none", none))
    }
    moved = forests.by_question["disc"].probabilities(target.astype("f")).argmax(1)
    each = before["disc"].max(1) - before["disc"][rows, moved]
    assert lost["some"] == pytest.approx(each[source[:, 2] > 0].mean(), abs=0.01)
    assert lost["none"] == lost["all"] != lost["some"]


def test_each_forest_has_an_interval_that_shrinks_with_more_galaxies(forests):
    rng = np.random.default_rng(1)
    many, few = (
        expected_drop(rng.normal(size=(count, 3)), CHANGES["moved"](rng.normal(size=(count, 3))), forests)
        for count in (1600, 100)
    )
    assert many.intervals.keys() == many.by_question.keys() == {"disc", "luck"}
    for name, (low, high) in many.intervals.items():
        assert low < many.by_question[name] < high
        # Of 16 times as many galaxies it is a fourth as wide, give or take what 40 resamples know.
        assert high - low < np.ptp(few.intervals[name]) / 2
    # Each is its own forest's, and the mean of both has one between them.
    assert many.intervals["luck"][1] < many.interval[0] < many.interval[1] < many.intervals["disc"][0]


def test_it_is_the_same_again(forests):
    source, target = np.random.default_rng(1).normal(size=(2, 300, 3))
    assert expected_drop(source, target, forests, 3) == expected_drop(source, target, forests, 3)


def test_few_galaxies_differ_by_chance(forests):
    assert expected_drop(*np.random.default_rng(1).normal(size=(2, 20, 3)), forests).by_chance > 0.02


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("seed", range(3))
def test_few_in_the_target_alone_differ_by_chance_too(forests, change, seed):
    rng = np.random.default_rng(seed)
    source, target = rng.normal(size=(500, 3)), change(rng.normal(size=(20, 3)))
    found = expected_drop(source, target, forests, seed)
    assert found.by_chance > max(0.02, 2 * expected_drop(source, change(source), forests, seed).by_chance)


def expected(drop, low, high, by_chance=0.005):
    return Expected(900, 800, drop, (low, high), by_chance, {"bar": drop + 0.01, "disc": drop - 0.01})


LITTLE, MUCH = expected(0.01, 0.0, 0.015), expected(0.1, 0.08, 0.12)


@pytest.mark.parametrize("source, target, few", [(59, 900, True), (900, 20, True), (60, 60, False)])
def test_of_few_galaxies_nothing_is_said_for_sure(source, target, few):
    for drop in (LITTLE, MUCH):
        found = replace(drop, source=source, target=target)
        said = verdict(("decals", "new"), {"before": found}, {}, paired=False)
        assert said.startswith(f"**Cannot tell.** {source} galaxies and {target} are too few, at least 60") == few


@pytest.mark.parametrize(
    "by_stage, words",
    [
        ({"before": LITTLE}, r"^\*\*Holds\.\*\* .* lose 1\.0 points \(0\.0 to 1\.5\) .* on new\.$"),
        (
            {"before": expected(0.03, 0.01, 0.05)},
            r"^\*\*May not hold\.\*\* .* bar \(4\.0\): more galaxies would tell\. .* like galaxies\.$",
        ),
        ({"before": MUCH}, r"^\*\*Does not hold\.\*\* .*: adapt the model, or label some .* like galaxies\.$"),
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
    assert re.search(words, verdict(("decals", "new"), by_stage, {}, paired=False))


def outside(share):
    return Support(900, 800, share, (share, share))


@pytest.mark.parametrize("change", [lambda z: z + (0, 9, 0), lambda z: z * 8], ids=["elsewhere", "spread out"])
def test_where_the_source_has_no_galaxies_it_cannot_tell(forests, change):
    source, target = np.random.default_rng(1).normal(size=(2, 600, 3))
    found, (shares, _) = (
        expected_drop(source, change(target), forests),
        support(None, source, change(target), paired=False),
    )
    said = verdict(("decals", "new"), {"before": found}, {"before": shares}, paired=False)
    share = f"{100 * shares.outside:.0f} %"
    assert said.startswith(f"**Cannot tell.** {share} of the galaxies of new lie where decals has none, and")
    assert said.endswith(": look at outside.png, compare like populations, or label some.")


@pytest.mark.parametrize(
    "change, says",
    [
        ("nothing", "Holds"),
        ("another latent", "Holds"),
        ("moved a little", "May not hold"),
        ("moved", "Does not hold"),
    ],
)
def test_an_ordinary_shift_keeps_its_verdict(forests, change, says):
    source, target = np.random.default_rng(1).normal(size=(2, 1200, 3))
    target = CHANGES[change](target)
    found, (shares, _) = expected_drop(source, target, forests), support(None, source, target, paired=False)
    with_support, without = (
        verdict(("decals", "new"), {"before": found}, one, paired=False) for one in ({"before": shares}, {})
    )
    assert with_support == without and with_support.startswith(f"**{says}.**")


@pytest.mark.parametrize(
    "by_stage, support, paired, words",
    [
        ({"before": MUCH}, {"before": outside(0.5)}, False, r"^\*\*Does not hold"),
        (
            {"before": MUCH},
            {"before": outside(0.51)},
            False,
            r"^\*\*Cannot tell\.\*\* 51 % .* compare like populations",
        ),
        # Pairs are of one population.
        (
            {"before": MUCH},
            {"before": outside(0.51)},
            True,
            r"^\*\*Cannot tell\.\*\* .*: look at outside.png, or label some\.$",
        ),
        ({"before": MUCH}, {"before": outside(0.1)}, True, r"^\*\*Does not hold\.\*\* .* fit forests there\.$"),
        # The encoder was made to mix whatever it was given.
        (
            {"after": LITTLE},
            {"before": outside(0.9), "after": outside(0.01)},
            False,
            r"^\*\*Cannot tell\.\*\* 90 % .* has none, as the VAE saw them before adaptation, .*: compare like",
        ),
        ({"after": LITTLE}, {"before": outside(0.9), "after": outside(0.01)}, True, r"^\*\*Holds\.\*\*"),
        # Forests of the VAE alone were given.
        ({"before": LITTLE}, {"before": outside(0.9), "after": outside(0.01)}, True, r"expected: label some\.$"),
        ({"before": LITTLE}, {"before": outside(0.01), "after": outside(0.9)}, False, r"^\*\*Holds\.\*\*"),
    ],
)
def test_who_is_asked_whether_the_source_has_such_galaxies(by_stage, support, paired, words):
    assert re.search(words, verdict(("decals", "new"), by_stage, support, paired=paired))
