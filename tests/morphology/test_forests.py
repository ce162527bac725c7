import json
import zipfile

import numpy as np
import pytest
from latents.tables import latent_table
from sklearn.ensemble import RandomForestClassifier

from galkeras.io.checksums import sealed
from galkeras.io.columns import FORMATS, read_columns
from galkeras.io.errors import GalkerasError
from galkeras.morphology import forests as forests_module
from galkeras.morphology.forest_file import read_forest, write_forest
from galkeras.morphology.forests import Forest, Forests, fit_forest
from galkeras.morphology.predict import predict
from galkeras.morphology.stacked import held_out, stacked
from galkeras.morphology.stored import model_of, read_description


@pytest.fixture(scope="module")
def forests() -> Forests:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(forests_module.FOREST, "n_estimators", 20)
        table = latent_table(300, 4)
        target = (table.z[:, 0] > 0).astype(int) + (table.z[:, 1] > 1)
        by_question = {
            "bar": Forest("Bar", ("no", "weak", "strong"), (100, 150, 50), fit_forest(table.z, target, 0)),
            "a/b c": Forest("a/b c", ("x", "y"), (150, 150), fit_forest(table.z, target > 0, 0, paper=True), 2.5),
        }
    return Forests("a" * 64, 4, 1, 0, by_question, (0.0,) * 4, (1.0,) * 4)


def test_loaded_forests_give_the_same_bits(tmp_path, forests):
    forests.save(tmp_path / "f")
    loaded = Forests.load(tmp_path / "f")
    z = latent_table(5000, 4, seed=1).z
    for name, forest in forests.by_question.items():
        other = loaded.by_question[name]
        assert (other.title, other.classes, other.counts) == (forest.title, forest.classes, forest.counts)
        assert other.power == forest.power
        np.testing.assert_array_equal(other.probabilities(z), forest.probabilities(z))
    assert {path.name for path in (tmp_path / "f").iterdir()} == {"forests.json", "bar.skops", "a_b_c.skops"}


def test_a_fit_again_is_the_same_bytes(tmp_path):
    table = latent_table(300, 4)
    for name in ("one", "other"):
        forest = fit_forest(table.z, table.z[:, 0] > 0, seed=0, trees=20)
        write_forest(tmp_path / name, forest.trees)
        del forest
        spread = [bytearray(1000) for _ in range(1000)]  # What comes next stands elsewhere in memory.
    with zipfile.ZipFile(tmp_path / "one") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes() and spread
    assert read_forest(tmp_path / "one", 6, 2, "").n_estimators == 20


def test_a_power_sharpens_and_names_the_same_class(forests):
    z = latent_table(500, 4, seed=1).z
    forest = forests.by_question["a/b c"]
    plain, sharp = forest.classifier.predict_proba(z), forest.probabilities(z)
    np.testing.assert_allclose(sharp.sum(1), 1)
    np.testing.assert_allclose(sharp[:, 0] * plain[:, 1] ** 2.5, sharp[:, 1] * plain[:, 0] ** 2.5)
    np.testing.assert_array_equal(sharp.argmax(1), plain.argmax(1))
    assert np.all(sharp.max(1) >= plain.max(1) - 1e-12)


def test_folders_of_before_there_were_powers_load_and_strange_powers_do_not(tmp_path, forests):
    forests.save(tmp_path)
    value = json.loads((tmp_path / "forests.json").read_text())
    for power in (None, 0, -1, float("inf"), float("nan"), "x"):
        value["questions"]["bar"]["power"] = power
        if power is None:
            del value["questions"]["bar"]["power"]
        (tmp_path / "forests.json").write_text(json.dumps(sealed(value)))
        if power is None:
            assert Forests.load(tmp_path).by_question["bar"].power == 1
        else:
            with pytest.raises(GalkerasError, match="forests.json does not describe forests"):
                Forests.load(tmp_path)


