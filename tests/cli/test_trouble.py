import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from latents.tables import latent_table
from sky import write_survey

from galkeras.cli import main


def run(monkeypatch, capsys, *arguments) -> str:
    monkeypatch.setattr("sys.argv", ["galkeras", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    stderr = capsys.readouterr().err.strip().splitlines()
    assert len(stderr) == 1 and "Traceback" not in stderr[0]
    return stderr[0]


def test_a_path_that_cannot_be_written_is_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("in the way")
    line = run(monkeypatch, capsys, "mock", "--galaxies", 1, "--size", 32, "--workers", 1, "--out", tmp_path / "file/m")
    assert str(tmp_path / "file") in line


def test_what_a_terminal_would_obey_is_written_out(tmp_path, monkeypatch, capsys):
    strange = tmp_path / "clear\x1b[2J\x9b1m\u202e"
    strange.write_text("in the way")
    for line in (
        run(monkeypatch, capsys, "inspect", strange),
        run(monkeypatch, capsys, "mock", "--galaxies", 1, "--size", 32, "--workers", 1, "--out", strange / "m"),
    ):
        assert "clear\\x1b[2J\\x9b1m\\u202e" in line and "\x1b" not in line


@pytest.mark.parametrize("command", ["outliers", "similar"])
def test_ids_that_a_terminal_would_obey_are_written_out(command, tmp_path, monkeypatch, capsys):
    names = np.array([f"J{row:03}\x1b]0;mine\x07" for row in range(200)])
    latent_table(200, id=names).save(tmp_path / "z.npz")
    more = [names[0]] if command == "similar" else ["--out", tmp_path / "out"]
    monkeypatch.setattr("sys.argv", ["galkeras", command, *map(str, (tmp_path / "z.npz", *more))])
    with pytest.raises(SystemExit) as end:
        main()
    shown = capsys.readouterr().out
    assert not end.value.code and "\\x1b]0;mine\\x07  " in shown and "\x1b" not in shown and "\x07" not in shown


def test_a_folder_where_a_file_goes_is_named(tmp_path, monkeypatch, capsys):
    for name, survey in (("a", "decals"), ("b", "sdss")):
        latent_table(200, survey=np.full(200, survey)).save(tmp_path / f"{name}.npz")
    # It stands there when the table is done, as its other files may from the start.
    monkeypatch.setattr("galkeras.evaluation.align.check_new", lambda path, *_: path)
    monkeypatch.setattr("galkeras.io.columns.check_format", Path)
    (tmp_path / "out.npz").mkdir()
    paths = tmp_path / "a.npz", tmp_path / "b.npz"
    line = run(monkeypatch, capsys, "align", *paths, "--method", "coral", "--out", tmp_path / "out.npz")
    assert line == f"galkeras: {tmp_path / 'out.npz'}: Is a directory"


def test_a_finished_set_is_not_replaced_by_one_of_another_size(tmp_path, monkeypatch, capsys):
    catalog, cutouts = write_survey(tmp_path, 5, 48)
    command = ["galkeras", "make-tfrecords", str(catalog), str(cutouts), "--out", str(tmp_path / "r")]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    capsys.readouterr()
    before = (tmp_path / "r" / "dataset.json").read_bytes()
    command = ["make-tfrecords", catalog, cutouts, "--image-size", 32, "--out", tmp_path / "r"]
    assert "image_size 48, not 32" in run(monkeypatch, capsys, *command)
    assert (tmp_path / "r" / "dataset.json").read_bytes() == before


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("fit none --out m", "none is not a finished record set"),
        ("fit none --paper --epochs 3 --patience 2 --loss mse --out m", "none is not a finished record set"),
        (
            "fit none --paper --loss gaussian --out m",
            "--paper means --loss mse: leave one out. Received: --loss gaussian",
        ),
        ("scan none --out m", "none is not a finished record set"),
        ("scan none --latent 1o --out m", "whole numbers with commas between"),
        ("adapt none a b --out m", "none is not a model folder"),
        ("encode m none --out l.parquet", "none is not a finished record set"),
        ("encode m none --out l.doc", "extension must be one of"),
    ],
)
def test_what_is_not_there_is_said_before_tensorflow_loads(command, message, tmp_path):
    code = (
        f"import sys; sys.modules['tensorflow'] = None; sys.argv = ['galkeras', *{command.split()!r}];"
        "from galkeras.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1 and message in done.stderr and done.stderr.count("\n") == 1


def test_what_a_catalog_or_a_name_lacks_is_said_before_tensorflow_loads(records, tmp_path):
    """In one process, in Python: the import of the libraries that forests need is most of what this takes."""
    ids = [f"J{row:06d}" for row in range(60)]
    table = latent_table(60, 3, id=np.array(ids))
    table.save(tmp_path / "l.npz")
    lines = [f"{name},{'ab'[row % 2]}" for row, name in enumerate(ids)]
    (tmp_path / "c.csv").write_text("\n".join(["id,ring", *lines]))
    code = """
import sys, galkeras as gk
sys.modules["tensorflow"] = None
records = sys.argv[1]
forests = gk.classify("l.npz", "c.csv", label_column="ring", trees=2)
for call in (
    lambda: gk.classify("l.npz", "c.csv", label_column="rign"),
    lambda: gk.predict("l.npz", forests.fitted, catalog="c.csv", label_column="rign"),
    lambda: gk.similar("l.npz", ["J00000l"]),
    lambda: gk.fit(records, "m", catalog="c.csv", label_columns=["rign"]),
    lambda: gk.fit(records, "m", catalog="none.csv"),
    lambda: gk.fit(records, "m", warm_start="none"),
    lambda: gk.measure("none", model="none", out="t.npz"),
    lambda: gk.measure(".", "c.csv", model="none", out="t.npz", id_column="name"),
):
    try:
        call()
    except gk.GalkerasError as error:
        print(error)
"""
    command = [sys.executable, "-c", code, str(records)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    said = done.stdout.splitlines()
    assert "Error" not in done.stderr and len(said) == 8
    assert all("no column 'rign'. Did you mean 'ring'?" in said[number] for number in (0, 1, 3))
    assert "J00000l" in said[2] and "catalog none.csv does not exist" in said[4]
    assert said[5].startswith("none is not a model folder") and said[6] == "cutouts none do not exist"
    assert "no column 'name'" in said[7]


def test_fit_says_what_it_does_before_tensorflow_loads(records, tmp_path):
    command = ["galkeras", "fit", str(records), "--out", str(tmp_path / "m"), "--latent", "7", "--epochs", "1"]
    code = (
        f"import sys; sys.modules['tensorflow'] = None; sys.argv = {command!r}; from galkeras.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "ModuleNotFoundError" in done.stderr
    assert done.stdout.splitlines() == [
        f"{records}: 61 galaxies of decals to train on, 10 to validate, 64 x 64 x grz nanomaggy",
        f"{tmp_path / 'm'}: upright, 7 latents, loss gaussian; at most 1 epoch",
    ]
