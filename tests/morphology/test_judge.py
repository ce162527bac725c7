"""Predictions name a class, and are scored by a catalog on galaxies that the forests did not learn from."""

import errno
import json

import numpy as np
import pytest
from astropy.table import Table
from latents.tables import latent_table
from morphology.data import telling_latents, votes

from galkeras.io.errors import GalkerasError
from galkeras.morphology import forests as forests_module
from galkeras.morphology import judge as judge_module
from galkeras.morphology.classify import classify
from galkeras.morphology.forests import TRAINED_FILE, Forest, Forests
from galkeras.morphology.predict import predict
from galkeras.morphology.scores import confusion_matrix


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setitem(forests_module.FOREST, "n_estimators", 10)


def rings(rows, seed=0, prefix="J"):
    ring = np.random.default_rng(seed).integers(2, size=rows)
    ids = np.array([f"{prefix}{index:05d}" for index in range(rows)])
    table = latent_table(rows, 4, seed=seed, id=ids)
    table.z[:, 0] += 3 * ring
    return table, Table({"id": ids, "ring": np.where(ring, "yes", "no")})


@pytest.fixture
def fitted(tmp_path):
    table, catalog = rings(200)
    classify(table, catalog, tmp_path / "f", label_column="ring")
    return table, catalog, tmp_path / "f"


def test_the_likeliest_class_stands_beside_the_probabilities(fitted):
    table, _, forests = fitted
    columns = predict(table, forests)
    assert list(columns)[4:] == ["ring_no", "ring_yes", "ring", "ring_probability"]
    assert columns.classes == {"ring": ("no", "yes")} and columns.scores is None
    both = np.stack([columns["ring_no"], columns["ring_yes"]], -1)
    assert columns["ring"].tolist() == np.array(["no", "yes"])[both.argmax(1)].tolist()
    np.testing.assert_array_equal(columns["ring_probability"], both.max(1))


def test_new_galaxies_are_scored_by_hand_and_by_judge_alike(fitted, tmp_path):
    table, catalog = rings(80, seed=1, prefix="N")
    columns = predict(table, fitted[2], tmp_path / "p.parquet", catalog=catalog, label_column="ring")
    (result,) = columns.scores.results
    truth = np.asarray(catalog["ring"])
    assert result.tested == 80 and columns.scores.learned == 0
    assert result.scores.accuracy == np.mean(columns["ring"] == truth) > 0.8
    place = {"no": 0, "yes": 1}
    said, were = ([place[one] for one in values.tolist()] for values in (columns["ring"], truth))
    np.testing.assert_array_equal(result.scores.confusion, confusion_matrix(np.array(were), np.array(said), 2))
    low, high = result.scores.intervals["accuracy"]
    assert low < result.scores.accuracy < high
    stored = json.loads((tmp_path / "p.parquet.scores.json").read_text())
    assert stored["questions"]["ring"]["accuracy"] == result.scores.accuracy and stored["learned"] == 0
    text = (tmp_path / "p.parquet.scores.md").read_text()
    assert "0 more trained the forests" in text and "balanced accuracy" in text


def test_a_table_is_there_with_its_scores_or_not_at_all(fitted, tmp_path, monkeypatch):
    table, catalog, forests = fitted
    out = tmp_path / "p.parquet"

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(judge_module, "write_json", full)
        predict(table, forests, out, catalog=catalog, label_column="ring")
    assert not out.exists()
    # What a kill leaves of the scores, the next run takes.
    (tmp_path / ".p.parquet.scores.part.json").write_text("{")
    predict(table, forests, out, catalog=catalog, label_column="ring")
    assert sorted(path.name for path in tmp_path.iterdir() if path != forests) == [
        "p.parquet",
        "p.parquet.scores.json",
        "p.parquet.scores.md",
    ]


