"""What the simulated volunteers promise."""

import math

import numpy as np
import pytest

from galkeras.galaxyzoo.trees.gzd5 import GZD5
from galkeras.simulation.truth import PROPORTIONS, draw_truth, iauname, random_of
from galkeras.simulation.volunteers import catalog_row, clarity_of, no_votes, petrosian, vote
from galkeras.surveys.facts import ZERO_POINT

NUMBER = 1500
QUESTIONS = {question.name: question.answers for question in GZD5.asks}


@pytest.fixture(scope="module")
def sample():
    truths = [draw_truth(7, index) for index in range(NUMBER)]
    votes = [vote(t, clarity_of(t, 1.18), random_of(7, i, "votes")) for i, t in enumerate(truths)]
    return truths, votes


def fraction(votes, question, answer):
    counts = votes[question]
    return counts[QUESTIONS[question].index(answer)] / counts.sum() if counts.sum() else math.nan


def test_columns_are_those_of_the_published_catalog(sample, real_data):
    published = (real_data / "gzd5_catalogue" / "columns_volunteers_5.txt").read_text().split()
    assert list(catalog_row(sample[0][0], sample[1][0])) == published


def test_questions_and_answers_are_those_of_the_tree(sample):
    assert list(sample[1][0]) == list(no_votes()) == list(GZD5.questions)
    for name, counts in sample[1][0].items():
        assert counts.shape == (len(GZD5.questions[name].answers),), name


def test_everybody_goes_down_the_tree(sample):
    for votes in sample[1]:
        total = {question: int(counts.sum()) for question, counts in votes.items()}
        answered = {
            question: dict(zip(QUESTIONS[question], counts.tolist(), strict=True)) for question, counts in votes.items()
        }
        first = answered["smooth-or-featured"]
        assert 34 <= total["smooth-or-featured"] <= 46
        assert total["how-rounded"] == first["smooth"]
        assert total["disk-edge-on"] == first["featured-or-disk"]
        assert total["edge-on-bulge"] == answered["disk-edge-on"]["yes"]
        for question in ("bar", "has-spiral-arms", "bulge-size"):
            assert total[question] == answered["disk-edge-on"]["no"]
        for question in ("spiral-winding", "spiral-arm-count"):
            assert total[question] == answered["has-spiral-arms"]["yes"]
        assert total["merging"] == first["smooth"] + first["featured-or-disk"]


def test_fractions_sum_to_one_and_are_nan_where_nobody_was_asked(sample):
    unasked = 0
    for truth, votes in zip(*sample, strict=True):
        row = catalog_row(truth, votes)
        for question, answers in QUESTIONS.items():
            fractions = [row[f"{question}_{answer}_fraction"] for answer in answers]
            if row[f"{question}_total-votes"]:
                assert sum(fractions) == pytest.approx(1)
            else:
                unasked += 1
                assert all(math.isnan(value) for value in fractions)
    assert unasked > 0
    assert all(math.isnan(v) for k, v in catalog_row(truth, no_votes()).items() if k.endswith("_fraction"))


@pytest.mark.parametrize(
    ("question", "of", "answers"),
    [
        ("how-rounded", "roundness", ("round", "in-between", "cigar-shaped")),
        ("edge-on-bulge", "edge_on_bulge", ("rounded", "none")),
        ("bar", "bar", ("no", "strong")),
        ("has-spiral-arms", "arms", ("yes", "no")),
        ("spiral-winding", "winding", ("tight", "medium", "loose")),
        ("spiral-arm-count", "arm_count", ("1", "2", "3", "4")),
        ("bulge-size", "bulge_size", ("none", "small", "moderate", "large")),
        ("merging", "merging", ("none", "merger")),
    ],
)
def test_most_votes_go_to_the_truth(sample, question, of, answers):
    for answer in answers:
        right = [
            fraction(votes, question, answer)
            for truth, votes in zip(*sample, strict=True)
            if truth[of] == answer and votes[question].sum() >= 8
        ]
        wrong = [
            fraction(votes, question, answer)
            for truth, votes in zip(*sample, strict=True)
            if truth[of] not in ("", answer) and votes[question].sum() >= 8
        ]
        assert np.mean(right) > 0.4
        assert np.mean(right) > 2 * np.mean(wrong)


