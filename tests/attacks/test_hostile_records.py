"""Record sets that were made to do harm: each is one clear error, and nothing outside the folder is touched."""

import json
import shutil

import pytest
from sky import write_survey

from galkeras.io.checksums import sealed
from galkeras.io.errors import GalkerasError
from galkeras.records.inspect import inspect
from galkeras.records.make import make_tfrecords
from galkeras.records.schema import RecordSet


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> RecordSet:
    folder = tmp_path_factory.mktemp("whole")
    return make_tfrecords(*write_survey(folder / "survey", 40, 16), folder / "out", workers=1)


def edited(whole, folder, **change):
    shutil.copytree(whole.path, folder / "copy")
    file = folder / "copy" / "dataset.json"
    value = json.loads(file.read_text())
    shard = change.pop("shard", {})
    value["shards"][0].update(shard)
    value.update(change)
    file.write_text(json.dumps(sealed(value)))
    return folder / "copy"


@pytest.mark.parametrize(
    "change, message",
    [
        ({"shard": {"name": "../../../etc/passwd"}}, "named SPLIT"),
        ({"shard": {"name": "/etc/passwd"}}, "named SPLIT"),
        ({"shard": {"name": ".."}}, "named SPLIT"),
        ({"shard": {"name": "train-00000-of-00001.tfrecord/../x"}}, "named SPLIT"),
        ({"shard": {"name": 5}}, "named SPLIT"),
        ({"shard": {"split": "everything"}}, "of splits"),
        ({"shard": {"examples": 10**18}, "written": 10**18, "read": 10**18}, "large enough"),
        ({"shard": {"examples": -1}}, "large enough"),
        ({"shard": {"examples": "many"}}, "shards"),
        ({"shard": {"bytes": None}}, "shards"),
        ({"shard": {"extra": 1}}, "extra"),
        ({"shards": {}}, "written"),
        ({"shards": "abc"}, "not a record set's"),
        ({"image_size": 10**9}, "1 to 4096"),
        ({"image_size": True}, "1 to 4096"),
        ({"image_size": -64}, "1 to 4096"),
        ({"image_size": "64"}, "1 to 4096"),
        ({"pixel_scale": -1}, "positive or null"),
        ({"pixel_scale": float("nan")}, "positive or null"),
        ({"pixel_scale": []}, "positive or null"),
        ({"dtype": "object"}, "one of uint8"),
        ({"dtype": ["uint8"]}, "one of uint8"),
        ({"units": "jansky"}, "nanomaggy or picture"),
        ({"bands": ["g", "r", "../z"]}, "g, r, z"),
        ({"bands": []}, "different names"),
        ({"preparation": {"crop": "all"}}, "`crop` must be"),
        ({"bands": ["g", "g", "z"]}, "different names"),
        ({"survey": ""}, "a name"),
        ({"survey": None}, "a name"),
        ({"written": 41}, "written"),
        ({"rejected": -1, "read": 39}, "0 or more"),
        ({"schema_version": 99}, "must be 1 or 2"),
    ],
)
def test_dataset_json(whole, tmp_path, change, message):
    folder = edited(whole, tmp_path, **change)
    with pytest.raises(GalkerasError, match="dataset.json.*" + message):
        RecordSet.load(folder)


@pytest.mark.parametrize(
    "content", ["", "[]", "null", "3", '{"shards": []}', "[" * 100_000, "\x00", '{"a": 1' + "0" * 5000 + "}"]
)
def test_dataset_json_that_is_none(tmp_path, content):
    (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(GalkerasError, match="dataset.json"):
        RecordSet.load(tmp_path)


def test_a_shard_that_is_a_link_or_a_folder(whole, tmp_path):
    folder = edited(whole, tmp_path)
    shard = folder / whole.shards[0].name
    shard.unlink()
    shard.mkdir()
    with pytest.raises(GalkerasError, match="is missing"):
        inspect(folder, verify=True)


def test_state_of_a_hostile_folder_is_not_believed(whole, tmp_path):
    """What `.shards` says is checked against the shards; nonsense there only costs a rebuild."""
    survey = write_survey(tmp_path / "survey", 40, 16)
    make_tfrecords(*survey, tmp_path / "out", workers=1)
    for number, state in enumerate(sorted((tmp_path / "out" / ".shards").glob("*.json"))):
        state.write_text(["", "[]", '{"fingerprint": 1}', json.dumps({"shard": {"sha256": "0"}})][number % 4])
    assert make_tfrecords(*survey, tmp_path / "out", workers=1).written == 40
    inspect(tmp_path / "out", verify=True)
