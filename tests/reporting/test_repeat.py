"""To repeat it: the commands that the page prints, typed in another folder, make the same again."""

import html
import shlex
import shutil
from dataclasses import asdict

import pytest
from sky import write_survey
from typer.main import get_command

from galkeras import cli
from galkeras.discovery.outlier_table import read_outliers
from galkeras.discovery.similar_table import read_similar
from galkeras.io.files import read_json, write_json
from galkeras.latents.table import read_latents
from galkeras.models.stored import StoredModel
from galkeras.morphology.report import Classification
from galkeras.records.schema import RecordSet
from galkeras.reporting.report import report

MADE = (
    "make-tfrecords survey/catalog.csv 'survey/cut outs' --bands zrg --crop 40 --image-size 64 --dtype float16"
    " --id-column name --no-position --shard-size 0.2 --out records",
    "fit records --latent 2 --loss mse --catalog survey/kinds.csv --label-column kind --votes-weight 3"
    " --id-column galaxy --architecture paper --kl-weight 0.01 --focus 0 --epochs 1 --batch-size 16"
    " --learning-rate 0.001 --seed 3 --out model",
    "encode model records --batch-size 32 --split train --split test --views 8 --scores none --out latents.npz",
    "classify latents.npz survey/kinds.csv --label-column kind --label-column side --id-column galaxy --seed 5"
    " --minimum 2 --trees 3 --samples 2 --out forests",
    "outliers latents.npz --sigma 2.5 --records records --out odd",
    "similar latents.npz g0002 g0001 --count 3 --records records --out alike",
)
MOCKED = (
    "mock --galaxies 3 --surveys decals --seed 5 --size 32 --pixel-scale 0.524 --out sky",
    "mock --galaxies 4 --surveys decals,hsc --seed 5 --size 32 --pixel-scale 0.524 --noise-free --out sky",
    "make-tfrecords sky/catalog.parquet sky/cutouts/decals --dtype float16 --out seen",
    "make-tfrecords sky/catalog.parquet sky/noise-free/decals --out clear",
)


def typed(line: str) -> None:
    """Do what a line of the shell says, in this process."""
    program, *arguments = shlex.split(line)
    assert program == "galkeras"
    get_command(cli.app).main(arguments, standalone_mode=False)


