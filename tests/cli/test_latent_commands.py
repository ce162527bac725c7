"""encode, classify and predict as they are typed."""

import sys

import numpy as np
import pytest
from latents.tables import latent_table
from sky import write_csv
from typer.testing import CliRunner

from galkeras import cli
from galkeras.io.columns import read_columns
from galkeras.morphology import forests as forests_module


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Latents that tell rings, and their catalog, in a folder that the commands run in."""
    monkeypatch.setitem(forests_module.FOREST, "n_estimators", 10)
    monkeypatch.chdir(tmp_path)
    table = latent_table(100, 4)
    ring = np.random.default_rng(0).integers(2, size=100)
    table.z[:, 0] += 4 * ring
    table.save("latents.parquet")
    write_csv(tmp_path / "catalog.csv", {"id": table.id.tolist()[:90], "ring": ring.tolist()[:90]})
    return tmp_path


def fails(monkeypatch, capsys, *arguments) -> str:
    """Run the command as a shell would; return the one line that it leaves on stderr."""
    monkeypatch.setattr(sys, "argv", ["galkeras", *arguments])
    with pytest.raises(SystemExit) as exit:
        cli.main()
    assert exit.value.code == 1
    message = capsys.readouterr().err
    lines = [line for line in message.splitlines() if line.startswith("galkeras: ")]
    assert len(lines) == 1 and "Traceback" not in message
    return lines[0]


def test_classify_then_predict(files):
    run = CliRunner().invoke
    arguments = ["classify", "latents.parquet", "catalog.csv", "--label-column", "ring", "--out", "forests/ring"]
    result = run(cli.app, arguments)
    assert result.exit_code == 0, result.output
    assert "90 latents have a row in the catalog, 10 do not" in result.output
    assert "| ring | 0 |" in result.output and "majority" in result.output
    assert (files / "forests" / "ring" / "scores.md").exists()

    result = run(cli.app, ["predict", "latents.parquet", "forests/ring", "--out", "p.csv"])
    assert result.exit_code == 0, result.output
    assert "100 galaxies, 2 probabilities each" in result.output
    columns, _ = read_columns("p.csv", strings=("id",))
    assert len(columns["ring_1"]) == 100


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["classify", "latents.parquet", "catalog.csv", "--out", "f"], "--label-column"),
        (
            ["classify", "latents.parquet", "catalog.csv", "--label-column", "rng", "--out", "f"],
            "Did you mean 'ring'?",
        ),
        (["classify", "none.parquet", "catalog.csv", "--out", "f"], "none.parquet does not exist"),
        (["classify", "catalog.csv", "catalog.csv", "--out", "f"], "not a readable galkeras table"),
        (["classify", "latents.parquet", "none.csv", "--out", "f"], "none.csv does not exist"),
        (["classify", "latents.parquet", "catalog.csv", "--label-column", "ring", "--out", "."], "something else"),
        (["predict", "latents.parquet", "none", "--out", "p.csv"], "none is no folder of forests"),
        (["predict", "latents.parquet", "none", "--out", "p.doc"], "extension must be one of"),
        (["predict", "latents.parquet", "none", "--out", "p.csv", "--samples", "0"], "--samples must be 1 or more"),
        (["generate", "model", "--out", "g"], "name one with --latents, or draw --from prior"),
        (["generate", "model", "--latents", "latents.parquet", "--out", "g", "--count", "0"], "--count must lie"),
        (["generate", "model", "--out", "g", "--class", "bar"], "--class must be QUESTION=CLASS"),
        (["generate", "model", "--latents", "latents.parquet", "--out", "g"], "model is not a model folder"),
        (["encode", "model", "none", "--out", "l.parquet"], "none is not a finished record set"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(files, monkeypatch, capsys, arguments, words):
    before = sorted(files.rglob("*"))
    assert words in fails(monkeypatch, capsys, *arguments)
    assert sorted(files.rglob("*")) == before


def test_help_shows_an_example():
    for name in ("encode", "classify", "predict", "generate"):
        result = CliRunner().invoke(cli.app, [name, "--help"])
        assert result.exit_code == 0 and f"galkeras {name} " in result.output


def test_outliers_says_what_the_paper_rule_finds(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    table = latent_table(100, 4)
    table.z[7] = 50
    table.save("latents.parquet")
    done = CliRunner().invoke(cli.app, ["outliers", "latents.parquet", "--out", "odd"])
    assert done.exit_code == 0 and "odd/outliers.parquet: 100 galaxies" in done.stdout
    assert "a latent beyond 8 sigma, finds 1 (1 %)" in done.stdout and "   1  J000007" in done.stdout
    line = fails(monkeypatch, capsys, "outliers", "latents.parquet", "--out", "odd", "--sigma", "0")
    assert "--sigma must be a positive number" in line
    table[:20].save("few.parquet")
    done = CliRunner().invoke(cli.app, ["outliers", "few.parquet", "--out", "few"])
    assert "of so few galaxies none can be beyond 4.2 sigma" in done.stdout


def test_similar_prints_neighbours_and_names_what_is_unknown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    latent_table(100, 4).save("latents.parquet")
    done = CliRunner().invoke(cli.app, ["similar", "latents.parquet", "J000007", "J000008", "--count", "3"])
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("like")] == ["like J000007 (decals)", "like J000008 (decals)"]
    assert len(lines) == 9 and lines[0].startswith("two galaxies at random are about")
    assert not list(tmp_path.glob("similar*"))
    assert "Did you mean 'J0000" in fails(monkeypatch, capsys, "similar", "latents.parquet", "J0000077")
    assert "nothing to look for" in fails(monkeypatch, capsys, "similar", "latents.parquet")
