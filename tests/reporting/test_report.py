"""report: that the page says what the files say, needs nothing else, and believes no name."""

import html
import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from morphology.data import telling_latents, votes
from PIL import Image
from typer.main import get_command

from galkeras import cli
from galkeras.evaluation.scan.knee import Knee
from galkeras.evaluation.scan.report import Point, Scan
from galkeras.evaluation.scan.types import galaxy_types
from galkeras.evaluation.shift.result import Shift
from galkeras.galaxyzoo.trees.gzd5 import GZD5
from galkeras.io.columns import write_columns
from galkeras.io.errors import GalkerasError
from galkeras.io.files import write_json
from galkeras.models.adapters.domain_adaptation import AdaptationConfig
from galkeras.models.config import PAPER, PAPER_ADAPTATION, ModelConfig
from galkeras.morphology import forests as forests_module
from galkeras.morphology.classify import classify
from galkeras.morphology.forests import Forests
from galkeras.records.schema import RecordSet
from galkeras.reporting.page import Part
from galkeras.reporting.report import report
from galkeras.reporting.sections import SECTIONS, Section
from galkeras.reporting.sections import latents as latent_section
from galkeras.reporting.subject import known_of
from galkeras.training.history import write_history

DIGEST = "a" * 64
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>$x_{"
TRAINING = {"epochs": 5, "batch_size": 8, "learning_rate": 2e-4, "patience": 20, "seed": 0, "records": "b" * 64}
QUANTILES = {"mean": 0.5, "p5": 0.1, "p25": 0.2, "median": 0.45, "p75": 0.6, "p95": 0.9}


class Page(HTMLParser):
    """What a page holds: its tags with attributes, its text, and the cells of its tables row by row."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.rows, self.words, self._cell = [], [], [], False
        self.source = path.read_text()
        self.feed(self.source)
        self.text = " ".join("".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self._cell = True
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._cell = False

    def handle_data(self, data):
        self.words.append(data)
        if self._cell:
            self.rows[-1][-1] += data

    def row(self, *starts_with):
        (found,) = [row for row in self.rows if row[: len(starts_with)] == list(starts_with)]
        return found

    def images(self):
        return [attributes for tag, attributes in self.tags if tag == "img"]

    def commands(self):
        inside = self.source.split("<pre>")[1].split("</pre>")[0]
        return [line.split("</code>")[0] for line in inside.split("<code>")[1:]]


def write_model(folder, config, summary=(), **training):
    """A finished model folder, with all that the report reads and no weights."""
    adapted = isinstance(config, AdaptationConfig)
    stored = {"format": 1, "kind": config.kind, "model": config.to_json(), "training": TRAINING | training}
    write_json(folder / "config.json", stored)
    terms = ["elbo_loss", "reconstruction_source", "reconstruction_target", "kl"] if adapted else ["elbo_loss", "kl"]
    columns = [*terms, *(f"val_{term}" for term in terms)]
    rows = [
        # The loss that adapt is steered by is lowest in its second epoch, all its terms are in their third.
        {"epoch": e, "loss": 1e-3, "val_loss": 1e-3 * abs(e - 2), **{c: 5 / e for c in columns}, "seconds": 2.0}
        for e in (1, 2, 3)
    ]
    write_history(folder, rows)
    values = {"source": QUANTILES, "target": QUANTILES} if adapted else QUANTILES
    written = {
        "split": "test",
        "galaxies": {"source": 20, "target": 30} if adapted else 50,
        "ssim": values,
        "ssim_window": "Gaussian",
        "data_range": 1.0,
        "latents": config.latent_dim,
        "active_units": 3,
        "collapsed": False,
        "digest": DIGEST,
    }
    if not adapted:
        kl = np.linspace(3, 0, config.latent_dim)
        written |= {"mse": QUANTILES, "kl": kl.sum(), "kl_per_latent": kl.tolist()}
    write_json(folder / "summary.json", written | dict(summary))
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 240, 3), np.uint8)).save(
        folder / "reconstructions.png"
    )
    return folder


@pytest.fixture
def model(tmp_path, records):
    config = ModelConfig(
        image_size=64, units="nanomaggy", surveys=("decals",), ceiling=(4.0,) * 3, latent_dim=40, **PAPER
    )
    return write_model(tmp_path / "vae", config, records=RecordSet.load(records).digest)


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """Votes, latents that tell them, and forests on these."""
    folder = tmp_path_factory.mktemp("known")
    catalog = votes(300)
    catalog.write(folder / "votes.csv")
    table = telling_latents(catalog, model=DIGEST)
    table.save(folder / "latents.parquet")
    before = forests_module.FOREST["n_estimators"]
    forests_module.FOREST["n_estimators"] = 5
    try:
        classify(table, catalog, folder / "gzd5")
    finally:
        forests_module.FOREST["n_estimators"] = before
    return folder, table


def write_shift(folder, **changes):
    scores = {"source": 40, "target": 40, "auc": 0.612, "mmd2": 0.01, "mmd2_p": 0.002, "mixing": 0.97, "twin": 0.875}
    scores |= dict.fromkeys(("auc_linear", "auc_trees"), 0.6) | {
        "a_distance": 0.4,
        "paired_mse": 0.1,
        "between_mse": 2.0,
    }
    scores |= {"paired_ratio": 0.05, "paired_median": 0.04}
    question = {"title": "Bar", "galaxies": 168, "classes": ["no", "strong"]}
    question |= {"balanced_accuracy": {"source before": 0.71}, "interval": {"source before": [0.6, 0.8]}}
    recovery = {"questions": 1, "drop": 0.1, "drop_after": 0.02}
    value = {"surveys": ["decals", "bass-mzls"], "split": "test", "paired": True, "scores": {"before": scores}}
    write_json(folder / "shift.json", value | {"questions": {"bar": question}, "recovery": recovery} | changes)
    return folder


def write_outliers(folder, model=DIGEST, name="J000007"):
    columns = {"id": np.array([name, "J000001"]), "survey": np.array(["decals", "decals"])}
    columns |= {"score": np.array([4.25, 0.5]), "because": np.array(["mahalanobis", "streak"])}
    columns |= {"sigma": np.array([9.0, 2.0]), "beyond_sigma": np.array([1, 0])}
    write_columns(folder / "outliers.parquet", columns, {"table": "outliers", "model": model, "sigma": 8.0})
    return folder


def write_scan(folder):
    rest = {"ssim_low": 0.69, "ssim_high": 0.71, "mse": 0.002, "kl": 60.0, "active_units": 40, "epochs": 5}
    points = tuple(
        Point("mse", latents, kind, galaxies, ssim, **rest)
        for kind, galaxies, values in (("all", 50, (0.55, 0.7)), ("round", 9, (0.6, 0.75)))
        for latents, ssim in zip((20, 40), values, strict=True)
    )
    knees = {"mse": {kind: Knee(40, "rising", 1.0, 1.0) for kind in ("all", "round")}}
    test = Point("mse", 40, "all", 47, 0.695, **rest)
    Scan("validation", points, knees, {}, "Gaussian", 1.0, folder, test=test).save(folder)
    assert Scan.load(folder).points == points
    return folder


def test_the_page_says_what_the_files_say_and_needs_nothing_else(model, known, records, tmp_path):
    folder, table = known
    page = report(
        model,
        tmp_path / "report",
        records=[records],
        latents=folder / "latents.parquet",
        catalog=folder / "votes.csv",
        forests=[folder / "gzd5"],
        shift=write_shift(tmp_path / "shift"),
        outliers=write_outliers(tmp_path / "outliers"),
        scan=write_scan(tmp_path / "scan"),
    )
    assert [file.name for file in page.parent.iterdir()] == ["index.html"] and page.stat().st_size < 5e6
    seen = Page(page)
    assert all(image["src"].startswith("data:image/webp;base64,") and image["alt"] for image in seen.images())
    assert len(seen.images()) > 12
    typed = re.findall("<code>(galkeras .*?)</code>", html.unescape(seen.source))
    at = tmp_path
    assert f"galkeras outliers {folder / 'latents.parquet'} --sigma 8 --out {at / 'outliers'}" in typed
    assert f"galkeras shift {model} SOURCE TARGET --split test --out {at / 'shift'}" in typed
    assert f"galkeras scan RECORDS --latent 20,40 --loss mse --out {at / 'scan'}" in typed
    assert not [tag for tag, _ in seen.tags if tag in ("script", "link", "iframe", "object")]
    links = [attributes["href"] for tag, attributes in seen.tags if tag == "a"]
    anchors = {attributes["id"] for tag, attributes in seen.tags if tag == "section"}
    assert {link.removeprefix("#") for link in links} == anchors and "url(" not in seen.source

    assert seen.row(str(records))[-4:] == ["61", "10", "9", "0"] and "trained on" in seen.row(str(records))
    stored = json.loads((folder / "gzd5" / "scores.json").read_text())
    scores, expected = stored["questions"], stored["shares"]["bar"]
    assert seen.row("bar", str(expected["galaxies"]))[2] == f"{expected['expected']:.1%}"
    assert (
        "expected: the mean share" in seen.text.lower() and "scores of forests on latents and a logistic" in seen.text
    )
    assert seen.row("How round?", "round") == [
        "How round?",
        "round",
        str(scores["how-rounded"]["galaxies"]["round"]),
        "10,992",
    ]
    bar = seen.row("Bar", "3")
    assert bar[3].startswith(f"{scores['bar']['accuracy']:.1%} (") and bar[4] == "76.2%"
    trusted = scores["bar"]["calibration"]["posterior means"]
    assert seen.row("Bar", "posterior means")[2].startswith(f"{trusted['brier']:.3f} (")
    assert seen.row("Bar", "168")[2:] == ["71.0% (60.0–80.0)", "82.5%", "70.6%", "86.3%"]
    assert seen.row("1")[1:] == ["J000007", "decals", "4.25", "mahalanobis"] and "1 of 2" in seen.text

    test = table.split == "test"
    types, _ = galaxy_types(table.id, votes(300))
    edge_on = table.ssim[test & [types.get(name) == "edge-on disc" for name in table.id]]
    assert seen.row("edge-on disc")[1:3] == [str(len(edge_on)), f"{edge_on.mean():.3f}"]
    assert [row[:3] for row in seen.rows if row[:1] == ["40"]] == [["40", "mse", "0.7000 (0.6900–0.7100)"]]
    assert seen.row("round", "9")[2:] == ["0.6000", "0.7500"]
    assert "--latent 40 --loss mse, chosen by 50 validation galaxies (no knee," in seen.text
    assert "SSIM 0.6950 (0.6900–0.7100) of 47 test galaxies" in seen.text


def test_what_each_forest_is_expected_to_lose_has_its_interval(model, tmp_path):
    expected = {"source": 900, "target": 800, "drop": 0.1, "interval": [0.08, 0.12], "by_chance": 0.005}
    expected |= {"by_question": {"bar": 0.11, "arms": 0.09}, "intervals": {"bar": [0.07, 0.15]}}
    shift = write_shift(tmp_path / "shift", expected={"before": expected})
    seen = Page(report(model, tmp_path / "report", shift=shift))
    assert seen.row("bar", "11.0 (7.0 to 15.0)") and seen.row("arms", "9.0")
    assert seen.row("mean over questions", "10.0 (8.0 to 12.0)") and "Does not hold. Forests of decals" in seen.text


def test_commands_to_repeat_are_commands(model, known, records, tmp_path):
    folder, _ = known
    adapted = AdaptationConfig(
        image_size=64,
        units="nanomaggy",
        surveys=("a", "b"),
        ceiling=(4.0,) * 3,
        latent_dim=40,
        **PAPER | PAPER_ADAPTATION | {"pair_weight": 1.0},
    )
    voted = ModelConfig(
        image_size=64,
        units="nanomaggy",
        surveys=("decals",),
        ceiling=(4.0,) * 3,
        latent_dim=40,
        questions=tuple((question.name, question.answers) for question in GZD5.asks),
        **PAPER,
    )
    labelled = replace(voted, questions=(("ring", ("no", "yes")),))
    for name, config, options in (
        ("voted", voted, "--catalog CATALOG --latent"),
        ("labelled", labelled, "--catalog CATALOG --label-column ring --latent"),
    ):
        write_model(tmp_path / name, config)
        commands = Page(report(tmp_path / name, tmp_path / f"{name}-report")).commands()
        assert any(f"galkeras fit RECORDS {options}" in line for line in commands)
    other = write_model(tmp_path / "da", adapted, target_records="t" * 64, paired=False, pairs_only=False)
    said = []
    for number, one in enumerate((model, other)):
        page = report(
            one,
            tmp_path / str(number),
            records=[records],
            latents=folder / "latents.parquet",
            forests=[folder / "gzd5"],
        )
        said += Page(page).commands()
    assert "<dt>best epoch</dt><dd>3</dd>" in (tmp_path / "0" / "index.html").read_text()
    assert "<dt>best epoch</dt><dd>2</dd>" in (tmp_path / "1" / "index.html").read_text()
    for line in said:
        _, name, *arguments = line.split()
        get_command(cli.app).commands[name].make_context(name, arguments)
    assert f"galkeras fit {records} --latent 40" in "\n".join(said)
    assert "galkeras adapt VAE RECORDS TARGET_RECORDS --unpaired --alignment mmd2 --mmd-weight 0.5" in "\n".join(said)


def test_noise_is_told_where_the_loss_has_learned_it(model, tmp_path):
    assert "noise of a stretched pixel" not in report(model, tmp_path / "without").read_text()
    stored = json.loads((model / "summary.json").read_text())
    write_json(model / "summary.json", stored | {"noise": {"g": 0.0214, "r": 0.019, "z": 0.025}})
    page = report(model, tmp_path / "with").read_text()
    assert "<dt>noise of a stretched pixel</dt><dd>g 0.021, r 0.019, z 0.025</dd>" in page


def test_what_is_not_given_is_a_line_with_the_command_that_makes_it(model, tmp_path):
    seen = Page(report(model, tmp_path / "report"))
    for name in ("encode", "classify", "shift", "outliers", "scan"):
        assert f"galkeras {name} " in seen.text
    assert "--records tfrecords/NAME" in seen.text and "NaN" not in seen.text and "None" not in seen.text


def test_no_name_becomes_markup(known, tmp_path):
    folder, table = known
    config = ModelConfig(
        image_size=64, units="nanomaggy", surveys=(HOSTILE,), ceiling=(4.0,) * 3, latent_dim=40, **PAPER
    )
    model = write_model(tmp_path / "<b>vae", config, {"ssim_window": HOSTILE})
    loaded = Forests.load(folder / "gzd5")
    named = {HOSTILE: replace(loaded.by_question["bar"], title=HOSTILE, classes=(HOSTILE, "$\\frac{", "<i>"))}
    replace(loaded, by_question=named).save(tmp_path / "forests")
    scores = json.loads((folder / "gzd5" / "scores.json").read_text())
    scores["questions"] = {HOSTILE: scores["questions"]["bar"] | {"title": HOSTILE}}
    scores["skipped"] = {HOSTILE: HOSTILE}
    write_json(tmp_path / "forests" / "scores.json", scores)
    surveys = np.where(np.arange(len(table)) % 2, HOSTILE, "decals")
    replace(table, survey=surveys, id=np.char.add(table.id, HOSTILE)).save(tmp_path / "latents.parquet")
    page = report(
        model,
        tmp_path / "report",
        latents=tmp_path / "latents.parquet",
        forests=[tmp_path / "forests"],
        shift=write_shift(tmp_path / "shift", surveys=[HOSTILE, "b"]),
        outliers=write_outliers(tmp_path / "outliers", name=HOSTILE),
    )
    seen = Page(page)
    tags = {tag for tag, _ in seen.tags}
    assert not tags & {"script", "b", "i"}
    assert all(image["src"].startswith("data:") for image in seen.images())
    assert not [name for _, attributes in seen.tags for name in attributes if name.startswith("on")]
    assert seen.row("1")[1] == HOSTILE and any(row[0] == HOSTILE for row in seen.rows)
    assert "script-src" not in seen.source and "default-src 'none'" in seen.source


def test_a_catalog_without_votes_is_told_where_forests_stand_in(known, tmp_path, caplog):
    folder, table = known
    (tmp_path / "c.csv").write_text("id\n" + "\n".join(table.id.tolist()) + "\n")
    assert known_of(table, tmp_path / "c.csv", [folder / "gzd5"]).source == "forests"
    said = caplog.messages[-1]
    assert "c.csv has no votes of a known decision tree (" in said and f"those that {folder / 'gzd5'} predicts" in said


def test_one_galaxy(model, known, tmp_path):
    _, table = known
    table[:1].save(tmp_path / "one.parquet")
    seen = Page(report(model, tmp_path / "report", latents=tmp_path / "one.parquet"))
    assert "1 galaxies" not in seen.text and len(seen.images()) > 4


def test_a_second_report_replaces_the_first_and_nothing_else(model, tmp_path):
    out = tmp_path / "report"
    first = report(model, out).read_text()
    with pytest.raises(GalkerasError, match=r"index.html exists: `overwrite=True` replaces it"):
        report(model, out)
    assert report(model, out, overwrite=True).read_text() == first
    (out / "notes.txt").touch()
    with pytest.raises(GalkerasError, match="holds something else"):
        report(model, out, overwrite=True)


def test_bad_input(model, known, tmp_path):
    folder, table = known
    out = tmp_path / "report"

    def fails(words, path=model, **options):
        with pytest.raises(GalkerasError, match=words):
            report(path, out, **options)
        assert not out.exists()

    def save(name, table):
        table.save(tmp_path / name)
        return tmp_path / name

    fails("is not a model folder", path=tmp_path)
    fails("give `latents` beside it", catalog=folder / "votes.csv")
    other = save("other.parquet", replace(table, model="b" * 64))
    fails("other.parquet is of model bbbbbbbbbbbb, and the report is of model aaaa", latents=other)
    fails("has no rows", latents=save("empty.parquet", table[:0]))
    write_json(tmp_path / "foreign" / "forests.json", {"model": "b" * 64})
    fails("foreign is of model bbbb", forests=[tmp_path / "foreign"])
    fails("forests.json does not exist", forests=[tmp_path])
    write_json(tmp_path / "torn" / "forests.json", {"model": DIGEST})
    write_json(tmp_path / "torn" / "scores.json", {"questions": []})
    fails("scores.json is not what `galkeras classify` writes", forests=[tmp_path / "torn"])
    fails("shift.json does not exist", shift=tmp_path)
    fails("shift.json is not what `galkeras shift` writes", shift=write_shift(tmp_path / "bad", scores=[]))
    fails("outliers.parquet does not exist", outliers=tmp_path / "none")
    fails("outliers is of model bbbb", outliers=write_outliers(tmp_path / "outliers", model="b" * 64))
    of_another = write_shift(tmp_path / "another")
    replace(table, model="b" * 64).save(of_another / "latents-source-before.parquet")
    fails("is of model bbbb", shift=of_another)
    fails("scan.json does not exist", scan=tmp_path)
    write_json(tmp_path / "torn" / "scan.json", {"points": [1]})
    fails("scan.json is not what `galkeras scan` writes", scan=tmp_path / "torn")
    fails("not a finished record set", records=[tmp_path])
    strange = votes(5)
    strange["id"] = [f"X{row}" for row in range(5)]
    strange.write(tmp_path / "strange.csv")
    fails("none of the 300 galaxies", latents=folder / "latents.parquet", catalog=tmp_path / "strange.csv")
    (model / "reconstructions.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    fails("reconstructions.png is not a readable picture")
    (model / "summary.json").unlink()
    fails("holds no finished model")


def test_a_stored_shift_comes_back(tmp_path):
    found = Shift.load(write_shift(tmp_path / "shift"))
    assert found.scores["before"].twin == 0.875 and found.questions[0].interval == {"source before": (0.6, 0.8)}
    (tmp_path / "again").mkdir()
    found.save(tmp_path / "again")
    assert Shift.load(tmp_path / "again").to_json() == found.to_json()
    with pytest.raises(GalkerasError, match=r"shift.json .*: `surveys` must be 2 values"):
        Shift.load(write_shift(tmp_path / "odd", surveys=["decals"]))


def test_a_section_is_one_entry(model, tmp_path, monkeypatch):
    def part(subject):
        path = subject.inputs.get("toy")
        if path is None:
            return None
        return Part("toy", "A toy", text=[f"{path.read_text()} for a model of {subject.summary.latents} latents"])

    monkeypatch.setitem(SECTIONS, "toy", Section(part, option="toy"))
    (tmp_path / "toy.txt").write_text("Hello")
    command = get_command(cli.app).commands["report"]
    arguments = [str(model), "--out", str(tmp_path / "report"), "--input", f"toy={tmp_path / 'toy.txt'}"]
    command.main(arguments, standalone_mode=False)
    assert "Hello for a model of 40 latents" in Page(tmp_path / "report" / "index.html").text
    assert "A toy" not in Page(report(model, tmp_path / "without")).text
    with pytest.raises(GalkerasError, match="no section of the report takes 'tow'. Did you mean 'toy'"):
        report(model, tmp_path / "wrong", inputs={"tow": tmp_path})


def test_neither_report_nor_explore_loads_tensorflow():
    code = "import sys, galkeras.reporting.report, galkeras.discovery.explore; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("every, title", [(1, "SSIM"), (3, "SSIM (grey: not scored)"), (10**6, None)])
def test_galaxies_that_were_not_scored_are_grey_on_the_map(every, title):
    table = telling_latents(votes(300))
    ssim = np.where(np.arange(1, 301) % every == 0, table.ssim, np.float32(np.nan))
    part = Part("latents", "Latents")
    latent_section._add_maps(part, replace(table, ssim=ssim), None)
    assert [picture.caption for picture in part.pictures] == ([] if title is None else [title])
    assert all("nan" not in picture.alt for picture in part.pictures)