def below(folder):
    """The files in a folder but for those that tell a rerun what it need not do again, by the times of files."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and path.parent.name != ".shards")


def commands(page) -> list[str]:
    inside = page.read_text().split("<pre>")[1].split("</pre>")[0]
    return [html.unescape(line.split("</code>")[0]) for line in inside.split("<code>")[1:]]


def said(page) -> list[str]:
    given = {"records": ["records"], "latents": "latents.npz", "forests": ["forests"], "outliers": "odd"}
    given["inputs"] = {"similar": "alike"}
    return commands(report("model", page, **given))


def without_call(path) -> None:
    """Make of a file one of before calls were kept."""
    value = read_json(path)
    del value["call"]
    write_json(path, value)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder in which a set of 60 galaxies has gone the whole way."""
    folder = tmp_path_factory.mktemp("made")
    catalog, cutouts = write_survey(folder / "survey", 60, 48)
    catalog.write_text(catalog.read_text().replace("id,ra,dec", "name,right,up"))
    cutouts.rename(cutouts.with_name("cut outs"))
    rows = [
        f"g{index:04d},{'round flat'.split()[index % 2]},{'left right'.split()[index % 3 > 0]}" for index in range(60)
    ]
    (folder / "survey" / "kinds.csv").write_text("\n".join(["galaxy,kind,side", *rows]) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for line in MADE:
            typed(f"galkeras {line}")
    return folder


def test_the_commands_of_a_page_make_the_same_again(made, tmp_path, monkeypatch):
    monkeypatch.chdir(made)
    lines = said(tmp_path / "first")
    assert [shlex.split(line)[1] for line in lines] == [line.split()[0] for line in MADE]
    for line, given in zip(lines, MADE, strict=True):
        assert sorted(shlex.split(line)) == sorted(shlex.split(f"galkeras {given}"))
    shutil.copytree("survey", tmp_path / "survey")
    monkeypatch.chdir(tmp_path)
    for line in lines:
        typed(line)
    assert RecordSet.load("records").digest == RecordSet.load(made / "records").digest
    one, other = (asdict(StoredModel.load(folder)) for folder in ("model", made / "model"))
    assert {name: one[name] for name in ("model", "training", "call")} == {
        name: other[name] for name in ("model", "training", "call")
    }
    for name in ("records/dataset.json", "forests/scores.md"):
        text = [(folder / name).read_text() for folder in (tmp_path, made)]
        assert text[0] == text[1], name
    assert read_latents("latents.npz").call == read_latents(made / "latents.npz").call
    one, other = (read_outliers(folder / "odd") for folder in (tmp_path, made))
    assert one.id.tolist() == other.id.tolist() and one.call == other.call
    one, other = (read_similar(folder / "alike") for folder in (tmp_path, made))
    assert one.columns["id"].tolist() == other.columns["id"].tolist() and one.call == other.call
    assert said("page") == lines


def test_a_mock_sample_is_told_as_often_as_it_grew_and_once_for_all_its_records(made, tmp_path, monkeypatch):
    lines = [f"galkeras {line}" for line in MOCKED]
    for folder in (tmp_path / "one", tmp_path / "other"):
        folder.mkdir()
        shutil.copytree(made / "model", folder / "model")
        monkeypatch.chdir(folder)
        for line in lines:
            typed(line)
        lines = commands(report("model", "page", records=["seen", "clear"]))
        lines.pop()  # that of the model
        assert [sorted(shlex.split(line)) for line in lines] == [
            sorted(shlex.split(f"galkeras {line}")) for line in MOCKED
        ]
    sets = ("sky", "seen", "clear")
    one, other = (
        {path.relative_to(folder): path.read_bytes() for name in sets for path in below(folder / name)}
        for folder in (tmp_path / "one", tmp_path / "other")
    )
    assert one == other and len(one) > 20
    # Where the sample no longer is, records are told without it.
    (tmp_path / "other" / "sky" / "mock.json").unlink()
    assert commands(report("model", "page", records=["seen", "clear"], overwrite=True))[:2] == lines[2:]


def test_of_files_of_before_what_is_known_is_printed(made, tmp_path, monkeypatch):
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    words = "before commands were kept with what they made"
    whole = said("page")
    assert words not in (tmp_path / "page" / "index.html").read_text()
    without_call(tmp_path / "records" / "dataset.json")
    without_call(tmp_path / "forests" / "scores.json")
    assert RecordSet.load("records").call is None and Classification.load("forests").call is None
    lines = said("old")
    assert lines[0] == "galkeras make-tfrecords CATALOG CUTOUTS --image-size 64 --out records"
    assert lines[3] == "galkeras classify latents.npz CATALOG --seed 5 --minimum 2 --samples 2 --out forests"
    assert lines[1:3] == whole[1:3] and words in (tmp_path / "old" / "index.html").read_text()
    without_call(tmp_path / "model" / "config.json")
    lines = said("older")
    assert lines[1].startswith("galkeras fit records --catalog CATALOG --label-column kind --latent 2 ")
    assert " --kl-weight 0.01 " in lines[1] and lines[1].endswith("--seed 3 --out model")


def test_a_model_is_told_from_its_beginnings_where_they_are(made, tmp_path, monkeypatch):
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    digest = read_json("model/summary.json")["digest"]
    stored = StoredModel.load("model")
    call = {**asdict(stored.call), "inputs": {"records": "records"}, "options": {"from": "model", "epochs": 2}}
    for folder in ("second", "third"):
        shutil.copytree("model", folder)
        value = read_json(f"{folder}/config.json")
        value["training"]["warm_start"], value["call"] = digest, call
        write_json(f"{folder}/config.json", value)
    one = commands(report("second", "page"))
    assert [shlex.split(line)[-1] for line in one] == ["model", "second"]
    assert one[1] == "galkeras fit records --from model --epochs 2 --out second"
    # Another model in its place is not what this one began as, and one that names itself ends there.
    (tmp_path / "model" / "summary.json").unlink()
    assert commands(report("second", "other")) == one[1:]
    shutil.copytree("third", tmp_path / "model", dirs_exist_ok=True)
    assert [shlex.split(line)[-1] for line in commands(report("model", "circle"))] == ["model"]
