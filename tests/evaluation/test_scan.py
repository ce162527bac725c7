import csv
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from latents.tables import latent_table
from morphology.data import votes
from sky import write_csv, write_survey
from typer.testing import CliRunner

from galkeras import cli
from galkeras.evaluation.scan import scan as scan_module
from galkeras.evaluation.scan.knee import bootstrap_means
from galkeras.evaluation.scan.report import Scan
from galkeras.evaluation.scan.scan import scan
from galkeras.evaluation.scan.types import galaxy_types
from galkeras.galaxyzoo.trees.gzd5 import GZD5
from galkeras.io.errors import GalkerasError
from galkeras.io.files import write_json
from galkeras.latents import encode as encode_module
from galkeras.records.make import make_tfrecords
from galkeras.records.pairs import index_galaxies
from galkeras.records.schema import RecordSet
from galkeras.training import fit as fit_module
from galkeras.training.stored import FitSummary, Quantiles

REPORTS = {"scan.csv", "scan.json", "scan.png"}


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A record set of 300 small blobs: some 30 of them choose, some 30 are tested on."""
    folder = tmp_path_factory.mktemp("survey")
    catalog, cutouts = write_survey(folder, 300, 16)
    make_tfrecords(catalog, cutouts, folder / "records", workers=1)
    return folder / "records"


def summarised(latents):
    """What fit says of a model, all of whose latents are active."""
    return FitSummary(
        split="test",
        ssim_window="Gaussian",
        data_range=1.0,
        latents=latents,
        active_units=latents,
        collapsed=False,
        digest="",
        galaxies=30,
        ssim=Quantiles.of(np.ones(30)),
        mse=Quantiles.of(np.zeros(30)),
        kl=float(latents),
        kl_per_latent=(1.0,) * latents,
    )


@pytest.fixture
def fitted(monkeypatch):
    """In place of fits, folders and latent tables of known SSIM; the list of what was fitted and what encoded.

    SSIM of mse with 10, 40 and 100 latents is by split: the bend is at 40.
    """
    curves = {"validation": [0.3, 0.6, 0.65], "test": [0.3, 0.6, 0.65]}
    done = SimpleNamespace(fits=[], encoded=[], curves=curves)

    def fit(records, out, *, latent_dim, loss, seed, resume, quiet, **settings):
        assert resume and quiet
        if not (out / "model.weights.h5").exists():
            done.fits.append((loss, latent_dim))
            out.mkdir(parents=True)
            config = {"format": 1, "kind": "vae", "model": {}, "training": settings}
            (out / "config.json").write_text(json.dumps(config))
            (out / "model.weights.h5").write_text("")
            summarised(latent_dim).save(out)
            (out / "history.csv").write_text("epoch,seconds\n1,2.5\n2,2.5\n")
        return SimpleNamespace(digest=f"{loss}{latent_dim}")

    def encode(folder, records, path, splits, scores, overwrite):
        assert overwrite and scores == "all"
        done.encoded.append(path.stem)
        loss, latent = folder.name.split("-")
        (split,) = splits
        ids = index_galaxies(RecordSet.load(records), (split,)).id
        # mae is below mse; what is between galaxies is the same in every model.
        ssim = np.interp(int(latent), [10, 40, 100], done.curves[split]) - 0.05 * (loss == "mae")
        ssim += 0.1 * (np.arange(len(ids)) % 3) + np.random.default_rng(int(latent)).normal(0, 0.002, len(ids))
        columns = {"id": ids, "ssim": ssim.astype("f"), "split": np.full(len(ids), split)}
        latent_table(len(ids), int(latent), **columns, model=f"{loss}{int(latent)}").save(path)

    monkeypatch.setattr(scan_module, "in_child", lambda work, tasks: (work(*task) for task in tasks))
    monkeypatch.setattr(fit_module, "fit", fit)
    monkeypatch.setattr(encode_module, "encode", encode)
    return done


def test_it_finds_the_bend_and_writes_it(many, fitted, tmp_path, caplog):
    done = scan(many, tmp_path / "s", latent_dim=(100, 10, 20, 40, 60, 80), loss=("mse", "mae"))
    assert fitted.fits == [(loss, n) for loss in ("mse", "mae") for n in (10, 20, 40, 60, 80, 100)]
    assert {loss: (of["all"].latents, of["all"].kind) for loss, of in done.knees.items()} == {
        "mse": (40, "knee"),
        "mae": (40, "knee"),
    }
    galaxies, tested = (RecordSet.load(many).count(split) for split in ("validation", "test"))
    assert done.recommendation.startswith(
        f"--latent 40 --loss mse, chosen by {galaxies} validation galaxies (its knee in "
    )
    lines = caplog.messages
    assert len(lines) == 12 and lines[2].startswith("[3/12] mse 40: validation SSIM 0.")
    assert lines[2].endswith("2 epochs, 5 s")
    assert REPORTS < {path.name for path in (tmp_path / "s").iterdir()}
    rows = list(csv.DictReader((tmp_path / "s" / "scan.csv").read_text().splitlines()))
    assert [(row["loss"], int(row["latents"])) for row in rows] == fitted.fits
    for row in rows:
        assert float(row["ssim_low"]) < float(row["ssim"]) < float(row["ssim_high"])
        assert (row["split"], row["type"], int(row["galaxies"])) == ("validation", "all", galaxies)
        assert row["active_units"] == row["latents"]
    stored = json.loads((tmp_path / "s" / "scan.json").read_text())
    assert stored["recommended"] == {"loss": "mse", "latents": 40} and stored["split"] == "validation"
    assert len(stored["points"]) == 12 and stored["data_range"] == 1
    # Of the model that is recommended alone, the galaxies that had no say.
    assert fitted.encoded[12:] == ["mse-040-test"] and Scan.load(tmp_path / "s") == done
    ssim = scan_module.read_latents(tmp_path / "s" / "latents" / "mse-040-test.parquet").ssim.astype(float)
    assert done.test.galaxies == tested == len(ssim) and done.test.ssim == pytest.approx(ssim.mean())
    bounds = np.percentile(bootstrap_means(ssim[:, None]), (2.5, 97.5))
    assert (done.test.ssim_low, done.test.ssim_high) == pytest.approx(tuple(bounds))
    interval = f"({bounds[0]:.4f}–{bounds[1]:.4f})"
    assert done.recommendation.endswith(f"latents): SSIM {ssim.mean():.4f} {interval} of {tested} test galaxies")


def test_test_galaxies_have_no_say_in_the_choice(many, fitted, tmp_path):
    options = {"latent_dim": [10, 40, 100], "loss": ["mse", "mae"]}
    one = scan(many, tmp_path / "one", **options)
    # By these the fewest latents would be the best.
    fitted.curves["test"] = [0.9, 0.5, 0.1]
    other = scan(many, tmp_path / "other", **options)
    assert other.points == one.points and other.knees == one.knees
    assert one.chosen == other.chosen == ("mse", 40)
    assert one.test.ssim - other.test.ssim == pytest.approx(0.1, abs=1e-6)


def test_a_scan_that_the_test_split_chose_is_scored_anew(many, fitted, tmp_path):
    options = {"latent_dim": [10, 40, 100], "loss": ["mse"]}
    done = scan(many, tmp_path / "s", **options)
    # What it was before: latents of the test split by the names of today's, and nothing said of a test.
    ids = index_galaxies(RecordSet.load(many), ("test",)).id
    split = np.full(len(ids), "test")
    for count in options["latent_dim"]:
        old = latent_table(len(ids), count, id=ids, split=split, model=f"mse{count}")
        old.save(tmp_path / "s" / "latents" / f"mse-{count:03d}.parquet")
    old = replace(done, split="test", test=None)
    old.save(tmp_path / "s")
    assert Scan.load(tmp_path / "s") == old and " test galaxies (" in old.recommendation
    assert old.recommendation.endswith("of the same")
    before, fits = list(fitted.encoded), list(fitted.fits)
    assert scan(many, tmp_path / "s", **options) == done
    assert fitted.encoded == [*before, "mse-010", "mse-040", "mse-100"] and fitted.fits == fits


def test_without_test_galaxies_none_are_told_of(many, fitted, tmp_path, monkeypatch):
    # A set of so few galaxies that the split leaves none; the shards of `many` are only not asked for.
    monkeypatch.setattr(RecordSet, "count", lambda self, *splits: 0 if splits == ("test",) else 30)
    done = scan(many, tmp_path / "s", latent_dim=[10, 40, 100], loss=["mse"])
    assert done.test is None and "test" not in json.loads((tmp_path / "s" / "scan.json").read_text())
    assert done.recommendation.endswith("of the same") and Scan.load(tmp_path / "s") == done


def test_a_test_of_another_model_is_refused(many, fitted, tmp_path):
    scan(many, tmp_path / "s", latent_dim=[10, 40, 100], loss=["mse"])
    value = json.loads((tmp_path / "s" / "scan.json").read_text())
    write_json(tmp_path / "s" / "scan.json", value | {"test": value["test"] | {"latents": 10}})
    with pytest.raises(GalkerasError, match="`test` must be of the recommended model"):
        Scan.load(tmp_path / "s")


def test_a_scan_knows_how_it_was_called_and_typed_again_is_the_same(many, fitted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = "scan {} --latent 10,40 --loss mae,mse --epochs 4 --seed 2 --out {}"
    one = CliRunner().invoke(cli.app, words.format(many, "one").split(), catch_exceptions=False)
    line = Scan.load("one").call.line("other")
    assert one.exit_code == 0 and sorted(line.split()) == sorted(words.format(many, "other").split() + ["galkeras"])
    CliRunner().invoke(cli.app, line.split()[1:], catch_exceptions=False)
    assert Path("one/scan.json").read_bytes() == Path("other/scan.json").read_bytes()
    # What is in memory has no place, and defaults are left out.
    catalog = votes(300)
    catalog["id"] = [f"g{index:04d}" for index in range(300)]
    scan(many, tmp_path / "s", catalog=catalog)
    assert Scan.load("s").call.line("s") == f"galkeras scan {many} --catalog CATALOG --out s"


def test_rate_and_distortion_are_those_of_the_latent_table(many, fitted, tmp_path):
    point = scan(many, tmp_path / "s", latent_dim=[10], loss=["mse"]).points[0]
    table = scan_module.read_latents(tmp_path / "s" / "latents" / "mse-010.parquet")
    z, log_var = table.z.astype(float), table.log_var.astype(float)
    assert point.kl == pytest.approx(np.mean(np.sum(0.5 * (z**2 + np.exp(log_var) - 1 - log_var), 1)), rel=1e-5)
    assert point.mse == pytest.approx(table.reconstruction_mse.mean(), rel=1e-5)


def test_what_is_done_is_not_done_again(many, fitted, tmp_path, caplog):
    scan(many, tmp_path / "s", latent_dim=[20, 40], loss=["mse"])
    before = list(fitted.fits)
    done = scan(many, tmp_path / "s", latent_dim=[10, 20, 40], loss=["mse"])
    assert fitted.fits == [*before, ("mse", 10)]
    assert fitted.encoded == ["mse-020", "mse-040", "mse-040-test", "mse-010"]
    assert [point.latents for point in done.points] == [10, 20, 40]
    assert caplog.text.count("there already") == 2
    # A damaged table, or one of a model that was fitted anew, is made again.
    (tmp_path / "s" / "latents" / "mse-010.parquet").write_bytes(b"PAR1 and no more")
    latent_table(5, 20).save(tmp_path / "s" / "latents" / "mse-020.parquet")
    again = scan(many, tmp_path / "s", latent_dim=[10, 20, 40], loss=["mse"])
    assert fitted.encoded[4:] == ["mse-010", "mse-020"] and again.points == done.points


def test_an_interrupted_scan_goes_on(many, fitted, tmp_path, monkeypatch, caplog):
    fit = fit_module.fit

    def interrupted(records, out, *, latent_dim, **options):
        if latent_dim == 40:
            raise KeyboardInterrupt
        return fit(records, out, latent_dim=latent_dim, **options)

    monkeypatch.setattr(fit_module, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        scan(many, tmp_path / "s", latent_dim=[20, 40], loss=["mse"])
    assert "the same command goes on" in caplog.text
    assert not REPORTS & {path.name for path in (tmp_path / "s").iterdir()}
    monkeypatch.setattr(fit_module, "fit", fit)
    scan(many, tmp_path / "s", latent_dim=[20, 40], loss=["mse"])
    assert fitted.fits == [("mse", 20), ("mse", 40)]


def types_of(many):
    """A catalog in which every second validation galaxy is a round one and the others edge-on, and one is neither."""
    ids = index_galaxies(RecordSet.load(many), ("validation",)).id
    catalog = votes(len(ids))
    catalog["id"] = ids
    smooth = np.arange(len(ids)) % 2 == 0
    for answer, on in (("smooth", smooth), ("featured-or-disk", ~smooth), ("artifact", False)):
        catalog[f"smooth-or-featured_{answer}_fraction"] = np.where(on, 1.0, 0.0)
    for question in ("how-rounded", "disk-edge-on"):
        for place, answer in enumerate(GZD5.questions[question].answers):
            catalog[f"{question}_{answer}_fraction"] = float(place == 0)
    catalog["how-rounded_round_fraction"][0] = catalog["how-rounded_in-between_fraction"][0] = 0.5
    return ids, catalog, smooth


def test_types_are_those_of_the_first_branches(many):
    ids, catalog, smooth = types_of(many)
    types, left_out = galaxy_types(ids, catalog)
    # The first is as round as in-between.
    expected = {name: "round" if even else "edge-on disc" for name, even in zip(ids[1:], smooth[1:], strict=True)}
    assert types == expected and not left_out
    assert list(dict.fromkeys(types.values())) == [kind for kind in GZD5.types if kind in ("round", "edge-on disc")]
    _, left_out = galaxy_types(ids[:14], catalog)
    assert left_out == {"edge-on disc": 7, "round": 6}


def test_a_scan_by_type(many, fitted, tmp_path):
    ids, catalog, smooth = types_of(many)
    done = scan(many, tmp_path / "s", latent_dim=[10, 40, 100], loss=["mse"], catalog=catalog)
    assert list(done.knees["mse"]) == ["all", "round", "edge-on disc"]
    table = scan_module.read_latents(tmp_path / "s" / "latents" / "mse-040.parquet")
    for kind, mask in (("all", np.full(len(ids), True)), ("edge-on disc", ~smooth)):
        point = done.curve("mse", kind)[1]
        assert (point.latents, point.galaxies) == (40, mask.sum())
        assert point.ssim == pytest.approx(table.ssim[mask].mean(), rel=1e-5)
    assert (tmp_path / "s" / "scan.png").stat().st_size > 10_000


def test_types_of_a_column(many, fitted, tmp_path):
    ids = index_galaxies(RecordSet.load(many), ("validation",)).id.tolist()
    labels = ["ring"] * 15 + ["none"] * (len(ids) - 20) + [""] * 5
    labels[0] = "merger"
    catalog = write_csv(tmp_path / "c.csv", {"id": ids, "kind": labels})
    options = {"latent_dim": [10, 20], "loss": ["mse"]}
    with pytest.raises(GalkerasError, match="`label_column`"):
        scan(many, tmp_path / "s", **options, catalog=catalog)
    with pytest.raises(GalkerasError, match="Did you mean 'kind'"):
        scan(many, tmp_path / "s", **options, catalog=catalog, label_column="knd")
    assert not fitted.fits and not (tmp_path / "s").exists()
    done = scan(many, tmp_path / "s", **options, catalog=catalog, label_column="kind")
    counts = {kind: done.curve("mse", kind)[0].galaxies for kind in done.knees["mse"]}
    assert counts == {"all": len(ids), "ring": 14, **({"none": len(ids) - 20} if len(ids) >= 30 else {})}
    assert done.left_out["merger"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latent_dim": [10, 10]}, "`latent_dim` must be different whole numbers"),
        ({"latent_dim": [0]}, "from 1 to 4096. Received: latent_dim='0'"),
        ({"latent_dim": [10.5]}, "whole numbers"),
        ({"latent_dim": []}, "`latent_dim`"),
        ({"loss": ["mse", "maee"]}, "Did you mean 'mae'"),
        ({"loss": ["mse", "mse"]}, "each once"),
        ({"loss": []}, "`loss`"),
        ({"label_column": "kind"}, "`label_column` needs `catalog`"),
        ({"catalog": "none.csv"}, "none.csv does not exist"),
    ],
)
def test_bad_settings_are_named_and_nothing_is_written(many, fitted, tmp_path, options, message):
    with pytest.raises(GalkerasError, match=message):
        scan(many, tmp_path / "s", **options)
    assert not fitted.fits and not (tmp_path / "s").exists()


def test_a_folder_that_holds_something_else_is_left_alone(many, fitted, tmp_path):
    (tmp_path / "thesis.tex").write_text("do not lose this")
    with pytest.raises(GalkerasError, match=r"holds something else \(thesis.tex\)"):
        scan(many, tmp_path)
    with pytest.raises(GalkerasError, match="thesis.tex is a file"):
        scan(many, tmp_path / "thesis.tex")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_set_without_validation_galaxies_is_refused(tmp_path):
    catalog, cutouts = write_survey(tmp_path, 3, 64)
    make_tfrecords(catalog, cutouts, tmp_path / "records", workers=1)
    with pytest.raises(GalkerasError, match="validation"):
        scan(tmp_path / "records", tmp_path / "s")
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--latent", "10,many"], "with commas between, as in 10,20,40. Received: '10,many'"),
        (["--latent", "10,,20"], "with commas between"),
        (["--loss", "rmse"], "of gaussian, mse, huber, mae, each once. Received: loss='rmse'"),
    ],
)
def test_the_command_line_refuses_what_is_no_list(many, tmp_path, arguments, message):
    result = CliRunner().invoke(cli.app, ["scan", str(many), "--out", str(tmp_path / "s"), *arguments])
    assert isinstance(result.exception, GalkerasError) and message in str(result.exception)
    assert not (tmp_path / "s").exists()


def test_real_fits(records, tmp_path, caplog):
    options = {"loss": ["mse"], "epochs": 2, "batch_size": 16, "architecture": "paper", "learning_rate": 1e-3}
    done = scan(records, tmp_path / "s", latent_dim=[2, 4], **options)
    assert all(point.active_units <= point.latents and point.epochs == 2 for point in done.points)
    summary = json.loads((tmp_path / "s" / "models" / "mse-004" / "summary.json").read_text())
    assert done.points[1].active_units == summary["active_units"] and done.split == "validation"
    loss, latents = done.chosen
    summary = json.loads((tmp_path / "s" / "models" / f"{loss}-{latents:03d}" / "summary.json").read_text())
    assert (done.test.galaxies, summary["split"]) == (summary["galaxies"], "test")
    assert done.test.ssim == pytest.approx(summary["ssim"]["mean"], rel=1e-4)
    assert done.test.kl == pytest.approx(summary["kl"], rel=1e-3)
    assert len(caplog.messages) == 2
    with pytest.raises(GalkerasError, match="models/mse-002 was begun with epochs=2, not 3"):
        scan(records, tmp_path / "s", latent_dim=[1, 2, 4], **options | {"epochs": 3})
    assert not (tmp_path / "s" / "models" / "mse-001").exists()
