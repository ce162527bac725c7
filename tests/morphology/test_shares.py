"""The shares of votes that are expected, for galaxies of all kinds."""

import json

import numpy as np
import pytest
from astropy.table import Table
from latents.tables import latent_table
from morphology.data import telling_latents, votes
from scipy.special import softmax

from galkeras.galaxyzoo.labels import labels
from galkeras.galaxyzoo.tree import Question
from galkeras.galaxyzoo.trees import TREES
from galkeras.galaxyzoo.trees.gzd5 import GZD5
from galkeras.io.checksums import sealed
from galkeras.io.errors import GalkerasError
from galkeras.morphology import forests as forests_module
from galkeras.morphology.classify import classify
from galkeras.morphology.forests import Forests
from galkeras.morphology.predict import predict
from galkeras.morphology.report import Classification
from galkeras.morphology.share_trial import fit_shares, learn_shares
from galkeras.morphology.shares import SharedQuestion, VoteShares
from galkeras.morphology.splits import splits
from galkeras.surveys.catalog import read_catalog

BAR = Question("bar", ("strong", "weak", "no"))


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setitem(forests_module.FOREST, "n_estimators", 10)


def split_votes(rows: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Latents, the true shares of three answers, and 30 votes drawn by them."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(rows, 5)).astype(np.float32)
    shares = softmax(z @ rng.normal(size=(5, 3)) + [0.5, 0, -0.5], axis=-1)
    return z, shares, rng.multinomial(30, shares).astype(float)


def test_the_shares_that_votes_were_drawn_by_are_found():
    z, shares, counts = split_votes()
    counts[::7] = 0  # Galaxies that nobody was asked about have no say.
    found = fit_shares(z, counts, BAR)
    assert found.answers == BAR.answers
    assert np.abs(found.shares(z) - shares).mean() < 0.01
    np.testing.assert_allclose(found.shares(z).sum(1), 1)
    np.testing.assert_allclose(
        fit_shares(z[counts.any(1)], counts[counts.any(1)], BAR).shares(z), found.shares(z), 0.02
    )


def test_two_answers_one_that_nobody_gave_and_one_alone():
    z, _, counts = split_votes()
    counts[:, 1] = 0
    found = fit_shares(z, counts, BAR)
    shares = found.shares(z)
    assert not shares[:, 1].any()
    np.testing.assert_allclose(shares.sum(1), 1)
    assert np.corrcoef(shares[:, 0], counts[:, 0] / counts.sum(1).clip(1))[0, 1] > 0.9
    counts[:, 2] = 0
    assert fit_shares(z, counts, BAR) is None


def doubted(rows: int = 2000) -> tuple:
    """A catalog of which half of the galaxies have no bar by a hair or a bar by a hair, and latents that say so."""
    catalog = votes(rows)
    rng = np.random.default_rng(1)
    strong = np.where(np.arange(rows) % 2, rng.uniform(0.3, 0.6, rows), rng.choice([0.02, 0.96], rows))
    for answer, share in (("strong", strong), ("weak", 0.02 + 0 * strong), ("no", 0.98 - strong)):
        catalog[f"bar_{answer}_fraction"] = share
    return telling_latents(catalog, noise=0.1), catalog


def test_galaxies_without_a_class_get_no_more_than_their_votes():
    latents, catalog = doubted()
    done = classify(latents, catalog)
    score = done.shares["bar"]
    assert (
        abs(score.expected - score.voted) < 0.03
        and score.interval[0] < score.expected - score.voted < score.interval[1]
    )
    assert score.without_class < 0.1 and score.error < 0.5 * score.error_of_mean
    # Where forests, which know clear galaxies alone, are sure of doubtful ones.
    table = predict(latents, done)
    doubtful = (labels(catalog, "bar") == "") & (GZD5.asked(catalog, "bar") > 0.5)
    given = np.stack([catalog[f"bar_{answer}_fraction"] for answer in table.classes["bar"]], -1)
    said = np.stack([table[f"bar_{answer}"] for answer in table.classes["bar"]], -1)
    rows = np.arange(len(said))
    sure = (said.max(1) - given[rows, said.argmax(1)])[doubtful].mean()
    assert doubtful.sum() > 100 and sure > score.without_class + 0.1


def test_scores_are_those_of_the_galaxies_that_they_speak_of():
    latents, catalog = doubted()
    catalog["bar_total-votes"] = np.where(np.arange(len(catalog)) % 3, 10.0, 40.0)
    found, scores = learn_shares(latents, catalog, GZD5, 0, None)
    ((_, test),) = splits(np.zeros(len(catalog), int), latents.id, 0, None, latents.known)
    counts = GZD5.counts(catalog, "bar")
    weight = counts.sum(1)
    asked, has_class = (weight > 0) & np.isin(np.arange(len(catalog)), test), labels(catalog, "bar") != ""
    expected = found.questions["bar"].shares(latents.z)
    rows, most = np.arange(len(counts)), expected.argmax(1)
    over = expected[rows, most] - (counts / weight.clip(1)[:, None])[rows, most]

    def average(which):
        return np.average(over[which], weights=weight[which])

    score = scores["bar"]
    assert score.galaxies == asked.sum()
    assert score.without_class == pytest.approx(average(asked & ~has_class), abs=1e-9)
    assert score.expected - score.voted == pytest.approx(average(asked), abs=1e-9)
    assert abs(average(asked & ~has_class) - average(asked)) > 1e-3


def test_predictions_are_votes_as_published(tmp_path):
    catalog = votes(800)
    done = classify(telling_latents(catalog), catalog, tmp_path / "forests")
    table = predict(telling_latents(votes(300, seed=5), seed=6), tmp_path / "forests", tmp_path / "p.parquet")
    for question in GZD5.asks:
        shares = np.stack([table[f"{question.name}_{answer}_fraction"] for answer in question.answers], -1)
        np.testing.assert_allclose(shares.sum(1), 1)
    read = read_catalog(tmp_path / "p.parquet", position=False)
    for question in GZD5.asks:
        asked = table[f"{question.name}_proportion_volunteers_asked"]
        np.testing.assert_allclose(GZD5.asked(read, question.name), asked)
        assert np.all(asked <= 1 + 1e-9)
    truth = labels(votes(300, seed=5), "disk-edge-on")
    named = labels(read, "disk-edge-on")
    both = (truth != "") & (named != "")
    assert both.sum() > 50 and np.mean(truth[both] == named[both]) > 0.95
    assert set(done.shares) == set(GZD5.questions)
    again = Classification.load(tmp_path / "forests")
    assert again.shares == done.shares and "## Expected votes" in (tmp_path / "forests" / "scores.md").read_text()


def test_a_label_column_has_no_votes(tmp_path):
    latents = latent_table(200, 5)
    latents.z[:100, 0] += 3
    done = classify(
        latents, Table({"id": latents.id, "ring": np.arange(200) < 100}), tmp_path / "f", label_column="ring"
    )
    assert done.shares == {} and Forests.load(tmp_path / "f").votes is None
    assert not [name for name in predict(latents, tmp_path / "f") if name.endswith("_fraction")]
    assert "Expected votes" not in (tmp_path / "f" / "scores.md").read_text()


def test_galaxies_that_the_model_learned_from_are_not_scored():
    catalog = votes(400)
    told = np.arange(400) < 300
    latents = telling_latents(catalog, split=np.where(told, "train", "test"), votes=True)
    assert latents.known.sum() == 300
    for folds in (None, 4):
        _, scores = learn_shares(latents, catalog, GZD5, 0, folds)
        assert scores["smooth-or-featured"].galaxies == 100


def test_no_galaxy_is_scored_where_the_model_knows_all():
    catalog = votes(100)
    latents = telling_latents(catalog, split=np.full(100, "train"), votes=True)
    for folds in (None, 3):
        found, scores = learn_shares(latents, catalog, GZD5, 0, folds)
        assert not scores and set(found.questions) == set(GZD5.questions)


def test_totals_that_are_no_numbers_count_as_nobody_asked():
    catalog = votes(6)
    catalog["bar_total-votes"] = [30.0, np.nan, np.inf, -1.0, 0.0, 10.0]
    assert GZD5.counts(catalog, "bar").sum(1).tolist() == [30, 0, 0, 0, 0, 10]
    catalog["bar_total-votes"] = np.ma.masked_invalid(catalog["bar_total-votes"])
    assert GZD5.counts(catalog, "bar").sum(1).tolist() == [30, 0, 0, 0, 0, 10]


def test_a_catalog_without_a_question_still_gives_the_others():
    catalog = votes(800)
    for question in GZD5.questions:
        catalog[f"{question}_total-votes"] = 30.0
    for answer in GZD5.questions["disk-edge-on"].answers:
        catalog.remove_column(f"disk-edge-on_{answer}_fraction")
    done = classify(telling_latents(votes(800)), catalog)
    assert "how-rounded" in [result.name for result in done.results]
    assert "disk-edge-on" not in done.shares and done.shares["bar"].without_class is None


def test_totals_in_words_cost_their_question_alone():
    catalog = votes(400)
    catalog["bar_total-votes"] = ["unknown", *["30"] * 399]
    with pytest.raises(GalkerasError, match="bar_total-votes"):
        GZD5.counts(catalog, "bar")
    done = classify(telling_latents(catalog), catalog)
    assert "bar" not in done.shares and "bulge-size" in done.shares


@pytest.mark.parametrize("total", [2**31 - 1, 1e200])
def test_totals_that_no_galaxy_has_do_not_outweigh_the_others(total):
    catalog = votes(600)
    catalog["smooth-or-featured_total-votes"] = np.where(np.arange(600) == 7, total, 30.0)
    score = learn_shares(telling_latents(catalog), catalog, GZD5, 0, None)[1]["smooth-or-featured"]
    assert abs(score.expected - score.voted) < 0.1 and score.without_class is None


def test_fractions_below_nothing_count_as_nobody_asked():
    catalog = votes(3)
    for answer, share in zip(GZD5.questions["bar"].answers, (-0.5, 0.5, 1.0), strict=True):
        catalog[f"bar_{answer}_fraction"] = [share, 1 / 3, 1 / 3]
    catalog["bar_total-votes"] = 30.0
    np.testing.assert_allclose(GZD5.counts(catalog, "bar").sum(1), [0, 30, 30])


def test_folds_score_each_galaxy_by_what_others_taught():
    # Latents that know each galaxy's name and nothing else: what is learned by heart is worth nothing elsewhere.
    catalog = votes(300)
    latents = latent_table(300, 200)
    for folds in (None, 3):
        _, scores = learn_shares(latents, catalog, GZD5, 0, folds)
        assert scores["smooth-or-featured"].error > 0.8 * scores["smooth-or-featured"].error_of_mean
        assert scores["smooth-or-featured"].galaxies == (300 if folds else 90)


def test_columns_that_are_missing_leave_out_their_question():
    catalog = votes(300)
    catalog.remove_column("disk-edge-on_no_fraction")
    found, scores = learn_shares(telling_latents(votes(300)), catalog, GZD5, 0, None)
    assert "disk-edge-on" not in found.questions and "disk-edge-on" not in scores
    asked = found.asked(found.shares(telling_latents(votes(300)).z))
    assert "how-rounded" in asked and "bar" not in asked


@pytest.mark.parametrize("name", list(TREES))
def test_every_tree_asks_in_an_order_in_which_shares_multiply(name):
    weights = ((0.0,), (1.0,))
    asks = TREES[name].asks
    two = {
        one.name: SharedQuestion(
            (weights * 9)[: len(one.answers)], (0.0,) * len(one.answers), one.answers, one.after, one.when
        )
        for one in asks
    }
    found = VoteShares(two)
    asked = found.asked(found.shares(np.zeros((3, 1))))
    assert list(asked) == [one.name for one in asks]
    for one in asks:
        share = 1.0 if one.after is None else len(one.when) / len(TREES[name].questions[one.after].answers)
        np.testing.assert_allclose(asked[one.name], share * (1 if one.after is None else asked[one.after]))


def test_damaged_shares_are_refused(tmp_path):
    catalog = votes(400)
    classify(telling_latents(catalog), catalog, tmp_path / "f")
    file = tmp_path / "f" / "forests.json"
    whole = json.loads(file.read_text())
    for change in (
        lambda one: one["weights"].pop(),
        lambda one: one["bias"].append(0.0),
        lambda one: one["weights"][0].pop(),
        lambda one: [row.pop() for row in one["weights"]],
        lambda one: one["weights"][0].__setitem__(0, "x"),
        lambda one: one.pop("answers"),
        lambda one: one.update(after="bar"),
        lambda one: one.update(when=["perhaps"]),
    ):
        value = json.loads(json.dumps(whole))
        change(value["votes"]["bar"])
        file.write_text(json.dumps(sealed(value)))
        with pytest.raises(GalkerasError, match=r"forests.json does not describe forests.*(votes|bar|weights|answers)"):
            Forests.load(tmp_path / "f")
    del whole["votes"]  # Folders of before there were shares.
    file.write_text(json.dumps(sealed(whole)))
    assert Forests.load(tmp_path / "f").votes is None
