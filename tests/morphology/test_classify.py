import json
from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table
from latents.tables import latent_table
from morphology.data import telling_latents, votes

from galkeras.galaxyzoo.labels import labels
from galkeras.galaxyzoo.trees.gzd5 import GZD5
from galkeras.io.errors import GalkerasError
from galkeras.io.files import write_json
from galkeras.morphology import forests as forests_module
from galkeras.morphology.calibration import calibrate
from galkeras.morphology.classify import classify
from galkeras.morphology.forests import Forests
from galkeras.morphology.predict import predict
from galkeras.morphology.report import ELSEWHERE, Classification
from galkeras.morphology.sharpening import fit_power
from galkeras.morphology.stacked import held_out
from galkeras.surveys.catalog import read_catalog


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setitem(forests_module.FOREST, "n_estimators", 10)


def rings(rows: int = 200, seed: int = 0) -> tuple:
    """A table with a column `ring`, and latents of which the first tells it."""
    rng = np.random.default_rng(seed)
    ring = rng.integers(2, size=rows)
    table = latent_table(rows, 5)
    table.z[:, 0] += 3 * ring
    return table, Table({"id": table.id, "ring": ring})


def test_signal_in_the_latents_beats_the_majority_in_all_nine(tmp_path):
    catalog = votes(1500)
    done = classify(telling_latents(catalog), catalog, tmp_path / "forests")
    assert [result.name for result in done.results] == list(GZD5.label_questions) and not done.skipped
    for result in done.results:
        assert result.scores.accuracy > result.scores.majority + 0.1
        assert result.scores.balanced_accuracy > 0.8
        assert result.trained + result.tested == sum(result.galaxies.values())
        assert result.tested == pytest.approx(0.3 * sum(result.galaxies.values()), abs=1)
    assert (done.matched, done.unmatched) == (1500, 0)


def test_latents_without_signal_stay_at_chance(tmp_path):
    catalog = votes(1500)
    done = classify(latent_table(1500, 40), catalog, tmp_path / "forests")
    for result in done.results:
        low, high = result.scores.intervals["balanced_accuracy"]
        assert result.scores.balanced_accuracy == pytest.approx(1 / len(result.scores.classes), abs=0.13)
        assert result.scores.accuracy < result.scores.majority + 0.13
        assert low < high


def test_shuffled_labels_stay_at_chance(tmp_path):
    latents, table = rings(600)
    table["ring"] = np.random.default_rng(1).permutation(table["ring"])
    done = classify(latents, table, tmp_path / "forests", label_column="ring", folds=5)
    low, high = done.results[0].scores.intervals["balanced_accuracy"]
    assert low - 0.03 < 0.5 < high + 0.03


