"""Forest folders made to harm whoever loads them."""

import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest
import skops.io
from latents.tables import latent_table
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from galkeras.io.checksums import sealed
from galkeras.io.errors import GalkerasError
from galkeras.io.files import sha256_of
from galkeras.morphology.forests import Forest, Forests
from galkeras.morphology.stacked import StackedForest


class Marker:
    """Leaves a file behind if anybody builds it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)

    def __setstate__(self, state):
        open(state["path"], "w").close()


@pytest.fixture
def folder(tmp_path):
    z = latent_table(80, 3).z
    classifier = RandomForestClassifier(5, random_state=0).fit(z, (z[:, 0] > 0).astype(int))
    by_question = {"bar": Forest("Bar", ("no", "yes"), (40, 40), StackedForest(classifier))}
    Forests("a" * 64, 3, 1, 0, by_question, (0.0,) * 3, (1.0,) * 3).save(tmp_path / "f")
    assert Forests.load(tmp_path / "f")
    return tmp_path / "f"


def replace(folder, dumped, compression=0):
    """Put another object in the place of the forest, with the checksum that an attacker would give it too."""
    if not isinstance(dumped, bytes):
        buffer = io.BytesIO()
        skops.io.dump(dumped, buffer, compression=compression)
        dumped = buffer.getvalue()
    (folder / "bar.skops").write_bytes(dumped)
    change(folder, lambda value: value["questions"]["bar"].update(sha256=sha256_of(folder / "bar.skops")))


def change(folder, edit):
    value = json.loads((folder / "forests.json").read_text())
    edit(value)
    (folder / "forests.json").write_text(json.dumps(sealed(value)))


def edited_schema(folder, edit) -> bytes:
    with zipfile.ZipFile(folder / "bar.skops") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members["schema.json"])
    edit(schema)
    members["schema.json"] = json.dumps(schema).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_foreign_type_is_refused_and_never_built(folder, tmp_path):
    marker = tmp_path / "built"
    replace(folder, {"forest": Marker(str(marker))})
    with pytest.raises(GalkerasError, match="is refused: it asks to load .*Marker"):
        Forests.load(folder)
    assert not marker.exists()


@pytest.mark.parametrize("module, name", [("os", "system"), ("builtins", "eval"), ("subprocess", "Popen")])
def test_schema_that_names_a_function_is_refused(folder, module, name):
    def edit(schema):
        schema["content"]["content"]["estimators_"]["__module__"] = module
        schema["content"]["content"]["estimators_"]["__class__"] = name

    replace(folder, edited_schema(folder, edit))
    with pytest.raises(GalkerasError, match=r"bar\.skops"):
        Forests.load(folder)


def test_pickle_under_the_name_of_a_forest_is_not_opened(folder, tmp_path):
    marker = tmp_path / "built"
    replace(folder, pickle.dumps(Marker(str(marker))))
    with pytest.raises(GalkerasError, match=r"bar\.skops cannot be loaded"):
        Forests.load(folder)
    assert not marker.exists()


def test_pickled_array_inside_is_not_opened(folder, tmp_path):
    marker = tmp_path / "built"
    buffer = io.BytesIO()
    np.save(buffer, np.array([Marker(str(marker))], object), allow_pickle=True)
    with zipfile.ZipFile(folder / "bar.skops") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, buffer.getvalue() if name.endswith(".npy") else data)
    replace(folder, out.getvalue())
    with pytest.raises(GalkerasError, match=r"bar\.skops cannot be loaded"):
        Forests.load(folder)
    assert not marker.exists()


@pytest.mark.parametrize("kind", [LogisticRegression, ExtraTreesClassifier])
def test_other_estimators_are_refused(folder, kind):
    z = latent_table(80, 3).z
    replace(folder, kind().fit(z, (z[:, 0] > 0).astype(int)))
    with pytest.raises(GalkerasError, match=f"holds no random forest but {kind.__name__}"):
        Forests.load(folder)


@pytest.mark.parametrize("features, classes", [(4, 2), (2, 2), (3, 3)])
def test_forest_of_other_features_or_classes_is_refused(folder, features, classes):
    z = latent_table(80, features).z
    replace(folder, RandomForestClassifier(3).fit(z, np.arange(80) % classes))
    with pytest.raises(GalkerasError, match="does not fit forests.json"):
        Forests.load(folder)


@pytest.mark.parametrize(
    "field, value",
    [("left_child", 10**9), ("right_child", -5), ("left_child", 0), ("feature", 3), ("feature", -7)],
)
def test_tree_whose_nodes_point_outside_is_refused(folder, field, value):
    # Compiled code follows children and features unchecked: it would read foreign memory, or never end.
    classifier = Forests.load(folder).by_question["bar"].classifier.trees
    tree = classifier.estimators_[2].tree_
    state = tree.__getstate__()
    state["nodes"][field][0] = value
    tree.__setstate__(state)
    replace(folder, classifier)
    with pytest.raises(GalkerasError, match="does not fit forests.json: other features, classes or nodes"):
        Forests.load(folder)


def with_node_count(folder, count: int) -> bytes:
    def edit(schema):
        for index, tree in enumerate(schema["content"]["content"]["estimators_"]["content"], 1):
            node_count = tree["content"]["content"]["tree_"]["content"]["content"]["node_count"]
            # skops reads an object once for each id, and small numbers share theirs.
            node_count.update(content=str(count), __id__=10**9 + index)

    return edited_schema(folder, edit)


def test_node_count_below_the_nodes_is_refused(folder):
    replace(folder, with_node_count(folder, 1))
    with pytest.raises(GalkerasError, match="other features, classes or nodes"):
        Forests.load(folder)


def test_node_count_beyond_the_nodes_reads_no_foreign_memory(folder):
    expected = [tree.tree_.node_count for tree in Forests.load(folder).by_question["bar"].classifier.trees.estimators_]
    replace(folder, with_node_count(folder, 10**9))
    # scikit-learn cuts it to the nodes that are there; should it ever not, this sees it.
    loaded = Forests.load(folder).by_question["bar"].classifier.trees
    assert [tree.tree_.node_count for tree in loaded.estimators_] == expected


def test_a_file_that_unpacks_to_all_the_memory_there_is_is_refused(folder):
    buffer = io.BytesIO(replace_stored(folder))
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.npy", bytes(40_000_000))
    replace(folder, buffer.getvalue())
    with pytest.raises(GalkerasError, match=r"bar\.skops unpacks to 40,\d+,\d+ bytes"):
        Forests.load(folder)


def replace_stored(folder) -> bytes:
    """Return the forest's file as it would be without compression, as older folders have it, and put it there."""
    replace(folder, Forests.load(folder).by_question["bar"].classifier.trees)
    return (folder / "bar.skops").read_bytes()