def test_volunteers_err_more_where_they_see_less(sample):
    spirals = [t for t in sample[0] if t["bar"] == "strong"][:60]

    def seen(clarity):
        votes = [vote(t, clarity, random_of(1, i, "votes")) for i, t in enumerate(spirals)]
        return np.nanmean([fraction(v, "bar", "strong") for v in votes]), np.mean(
            [fraction(v, "smooth-or-featured", "smooth") for v in votes]
        )

    (clear_bar, clear_smooth), (dim_bar, dim_smooth) = seen(0.95), seen(0.1)
    assert clear_bar > dim_bar + 0.05
    assert clear_smooth < dim_smooth - 0.3


def test_clarity_falls_with_faintness_smallness_and_seeing():
    truth = draw_truth(7, 0) | {"r_mag": 16.5, "radius": 5.0, "kind": "smooth"}
    best = clarity_of(truth, 1.2)
    assert 0 < clarity_of(truth | {"r_mag": 17.7}, 1.2) < best < 1
    assert clarity_of(truth | {"radius": 1.5}, 1.2) < best
    assert clarity_of(truth, 2.0) < best


def test_truth_is_near_its_proportions(sample):
    truths = sample[0]
    for key, answers in PROPORTIONS.items():
        asked = [t for t in truths if t[key]]
        for answer, wanted in answers.items():
            error = math.sqrt(wanted * (1 - wanted) / len(asked))
            assert abs(np.mean([t[key] == answer for t in asked]) - wanted) < 4 * error, (key, answer)


def test_sample_is_the_main_galaxy_sample(sample):
    magnitude = np.array([t["r_mag"] for t in sample[0]])
    assert magnitude.max() < 17.77
    assert 16.5 < np.median(magnitude) < 17.4
    brighter, fainter = magnitude < np.median(magnitude), magnitude >= np.median(magnitude)
    radius = np.array([t["radius"] for t in sample[0]])
    assert np.median(radius[brighter]) > 1.1 * np.median(radius[fainter])
    assert all(32 <= t["dec"] <= 34.5 for t in sample[0])


def test_discs_follow_the_hubble_sequence(sample):
    discs = [t for t in sample[0] if t["kind"] == "face-on"]

    def mean(key, **classes):
        return np.mean([t[key] for t in discs if all(t[name] == value for name, value in classes.items())])

    lenticular = [t for t in discs if t["arms"] == "no" and not t["irregularity"]]
    assert np.mean([t["g_r"] for t in lenticular]) > mean("g_r", arms="yes") + 0.1
    assert np.mean([t["bulge_to_total"] for t in lenticular]) > mean("bulge_to_total", arms="yes") + 0.1
    assert mean("g_r", winding="tight") > mean("g_r", winding="medium") > mean("g_r", winding="loose")
    assert mean("bulge_to_total", winding="tight") > mean("bulge_to_total", winding="loose") + 0.05
    assert mean("g_r", arm_count="2") > mean("g_r", arm_count="4") + 0.05
    assert mean("radius", arm_count="1") < mean("radius", arm_count="2") < mean("radius", arm_count="4")
    assert mean("lopsidedness", arm_count="1") > 3 * mean("lopsidedness", arm_count="2")


def test_names_are_unique_and_follow_from_the_position(sample):
    names = [t["iauname"] for t in sample[0]]
    assert len(set(names)) == NUMBER
    assert iauname(180.5, -0.25) == "J120200.00-001500.0"
    for truth in sample[0][:50]:
        name = truth["iauname"]
        ra = 15 * (int(name[1:3]) + int(name[3:5]) / 60 + float(name[5:10]) / 3600)
        dec = int(name[11:13]) + int(name[13:15]) / 60 + float(name[15:19]) / 3600
        assert abs(ra - truth["ra"]) * 3600 < 0.16
        assert abs(dec - truth["dec"]) * 3600 < 0.11


def test_petrosian_radii_of_known_profiles():
    disc = {"kind": "smooth", "radius": 3.0, "sersic_n": 1.0, "bulge_to_total": 1.0, "bulge_radius": 0.0}
    half, most, theta = petrosian(disc)
    # An exponential disc: r90/r50 = 2.32, and the Petrosian radius is 2.16 half-light radii.
    assert half == pytest.approx(3.0, rel=0.03)
    assert most / half == pytest.approx(2.32, rel=0.05)
    assert theta == pytest.approx(2.16 * 3.0, rel=0.05)
    concentrated = petrosian(disc | {"sersic_n": 4.0})
    assert concentrated[1] / concentrated[0] > most / half + 0.5


def test_flux_of_a_row_is_its_magnitude(sample):
    row = catalog_row(sample[0][0], sample[1][0])
    assert ZERO_POINT - 2.5 * math.log10(row["sersic_nmgy_r"]) == pytest.approx(sample[0][0]["r_mag"])
    assert -24 < row["elpetro_absmag_r"] < -14