def test_reports_say_what_the_result_says(tmp_path):
    catalog = votes(800)
    done = classify(telling_latents(catalog), catalog, tmp_path / "forests")
    found = {path.name for path in (tmp_path / "forests").iterdir()}
    reports = {"trained.txt", "scores.json", "scores.md", "confusion.png", "calibration.png"}
    assert found == {"forests.json"} | reports | {f"{question}.skops" for question in GZD5.label_questions}
    value = json.loads((tmp_path / "forests" / "scores.json").read_text())
    for result in done.results:
        one = value["questions"][result.name]
        assert one["confusion"] == result.scores.confusion.tolist()
        assert one["accuracy"] == result.scores.accuracy and one["tested"] == np.sum(one["confusion"])
        assert one["paper"]["accuracy"] == GZD5.label_questions[result.name].paper[0]
        assert one["galaxies"] == {
            label.answer: int(np.sum(labels(catalog, result.name) == label.answer))
            for label in GZD5.label_questions[result.name].labels
        }
    text = (tmp_path / "forests" / "scores.md").read_text()
    assert "| Edge on? | yes |" in text and "8,377" in text and "96.4%" in text
    assert all(result.title in text for result in done.results)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A classification of two folds, and what its ``scores.json`` holds."""
    catalog, folder = votes(300), tmp_path_factory.mktemp("stored")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(forests_module.FOREST, "n_estimators", 5)
        done = classify(telling_latents(catalog), catalog, folder, folds=2)
    return done, json.loads((folder / "scores.json").read_text())


def test_stored_scores_come_back(stored, tmp_path):
    done, value = stored
    done.save(tmp_path)
    found = Classification.load(tmp_path)
    assert found.to_json() == done.to_json()
    assert json.loads((tmp_path / "scores.json").read_text()) == value and value["format"] == 1
    assert replace(found, forests=done.forests).markdown() == done.markdown()
    # Of before there were formats, draws and calibration.
    older = {name: one for name, one in value.items() if name not in ("format", "samples")}
    older["questions"] = {
        "bar": {name: one for name, one in value["questions"]["bar"].items() if name != "calibration"}
    }
    write_json(tmp_path / "scores.json", older)
    found = Classification.load(tmp_path)
    assert found.samples is None and found.results[0].calibration == {}


@pytest.mark.parametrize(
    ("place", "change", "message"),
    [
        ("questions.bar.accuracy", "high", "`questions.bar.accuracy` must be a number. Received: 'high'"),
        ("questions.bar.confusion", [[1, 2]], "`questions.bar.confusion` must be a row and a column for each of"),
        ("questions.bar.intervals", {}, "`questions.bar.intervals.accuracy` is missing"),
        ("questions.bar.calibration.posterior means.intervals", {}, "posterior means.intervals.brier` is missing"),
        ("questions.bar.paper.recall", [], "`questions.bar.paper.recall` must be a number"),
        ("questions", {}, "`questions` must not be empty"),
        ("skipped", None, "`skipped` must be an object"),
        ("format", 2, "`format` must be 1. Received: 2"),
    ],
)
def test_damaged_scores_are_named(stored, tmp_path, place, change, message):
    value = json.loads(json.dumps(stored[1]))
    *way, last = place.split(".")
    inside = value
    for name in way:
        inside = inside[name]
    inside[last] = change
    write_json(tmp_path / "scores.json", value)
    with pytest.raises(GalkerasError, match="scores.json is not what `galkeras classify` writes: .*" + message):
        Classification.load(tmp_path)


def test_a_foreign_file_is_no_scores(tmp_path):
    with pytest.raises(GalkerasError, match="scores.json does not exist"):
        Classification.load(tmp_path)
    write_json(tmp_path / "scores.json", {"surveys": ["a", "b"], "scores": {}})
    with pytest.raises(GalkerasError, match="scores.json is not what `galkeras classify` writes: `matched` is missing"):
        Classification.load(tmp_path)


def test_same_seed_same_files_and_another_seed_another_split(tmp_path):
    latents, table = rings()
    scores = {}
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        classify(latents, table, tmp_path / name, label_column="ring", seed=seed)
        scores[name] = json.loads((tmp_path / name / "scores.json").read_text())["questions"]["ring"]["confusion"]
    assert scores["a"] == scores["b"]
    a, b, c = (predict(latents, tmp_path / name) for name in "abc")
    np.testing.assert_array_equal(a["ring_1"], b["ring_1"])
    assert not np.array_equal(a["ring_1"], c["ring_1"])


def test_saved_forest_of_a_split_is_the_tested_one(tmp_path):
    # So it has seen 70 % of the galaxies, and knows those better than the others.
    latents, table = rings(300)
    done = classify(latents, table, tmp_path / "forests", label_column="ring")
    forest = Forests.load(tmp_path / "forests").by_question["ring"]
    assert sum(forest.counts) == done.results[0].trained == 210
    right = forest.probabilities(latents.z).argmax(1) == np.asarray(table["ring"])
    assert np.sum(~right) >= np.sum(done.results[0].scores.confusion) * (1 - done.results[0].scores.accuracy) - 1e-6


def test_folds_score_every_galaxy_once_and_fit_on_all(tmp_path):
    latents, table = rings(203)
    done = classify(latents, table, tmp_path / "forests", label_column="ring", folds=5)
    result = done.results[0]
    assert result.tested == result.trained == 203 and len(result.folds) == 5
    assert result.scores.accuracy == pytest.approx(np.mean([fold["accuracy"] for fold in result.folds]), abs=0.01)
    assert "5-fold" in (tmp_path / "forests" / "scores.md").read_text()
    assert sum(Forests.load(tmp_path / "forests").by_question["ring"].counts) == 203


@pytest.mark.parametrize("folds", [None, 4])
def test_rows_of_a_galaxy_stay_on_one_side(tmp_path, folds):
    # Latents that name the galaxy and nothing else, in ten rows each: who sees a galaxy on both sides scores 1.
    rng = np.random.default_rng(0)
    z = rng.normal(size=(150, 3)).astype(np.float32)
    ids = np.array([f"g{index}" for index in range(150)])
    table = Table({"id": ids, "ring": rng.integers(2, size=150)})
    seen_often = latent_table(1500, 3, id=np.tile(ids, 10), z=np.tile(z, (10, 1)))
    done = classify(seen_often, table, tmp_path / "forests", label_column="ring", folds=folds)
    assert done.matched == 1500
    assert done.results[0].scores.accuracy < 0.75
    # Galaxies are counted and not rows.
    assert sum(done.results[0].galaxies.values()) == 150


@pytest.mark.parametrize("folds", [None, 5])
def test_galaxies_whose_votes_the_model_knew_are_not_tested(tmp_path, folds):
    # Latents that know the answer where the model was told it, and nothing elsewhere.
    latents, catalog = rings(900)
    known = np.random.default_rng(3).uniform(size=900) < 0.6
    latents = replace(latents, split=np.where(known, "train", "test"))
    latents.z[~known, 0] = np.random.default_rng(2).normal(size=(~known).sum())
    told, untold = (
        classify(replace(latents, votes=votes), catalog, tmp_path / str(votes), label_column="ring", folds=folds)
        for votes in (True, False)
    )
    assert told.results[0].tested == (~known).sum()
    # What is written says so.
    loaded = Classification.load(tmp_path / "True")
    assert (loaded.known, Classification.load(tmp_path / "False").known) == (known.sum(), 0)
    assert f"the {known.sum()} galaxies whose votes the model learned from" in loaded.method()
    assert "70 %" not in loaded.method() and "learned from" not in untold.method()
    assert told.results[0].scores.balanced_accuracy == pytest.approx(0.5, abs=0.07)
    assert untold.results[0].scores.balanced_accuracy > 0.6


def test_scores_of_a_model_that_may_know_the_galaxies_by_other_names_say_so(tmp_path, caplog):
    latents, catalog = rings(300)
    for elsewhere in (False, True):
        caplog.clear()
        table = tmp_path / f"{elsewhere}.parquet"
        replace(latents, votes=True, elsewhere=elsewhere).save(table)
        classify(table, catalog, tmp_path / "f", label_column="ring", trees=5, overwrite=elsewhere)
        judged = predict(table, tmp_path / "f", catalog=catalog, label_column="ring").scores
        written = Classification.load(tmp_path / "f").method()
        assert [ELSEWHERE in said for said in (caplog.text, written, judged.method())] == [elsewhere] * 3
        assert caplog.messages.count(ELSEWHERE) == 2 * elsewhere


@pytest.mark.parametrize("folds", [None, 3])
def test_forests_are_as_sure_as_galaxies_whose_votes_the_model_did_not_see_allow(tmp_path, folds):
    # Where the model was told the answer its latents say it aloud; elsewhere they murmur.
    latents, catalog = rings(1500)
    known = np.random.default_rng(3).uniform(size=1500) < 0.6
    ring = np.array(catalog["ring"])
    latents = replace(latents, votes=True, split=np.where(known, "train", "test"))
    latents.z[:, 0] = np.where(known, 8, 1) * (ring - 0.5) + np.random.default_rng(2).normal(size=1500)
    done = classify(latents, catalog, tmp_path / "f", label_column="ring", folds=folds, trees=60)
    forest, found = done.fitted.by_question["ring"], done.results[0].calibration["posterior means"]
    naive = fit_power(latents.z[known], ring[known], latents.id[known], 0)
    assert forest.power < 1 < naive
    assert Forests.load(tmp_path / "f").by_question["ring"].power == forest.power
    if folds:
        return  # The forest that is kept has seen all galaxies.
    sure = replace(forest, power=naive).probabilities(latents.z[~known])
    shares = np.full(sure.shape, 0.5)
    overconfident = calibrate(ring[~known], {"naive": sure}, shares=shares, groups=latents.id[~known])["naive"]
    assert found.ece < overconfident.ece - 0.05 and found.brier < overconfident.brier


def test_a_forest_a_column_and_as_many_trees_as_asked_for(tmp_path):
    latents, catalog = rings(200)
    catalog["bar"] = np.random.default_rng(1).permutation(catalog["ring"])
    done = classify(latents, catalog, tmp_path / "f", label_column=["ring", "bar", "ring"], trees=7)
    assert [result.name for result in done.results] == ["ring", "bar"]
    loaded = Forests.load(tmp_path / "f").by_question
    assert {name: len(forest.classifier.trees.estimators_) for name, forest in loaded.items()} == {"ring": 7, "bar": 7}
    with pytest.raises(GalkerasError, match="`trees` must be 1 or more. Received: trees=0"):
        classify(latents, catalog, label_column="ring", trees=0)


@pytest.mark.parametrize("folds", [None, 2])
def test_every_forest_knows_which_rows_are_one_galaxy(monkeypatch, folds):
    latents, catalog = rings(200)
    twice = latents[np.repeat(np.arange(200), 2)]
    twice = replace(twice, survey=np.where(np.arange(400) % 2, "decals", "bass-mzls"))
    seen = []

    def watched(z, target, groups, seed):
        seen.append((len(z), len(np.unique(groups))))
        return held_out(z, target, groups, seed)

    monkeypatch.setattr(forests_module, "held_out", watched)
    classify(twice, catalog, label_column="ring", folds=folds, trees=5)
    # That of each side and the three that tell its power, and those of all galaxies.
    assert len(seen) == 4 * (1 if folds is None else folds + 1)
    assert all(rows == 2 * galaxies for rows, galaxies in seen)


def test_the_papers_forests_read_the_latents_alone(tmp_path, monkeypatch):
    latents, catalog = rings(200)
    done = classify(latents, catalog, tmp_path / "stacked", label_column="ring", trees=5)
    assert done.fitted.by_question["ring"].classifier.linear is not None and not done.paper
    assert not Classification.load(tmp_path / "stacked").paper
    assert "and a logistic regression on them" in (tmp_path / "stacked" / "scores.md").read_text()
    monkeypatch.setattr(forests_module, "held_out", None)  # Nor do those that tell the power.
    done = classify(latents, catalog, tmp_path / "paper", label_column="ring", trees=5, paper=True)
    assert done.fitted.by_question["ring"].classifier.linear is None and done.paper
    assert Classification.load(tmp_path / "paper").paper
    assert "Forests read the latents alone." in (tmp_path / "paper" / "scores.md").read_text()


def test_what_cannot_be_learned_or_tested_is_skipped():
    latents, catalog = rings(60)
    catalog["ring"][:30] = 0
    latents = replace(latents, votes=True, split=np.where(np.arange(60) < 30, "train", "test"))
    catalog["half"] = np.arange(60) % 2
    catalog["one"] = np.ma.array(np.full(60, "b"), mask=np.arange(60) < 3)
    catalog["one"][3:5] = "a"
    done = classify(latents, catalog, label_column=["ring", "half", "one"], trees=5)
    assert done.skipped.pop("ring") == "no galaxy whose votes the model learned from is 1"
    assert done.skipped == {"one": "two classes need 10 galaxies each, and there are 2 a, 55 b"}
    catalog["one"][3:5] = "b"
    catalog["one"][:3] = np.ma.masked
    with pytest.raises(GalkerasError, match="57 b: all are of one class, b"):
        classify(latents, catalog, label_column="one", trees=5)
    latents, catalog = rings(20)
    catalog["kind"] = np.arange(20) % 8
    with pytest.raises(GalkerasError, match="kind: 20 galaxies are too few to test one of each of 8 classes"):
        classify(latents, catalog, label_column="kind", minimum=2, trees=5)
    # Of eleven four are tested.
    few = latents[np.arange(11)]
    catalog["kind"] = np.arange(20) % 4
    assert classify(few, catalog, label_column="kind", minimum=2, trees=5).results[0].tested == 4


def test_join_counts_and_refuses_to_find_nothing(tmp_path):
    latents, table = rings(100)
    done = classify(latents, table[:60], tmp_path / "forests", label_column="ring")
    assert (done.matched, done.unmatched) == (60, 40)
    table["id"] = [f"other{index}" for index in range(100)]
    with pytest.raises(GalkerasError, match=r"none of the 100 galaxies.*'J000000'.*'other0'.*`id_column`"):
        classify(latents, table, tmp_path / "none", label_column="ring")
    assert not (tmp_path / "none").exists()


def test_small_classes_are_left_out_by_name_and_small_questions_skipped(tmp_path):
    catalog = votes(1500)
    rare = np.flatnonzero(labels(catalog, "bar") == "weak")[5:]
    catalog["bar_weak_fraction"][rare] = np.nan
    merging = np.flatnonzero(labels(catalog, "merging") == "merger")
    catalog["merging_merger_fraction"][merging] = 0
    done = classify(telling_latents(votes(1500)), catalog, tmp_path / "forests")
    by_name = {result.name: result for result in done.results}
    assert by_name["bar"].left_out == ("weak",) and by_name["bar"].scores.classes == ("no", "strong")
    assert by_name["bar"].galaxies["weak"] == 5
    assert list(done.skipped) == ["merging"] and "0 merger" in done.skipped["merging"]
    text = (tmp_path / "forests" / "scores.md").read_text()
    assert "weak (left out)" in text and "- merging: two classes need 10 galaxies each" in text


def test_the_one_class_that_all_are_of_is_named():
    catalog = votes(300)
    for answer in ("round", "in-between", "cigar-shaped"):
        catalog[f"how-rounded_{answer}_fraction"] = 1.0 * (answer == "in-between")
    done = classify(telling_latents(catalog), catalog, trees=5)
    assert done.skipped["how-rounded"].endswith("0 cigar-shaped: all are of one class, in-between")


def test_missing_question_is_skipped_and_the_rest_goes_on(tmp_path):
    catalog = votes(600)
    latents = telling_latents(catalog)
    catalog.remove_column("spiral-winding_tight_fraction")
    done = classify(latents, catalog, tmp_path / "forests")
    assert list(done.skipped) == ["spiral-winding"]
    assert "spiral-winding_tight_fraction" in done.skipped["spiral-winding"]
    assert len(done.results) == 8


@pytest.mark.parametrize(
    "values, classes",
    [
        (["spiral", "edge", ""], ("edge", "spiral")),
        ([0, 1, 2], ("0", "1", "2")),
        ([0.0, 1.0, np.nan], ("0", "1")),
        ([True, False, True], ("False", "True")),
        (["b", None, "a"], ("a", "b")),
    ],
)
def test_labels_from_any_column(tmp_path, values, classes):
    latents = latent_table(120, 3)
    column = np.empty(120, object if None in values else np.array(values).dtype)
    column[:] = np.resize(np.array(values, column.dtype), 120)
    table = Table({"id": latents.id, "what": column})
    done = classify(latents, table, tmp_path / "forests", label_column="what")
    assert done.results[0].scores.classes == classes
    assert sum(done.results[0].galaxies.values()) == 40 * len(classes) + (40 if len(set(values)) == 2 else 0)


def test_wrong_label_column_suggests_the_nearest(tmp_path):
    latents, table = rings(50)
    with pytest.raises(GalkerasError, match="no column 'rings'. Did you mean 'ring'"):
        classify(latents, table, tmp_path / "forests", label_column="rings")
    table["redshift"] = np.linspace(0, 1, 50)
    with pytest.raises(GalkerasError, match="'redshift' has 50 distinct values"):
        classify(latents, table, tmp_path / "forests", label_column="redshift")


def test_nothing_to_classify_by(tmp_path):
    latents, table = rings(50)
    with pytest.raises(GalkerasError, match="`label_column`"):
        classify(latents, table, tmp_path / "forests")
    table["ring"] = 1
    with pytest.raises(GalkerasError, match="nothing to classify by. ring: two classes need 10 galaxies each"):
        classify(latents, table, tmp_path / "forests", label_column="ring")
    assert not (tmp_path / "forests").exists()


@pytest.mark.parametrize(
    ("options", "fix"), [({}, "`minimum=10`"), ({"minimum": 30}, "`minimum=30`"), ({"folds": 20}, "`folds=20`")]
)
def test_too_few_galaxies_is_one_short_line_that_names_the_option(tmp_path, options, fix):
    catalog = votes(12)
    with pytest.raises(GalkerasError, match=f"Give more galaxies, or less than {fix}$") as caught:
        classify(telling_latents(catalog), catalog, tmp_path / "forests", **options)
    assert len(str(caught.value)) < 250 and "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", [{"folds": 1}, {"folds": 0}, {"minimum": 1}])
def test_wrong_arguments_are_named(tmp_path, wrong):
    latents, table = rings(50)
    with pytest.raises(GalkerasError, match=f"`{next(iter(wrong))}` must be 2 or more"):
        classify(latents, table, tmp_path / "forests", label_column="ring", **wrong)


def test_folder_that_holds_something_else_is_left_alone(tmp_path):
    latents, table = rings(50)
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "chapter1.tex").write_text("precious")
    with pytest.raises(GalkerasError, match=r"holds something else \(chapter1.tex\)"):
        classify(latents, table, out, label_column="ring")
    with pytest.raises(GalkerasError, match="is a file"):
        classify(latents, table, out / "chapter1.tex", label_column="ring")
    assert (out / "chapter1.tex").read_text() == "precious"


def test_rerun_replaces_and_failure_leaves_nothing_that_loads(tmp_path, monkeypatch):
    latents, table = rings(100)
    out = tmp_path / "forests"
    table["other"] = table["ring"]
    classify(latents, table, out, label_column="other")
    with pytest.raises(GalkerasError, match=r"forests.json exists: `overwrite=True` replaces it"):
        classify(latents, table, out, label_column="ring")
    assert set(Forests.load(out).by_question) == {"other"}
    classify(latents, table, out, label_column="ring", overwrite=True)
    assert set(Forests.load(out).by_question) == {"ring"} and not (out / "other.skops").exists()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("galkeras.morphology.forest_file.skops.io.dump", full)
    with pytest.raises(OSError):
        classify(latents, table, out, label_column="ring", overwrite=True)
    with pytest.raises(GalkerasError, match="holds no forests.json"):
        Forests.load(out)
    monkeypatch.undo()
    monkeypatch.setitem(forests_module.FOREST, "n_estimators", 5)
    classify(latents, table, out, label_column="ring")
    assert Forests.load(out)


def test_real_votes_go_through_from_the_file(tmp_path, real_data):
    file = real_data / "gzd5_catalogue" / "full_tree_1418.csv"
    catalog = read_catalog(file)
    done = classify(latent_table(1418, 4, id=np.array(catalog["id"].tolist())), file, tmp_path / "forests")
    assert (done.matched, done.unmatched) == (1418, 0)
    names = {result.name: result for result in done.results}
    assert names["disk-edge-on"].galaxies == {"yes": 44, "no": 659}
    assert names["disk-edge-on"].scores.majority == pytest.approx(659 / 703, abs=0.01)
    assert "merging" in done.skipped


def test_another_decision_tree_is_refused(tmp_path, real_data):
    sample = real_data / "gz_decals_sample"
    catalog = read_catalog(sample / "gz_decals_volunteers_1_and_2.csv")
    latents = latent_table(len(catalog), id=np.array(catalog["id"].tolist()))
    with pytest.raises(GalkerasError, match="volunteers_1_and_2"):
        classify(latents, sample / "gz_decals_volunteers_1_and_2.csv", tmp_path / "forests")