def test_forests_are_compressed_and_those_that_are_not_load_too(folder):
    small, before = (folder / "bar.skops").stat().st_size, Forests.load(folder).by_question["bar"]
    assert small < len(replace_stored(folder)) / 3
    z = latent_table(80, 3).z
    np.testing.assert_array_equal(Forests.load(folder).by_question["bar"].probabilities(z), before.probabilities(z))


@pytest.mark.parametrize("keep", [0, 10, 0.5, -1])
def test_truncated_file_is_named_by_its_checksum(folder, keep):
    data = (folder / "bar.skops").read_bytes()
    (folder / "bar.skops").write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
    with pytest.raises(GalkerasError, match=r"bar\.skops is damaged"):
        Forests.load(folder)
    (folder / "bar.skops").unlink()
    with pytest.raises(GalkerasError, match=r"bar\.skops is missing"):
        Forests.load(folder)


@pytest.mark.parametrize("file", ["../bar.skops", "/etc/passwd", "x/bar.skops", 5, ""])
def test_paths_out_of_the_folder_are_refused(folder, file):
    change(folder, lambda value: value["questions"]["bar"].update(file=file))
    with pytest.raises(GalkerasError, match=r"forests\.json|is missing"):
        Forests.load(folder)


@pytest.mark.parametrize(
    "edit",
    [
        lambda value: value.pop("questions"),
        lambda value: value.update(format=2),
        lambda value: value.update(model=5),
        lambda value: value.update(latent_dim="3"),
        lambda value: value.update(questions=[1]),
        lambda value: value["questions"].update(bar=None),
        lambda value: value["questions"]["bar"].pop("classes"),
        lambda value: value["questions"]["bar"].update(trained_on=["many"]),
        lambda value: value.update(latent_mean=[10**50] * 2),
    ],
)
def test_broken_description_is_named(folder, edit):
    change(folder, edit)
    with pytest.raises(GalkerasError, match=r"forests\.json does not describe forests"):
        Forests.load(folder)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "\x00\x01", '{"latent_dim": 1' + "0" * 400 + "}"])
def test_description_that_is_no_json_object_is_named(folder, text):
    (folder / "forests.json").write_text(text)
    with pytest.raises(GalkerasError, match=r"forests\.json"):
        Forests.load(folder)
