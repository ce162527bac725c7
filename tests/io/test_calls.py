"""Calls: what a command was told is kept, and typed again it is the same."""

import json
import shlex
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from typer.main import get_command

from galkeras import cli
from galkeras.io.calls import Call
from galkeras.io.errors import GalkerasError
from galkeras.io.files import write_json
from galkeras.io.typed import from_json
from galkeras.models.stored import StoredModel
from galkeras.morphology.classify import classify
from galkeras.records.make import make_tfrecords
from galkeras.records.schema import RecordSet
from galkeras.simulation.survey_pair import mock
from galkeras.training.fit import fit
from galkeras.training.options import FitOptions, flags

HOSTILE = "$(touch x); '\"`\n--out"


def typed(line: str) -> dict:
    """What the command line makes of a line: the values of a command by name."""
    _, name, *arguments = shlex.split(line)
    return get_command(cli.app).commands[name].make_context(name, arguments).params


def test_what_was_asked_for_is_kept_and_defaults_are_not(tmp_path):
    given = {"catalog": tmp_path / "c.csv", "cutouts": "cut outs", "out": "r", "crop": None, "dtype": "float16"}
    given |= {"position": False, "shard_megabytes": np.float64(0.1 + 0.2), "workers": 3, "table": object()}
    call = Call.of(make_tfrecords, given, {"shard_megabytes": "shard-size"})
    assert call.inputs == {"catalog": str(tmp_path / "c.csv"), "cutouts": "cut outs"}
    assert call.options == {"dtype": "float16", "position": False, "shard-size": 0.1 + 0.2}
    # What was left out is left out; whatever is in memory is known by its place alone.
    assert Call.of(make_tfrecords, {"catalog": "c", "cutouts": None}).inputs == {"catalog": "c"}
    call = Call.of(classify, {"latents": object(), "catalog": "c", "label_column": ("a", "b"), "records": object()})
    assert call.inputs == {"latents": None, "catalog": "c"} and call.options["records"] is None
    line = "galkeras classify LATENTS c --label-column a --label-column b --records RECORDS --out f"
    assert call.line("f") == line
    assert call.line("f", latents="l.npz", model="m").startswith("galkeras classify l.npz c ")
    chosen = vars(FitOptions(learning_rate=1 / 3, epochs=3, focus=0, label_columns=["a"], catalog="c", warm_start="m"))
    call = Call.of(fit, {"records": "r", **chosen}, flags(FitOptions))
    again = typed(call.line("o"))
    assert {name: again[name] for name in chosen} == chosen | {
        "catalog": again["catalog"],
        "warm_start": again["warm_start"],
    }
    assert [str(again[name]) for name in ("catalog", "warm_start")] == ["c", "m"]


def test_a_call_comes_back_and_its_words_are_words():
    call = Call("classify", {"latents": "-l.npz", "catalog": HOSTILE}, {"label-column": [HOSTILE, "--seed"], "seed": 3})
    assert from_json(Call | None, json.loads(json.dumps(asdict(call)))) == call
    again = typed(call.line("--f"))
    assert again["label_column"] == [HOSTILE, "--seed"] and again["seed"] == 3
    assert [str(again[name]) for name in ("latents", "catalog", "out")] == ["-l.npz", HOSTILE, "--f"]
    set_to = Call("adapt", {"model": "m", "source": "s", "target": "t"}, {"set": {"weight": 0.5, "way": "a b"}})
    assert typed(set_to.line("o"))["settings"] == ["weight=0.5", 'way="a b"']


def test_options_of_several_words_and_of_one_with_commas():
    given = {"surveys": ("decals", "hsc"), "seeds": [["cosmos", "a b"]], "pixel_scale": 0.262, "zero_point": -0.5}
    call = Call.of(mock, given, {name: name.replace("_", "-") for name in given}, ["surveys"])
    assert call.inputs == {} and call.line("o") == (
        "galkeras mock --surveys decals,hsc --seeds cosmos 'a b' --zero-point -0.5 --out o"
    )
    again = typed(call.line("o"))
    assert (again["surveys"], again["seeds"], again["zero_point"]) == ("decals,hsc", ("cosmos", Path("a b")), -0.5)


@pytest.mark.parametrize("change", [{"command": "fit; rm"}, {"inputs": {"-x": "y"}}, {"options": {"a b": 1}}])
def test_what_is_no_name_is_refused(change, tmp_path):
    value = asdict(Call("fit", {"records": "r"}, {"seed": 1})) | change
    with pytest.raises(ValueError, match="`call` must name commands and options. Received: "):
        from_json(Call | None, value)
    write_json(tmp_path / "config.json", {"kind": "vae", "model": {}, "training": {}, "call": value})
    with pytest.raises(GalkerasError, match="config.json is not what .*`call` must name"):
        StoredModel.load(tmp_path)


def test_a_record_set_with_a_strange_call_is_refused(records, tmp_path):
    said = json.loads((records / "dataset.json").read_text())
    assert RecordSet.load(records).call.command == said["call"]["command"] == "make-tfrecords"
    for call, message in ((3, "`call` must be an object"), ({"command": "x"}, "`call.inputs` is missing")):
        write_json(tmp_path / "dataset.json", said | {"call": call})
        with pytest.raises(GalkerasError, match=f"dataset.json is not a record set's: {message}"):
            RecordSet.load(tmp_path)
    del said["call"]
    write_json(tmp_path / "dataset.json", said)
    old = RecordSet.load(tmp_path)
    assert old.call is None and old.digest == RecordSet.load(records).digest
    old.save()
    assert "call" not in json.loads((tmp_path / "dataset.json").read_text())