def test_galaxies_that_trained_the_forests_are_not_scored(fitted, tmp_path):
    table, catalog, folder = fitted
    scores = predict(table, folder, catalog=catalog, label_column="ring").scores
    assert (scores.learned, scores.results[0].tested) == (140, 60)
    # They are those that classify tested on.
    stored = json.loads((folder / "scores.json").read_text())
    assert scores.results[0].scores.accuracy == stored["questions"]["ring"]["accuracy"]
    trained = Forests.load(folder).trained
    assert len(trained) == 140
    rows = np.isin(table.id, list(trained))
    with pytest.raises(GalkerasError, match="all 140 galaxies .* trained the forests"):
        predict(table[rows], folder, catalog=catalog, label_column="ring")
    classify(table, catalog, folder, label_column="ring", folds=3, overwrite=True)
    assert Forests.load(folder).trained == frozenset(table.id.tolist())


def test_forests_of_before_say_that_they_do_not_know(fitted):
    table, catalog, folder = fitted
    (folder / TRAINED_FILE).unlink()
    with pytest.raises(GalkerasError, match=r"trained\.txt is missing"):
        Forests.load(folder)
    value = json.loads((folder / "forests.json").read_text())
    del value["trained_sha256"], value["sha256"]  # the checksum of forests.json itself
    (folder / "forests.json").write_text(json.dumps(value))
    scores = predict(table, folder, catalog=catalog, label_column="ring").scores
    assert scores.learned is None and "do not say which galaxies" in scores.method()
    (folder / TRAINED_FILE).write_text("J00001\n")
    (folder / "forests.json").write_text(json.dumps(value | {"trained_sha256": "0" * 64}))
    with pytest.raises(GalkerasError, match=r"trained\.txt is damaged"):
        Forests.load(folder)


def test_votes_of_new_galaxies(tmp_path):
    known, new = votes(900), votes(300, seed=5)
    new["id"] = [f"N{index}" for index in range(300)]
    classify(telling_latents(known), known, tmp_path / "f")
    del new["bar_no_fraction"]
    scores = predict(telling_latents(votes(300, seed=5), id=np.array(new["id"])), tmp_path / "f", catalog=new).scores
    assert "bar" in scores.skipped and len(scores.results) == 8
    assert all(result.scores.balanced_accuracy > 0.6 for result in scores.results)
    assert not any(result.paper_scores for result in scores.results)


def test_classes_that_the_forests_do_not_know_are_counted(fitted):
    table, catalog = rings(60, seed=2, prefix="N")
    catalog["ring"] = np.where(np.arange(60) < 10, "maybe", catalog["ring"])
    (result,) = predict(table, fitted[2], catalog=catalog, label_column="ring").scores.results
    assert (result.galaxies["maybe"], result.left_out, result.tested) == (10, ("maybe",), 50)
    catalog["ring"] = "maybe"
    with pytest.raises(GalkerasError, match="know the classes no, yes, and the new galaxies have 60 maybe"):
        predict(table, fitted[2], catalog=catalog, label_column="ring")


def test_a_column_of_another_name_and_what_is_missing(fitted, monkeypatch):
    table, catalog = rings(60, seed=2, prefix="N")
    catalog["is_ring"] = catalog["ring"]
    assert predict(table, fitted[2], catalog=catalog, label_column="is_ring").scores.results[0].name == "ring"
    # Before the work.
    monkeypatch.setattr(Forest, "probabilities", None)
    with pytest.raises(GalkerasError, match="no column 'rong'. Did you mean 'ring'"):
        predict(table, fitted[2], catalog=catalog, label_column="rong")
    with pytest.raises(GalkerasError, match="say `catalog`"):
        predict(table, fitted[2], label_column="ring")


def test_a_label_that_hides_a_column_is_refused(tmp_path):
    table, catalog = rings(100)
    catalog["survey"] = catalog["ring"]
    classify(table, catalog, tmp_path / "f", label_column="survey")
    with pytest.raises(GalkerasError, match="two columns would be called 'survey'"):
        predict(table, tmp_path / "f")


def test_labels_of_one_class_are_said_to_be(tmp_path):
    table, catalog = rings(100)
    catalog["ring"] = "yes"
    with pytest.raises(GalkerasError, match="all are of one class, yes"):
        classify(table, catalog, tmp_path / "f", label_column="ring")
    assert not (tmp_path / "f").exists()
