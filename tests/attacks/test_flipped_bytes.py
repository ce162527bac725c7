"""A flipped bit in a file that galkeras wrote: what is read is what was written, or an error that names the file."""

import json

import numpy as np
import pytest
from latents.tables import latent_table

from galkeras.io.checksums import CHECKSUM, SEAL, seal_file, sealed_about
from galkeras.io.columns import FORMATS, read_columns, write_columns
from galkeras.io.errors import GalkerasError
from galkeras.io.files import read_json, write_json
from galkeras.io.tables import TABLE_FORMATS
from galkeras.latents.table import read_latents
from galkeras.models.stored import StoredModel
from galkeras.training.history import history_digest, read_history, write_history

FLIPS = 60
VALUE = {"format": 1, "ssim": [0.5, 0.25], "name": "vae", "more": {"a": None, "b": True}}
ROWS = [{"epoch": 1, "loss": np.float32(0.1), "kl": 3.0}, {"epoch": 2, "loss": float("inf"), "kl": 2.5}]


def flipped(path, seed=0):
    """Yield the number of each flip, with one bit of the file turned over while it is out."""
    data = path.read_bytes()
    random = np.random.default_rng(seed)
    for place in random.choice(len(data), min(FLIPS, len(data)), replace=False):
        bit = 1 << int(random.integers(8))
        path.write_bytes(data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :])
        yield place
    path.write_bytes(data)


def check(path, read, same):
    """Read the file with one flip after another; return how many were told."""
    told = 0
    for place in flipped(path):
        try:
            found = read()
        except GalkerasError as error:
            assert path.name in str(error) and "\n" not in str(error)
            told += 1
        else:
            assert same(found), f"byte {place} changed what is read, and nobody said so"
    assert same(read())
    return told


@pytest.mark.parametrize("extension", FORMATS)
def test_latent_table(tmp_path, extension):
    path = tmp_path / f"latents{extension}"
    table = latent_table(rows=40)
    table.save(path)
    # Text in FITS and in YAML may be written in several ways.
    assert check(path, lambda: read_latents(path), lambda found: equal(found.columns(), table.columns())) > FLIPS / 4


def equal(one, other):
    return list(one) == list(other) and all(
        np.array_equal(one[k], other[k], equal_nan=one[k].dtype.kind == "f") for k in one
    )


def test_json(tmp_path):
    path = tmp_path / "summary.json"
    write_json(path, VALUE)
    assert check(path, lambda: read_json(path), lambda found: found == VALUE or CHECKSUM not in path.read_text()) > 30


def test_checkpoint(tmp_path):
    path = tmp_path / "last.weights.h5"
    path.write_bytes(np.random.default_rng(0).bytes(3000))
    seal_file(path, {"epoch": 3})
    # Where the mark of the checksum itself is hit the file counts as one of before there were any.
    assert check(path, lambda: sealed_about(path), lambda about: about in ({"epoch": 3}, None)) > FLIPS - 5


def test_history_of_a_finished_model(tmp_path):
    write_history(tmp_path, ROWS)
    StoredModel("vae", {}, {}, history_sha256=history_digest(ROWS)).save(tmp_path)
    rows = read_history(tmp_path)
    assert rows[0]["loss"] == 0.1
    assert check(tmp_path / "history.csv", lambda: read_history(tmp_path), lambda found: found == rows) > 20


def test_files_of_before_there_were_checksums_are_read(tmp_path):
    (tmp_path / "old.json").write_text(json.dumps(VALUE))
    assert read_json(tmp_path / "old.json") == VALUE
    (tmp_path / "old.weights.h5").write_bytes(b"\0" * 3000)
    assert sealed_about(tmp_path / "old.weights.h5") is None
    write_history(tmp_path, ROWS)
    assert len(read_history(tmp_path)) == 2


def test_an_edited_file_says_how_to_keep_the_edit(tmp_path):
    path = tmp_path / "summary.json"
    write_json(path, VALUE)
    held = json.loads(path.read_text())
    path.write_text(json.dumps(held | {"name": "mine"}))
    with pytest.raises(GalkerasError, match="summary.json is damaged.*edited by hand, remove 'sha256'"):
        read_json(path)
    path.write_text(json.dumps(held))
    assert read_json(path) == VALUE, "indented otherwise"


@pytest.mark.parametrize("extension", FORMATS)
def test_values_that_formats_write_in_ways_of_their_own_keep_their_checksum(tmp_path, extension):
    columns = {
        "id": np.array(["0012", " spaced ", ""]),
        "nothing": np.full(3, np.nan),
        "zero": np.float32([-0.0, 0.1, 1e-45]),
        "count": np.array([1, 2**53 + 1, -5]),
        "good": np.array([True, False, True]),
        "few": np.uint8([1, 2, 255]),
    }
    path = tmp_path / f"t{extension}"
    write_columns(path, columns, {"model": "m", "views": 1})
    found, metadata = read_columns(path, ("id",))
    assert metadata == {"model": "m", "views": 1} and found["id"][0] == "0012" and found["count"][1] == 2**53 + 1


@pytest.mark.parametrize(
    "seal", [None, 5, {}, {"types": 3}, {"types": {"id": "O"}, "sha256": 0}, {"types": {"id": "<f8"}}]
)
@pytest.mark.parametrize("extension", FORMATS)
def test_a_seal_that_is_none_is_damage(tmp_path, extension, seal):
    path = tmp_path / f"t{extension}"
    TABLE_FORMATS[extension].write(path, {"id": np.array(["a"])}, json.dumps({SEAL: seal}))
    with pytest.raises(GalkerasError, match=path.name):
        read_columns(path)