def test_a_description_of_the_wrong_kind_names_the_field(tmp_path, forests):
    forests.save(tmp_path)
    value = json.loads((tmp_path / "forests.json").read_text())
    del value["sha256"]
    assert model_of(tmp_path) == read_description(tmp_path).model == forests.model
    for where, wrong, field in (
        (value, {"views": "one"}, "`views` must be a whole number"),
        (value, {"format": 2}, "`format` must be 1"),
        (value["questions"]["bar"], {"classes": "no"}, "`questions.bar.classes` must be a list"),
        (value["questions"]["bar"], {"trained_on": [1]}, "`trained_on` must be"),
    ):
        kept = dict(where)
        where.update(wrong)
        (tmp_path / "forests.json").write_text(json.dumps(value))
        with pytest.raises(GalkerasError, match=f"forests.json does not describe forests: {field}"):
            Forests.load(tmp_path)
        where.update(kept)


def test_probabilities_do_not_depend_on_cores_or_company(forests, monkeypatch):
    z = latent_table(9000, 4, seed=1).z
    forest = forests.by_question["bar"]
    expected = forest.probabilities(z)
    np.testing.assert_allclose(expected.sum(1), 1)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    np.testing.assert_array_equal(forest.probabilities(z), expected)
    np.testing.assert_array_equal(forest.probabilities(z[17:40]), expected[17:40])


def test_same_seed_same_forest(forests):
    z = latent_table(300, 4).z
    target = (z[:, 0] > 0).astype(int)
    one, two = (Forest("", ("a", "b"), (), fit_forest(z, target, 3)).probabilities(z) for _ in range(2))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    "changes, match",
    [
        ({"model": "b" * 64}, "of model aaaaaaaaaaaa, and these are of model bbbbbbbbbbbb"),
        ({"views": 8}, r"averaged over 1 views.*encode\(views=1\)"),
        ({"z": np.zeros((50, 3), np.float32)}, "need 4 latents, and the table has 3"),
    ],
)
def test_latents_of_another_model_are_refused(tmp_path, forests, changes, match):
    with pytest.raises(GalkerasError, match=match):
        predict(latent_table(**changes), forests, tmp_path / "p.csv")
    assert not (tmp_path / "p.csv").exists()


@pytest.mark.parametrize("extension", FORMATS)
def test_predictions_in_every_format(tmp_path, forests, extension):
    table = latent_table()
    columns = predict(table, forests, tmp_path / f"p{extension}")
    assert list(columns)[:7] == ["id", "ra", "dec", "survey", "bar_no", "bar_weak", "bar_strong"]
    np.testing.assert_allclose(columns["bar_no"] + columns["bar_weak"] + columns["bar_strong"], 1)
    back, metadata = read_columns(tmp_path / f"p{extension}", strings=("id", "survey"))
    assert list(back) == list(columns) and metadata["model"] == forests.model
    for name, column in columns.items():
        np.testing.assert_array_equal(back[name], column)


def test_predict_from_files(tmp_path, forests):
    forests.save(tmp_path / "f")
    latent_table().save(tmp_path / "l.parquet")
    from_files = predict(tmp_path / "l.parquet", tmp_path / "f")
    for name, column in predict(latent_table(), forests).items():
        np.testing.assert_array_equal(from_files[name], column)


def test_latents_and_catalog_are_not_replaced_by_what_they_say(tmp_path):
    paths = tmp_path / "l.parquet", tmp_path / "f"
    for name in ("l.parquet", "c.parquet"):
        (tmp_path / name).write_bytes(b"of hours")
        with pytest.raises(GalkerasError, match=rf"{name} is what is read, .*another `out`"):
            predict(*paths, tmp_path / name, catalog=tmp_path / "c.parquet", overwrite=True)


def test_unknown_extension_is_refused_before_the_work(tmp_path):
    with pytest.raises(GalkerasError, match="extension"):
        predict(tmp_path / "missing.parquet", tmp_path / "missing", tmp_path / "p.txt")


def test_a_forest_that_tells_how_far_it_is_is_the_same_forest(monkeypatch):
    z = latent_table(200).z
    target = (z[:, 0] > 0.5).astype(int)
    settings = forests_module.FOREST | {"n_estimators": 120}
    monkeypatch.setattr(forests_module, "FOREST", settings)
    ticks = []
    grown = forests_module.fit_forest(z, target, 3, tick=ticks.append)
    assert ticks == [50, 50, 20]
    features = stacked(z, held_out(z, target, None, 3))
    at_once = RandomForestClassifier(**settings, random_state=3).fit(features, target)
    np.testing.assert_array_equal(grown.trees.predict_proba(features), at_once.predict_proba(features))
    assert grown.trees.get_params() == at_once.get_params()
