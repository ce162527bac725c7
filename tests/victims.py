"""The commands that `killing.py` kills, and what they read."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sky import survey, write_survey

import galkeras as gk
from galkeras.discovery.outlier_table import read_outliers
from galkeras.io.columns import FORMATS
from galkeras.io.files import read_json, sha256_of
from galkeras.latents.table import read_latents
from galkeras.models.stored import CONFIG_FILE
from galkeras.morphology.forests import Forests
from galkeras.records.inspect import damages
from galkeras.records.schema import RecordSet
from galkeras.surveys.download.ledger import read_entries

FIT = {"latent_dim": 4, "epochs": 2, "batch_size": 16, "architecture": "paper", "loss": "mse", "learning_rate": 1e-3}
SERVICE = "KILLING_SERVICE"
"""The variable that holds the address of the cutout service."""
SERVER = "KILLING_SERVER"
"""The variable that holds the address of the server of `SERVED`."""
SERVED = "served"
"""The model folder, among the inputs, that is served."""


def tree(folder: Path) -> dict[str, str]:
    """Return what is in a folder: paths and checksums; locks, which hold nothing, are left out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and path.stat().st_size == 0 and path.name == "lock":
            continue
        found[name] = "folder" if path.is_dir() else sha256_of(path)
    return found


@dataclass
class Command:
    """A command to kill.

    Attributes:
        run: Does it, given the folder of inputs and that of outputs, and whether finished work may be replaced.
        accept: Reads what it wrote, and returns what it says as JSON can hold it; what it raises of anything
            unfinished must be a `GalkerasError`, and what it accepts must say the same as finished work.
        before: What is there when it starts, made by the command with other settings; nothing where None.
        told: What must be the same after a kill and a rerun as undisturbed.
        heavy: Whether it computes with TensorFlow.
    """

    run: Callable[[Path, Path, bool], object]
    accept: Callable[[Path], object] = lambda out: None
    before: Callable[[Path, Path], object] | None = None
    told: Callable[[Path], object] = tree
    heavy: bool = False


def _records(inputs: Path, out: Path, **options: Any) -> None:
    options = {"workers": 1, **options}
    gk.make_tfrecords(inputs / "catalog.csv", inputs / "cutouts", out / "records", **options)


def _accept_records(out: Path) -> None:
    if found := list(damages(RecordSet.load(out / "records"))):
        raise AssertionError(f"a finished record set is damaged: {found[0]}")


def _classify(inputs: Path, out: Path, overwrite: bool, seed: int = 0) -> None:
    gk.classify(
        inputs / "latents.npz", inputs / "votes.csv", out / "f", label_column="bar", seed=seed, overwrite=overwrite
    )


def _similar(inputs: Path, out: Path, overwrite: bool) -> None:
    sets = [inputs / "records"]
    gk.similar(inputs / "galaxies.npz", ["g0001"], out / "s", count=3, records=sets, overwrite=overwrite)


def _latents(extension: str) -> Command:
    def run(inputs: Path, out: Path, overwrite: bool) -> None:
        read_latents(inputs / "latents.npz").save(out / f"l{extension}")

    def before(inputs: Path, out: Path) -> None:
        read_latents(inputs / "galaxies.npz").save(out / f"l{extension}")

    return Command(run, _accept_table(f"l{extension}"), before)


def _accept_table(name: str) -> Callable[[Path], object]:
    def accept(out: Path) -> object:
        table = read_latents(out / name)
        return [len(table), table.z.astype(float).sum()]

    return accept


def _download(inputs: Path, out: Path, overwrite: bool) -> None:
    options = {"size": 16, "rate": 1000.0, "connections": 3, "service": os.environ[SERVICE]}
    gk.download(inputs / "few.csv", ["ls-dr9-south", "ls-dr9-north"], [out / "south", out / "north"], **options)


def _accept_download(out: Path) -> None:
    for folder in (out / "south", out / "north"):
        for entry in read_entries(folder).values() if folder.exists() else ():
            assert entry.status != "ok" or sha256_of(folder / entry.file) == entry.sha256, entry


def _measure(inputs: Path, out: Path, overwrite: bool) -> None:
    model, forests = inputs / "vae", inputs / "its-forests"
    gk.measure(inputs / "some", model=model, out=out / "t.parquet", forests=forests, overwrite=overwrite)


def _accept_model(out: Path) -> object:
    from galkeras.models.folder import load_model

    return load_model(out / "m").digest


def _told_of_model(out: Path) -> object:
    """Weights, figures and losses: what holds times, and HDF5 files, whose bytes differ, are read."""
    from galkeras.training.history import read_history

    found = {k: v for k, v in tree(out).items() if not k.startswith("m/tensorboard/") and not k.endswith(".h5")}
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in read_history(out / "m")]
    config = read_json(out / "m" / CONFIG_FILE)
    for name in (CONFIG_FILE, "history.csv"):
        found[f"m/{name}"] = "there"
    return [found, rows, config["model"], config["training"], _accept_model(out)]


def _fit(inputs: Path, out: Path, overwrite: bool, **options: Any) -> None:
    # As a user would who was interrupted.
    begun = (out / "m" / CONFIG_FILE).exists()
    gk.fit(inputs / "south" / "records", out / "m", **FIT | options, resume=begun, quiet=True)


def _adapt(inputs: Path, out: Path, overwrite: bool) -> None:
    begun = (out / "m" / CONFIG_FILE).exists()
    sets = (inputs / name / "records" for name in ("south", "north"))
    gk.adapt(inputs / "vae", *sets, out / "m", epochs=2, batch_size=8, resume=begun)


def _shift(inputs: Path, out: Path, overwrite: bool) -> None:
    sets = (inputs / name / "records" for name in ("south", "north"))
    gk.shift(inputs / "vae", *sets, out / "s", split="all", overwrite=overwrite)


def _accept_shift(out: Path) -> object:
    from galkeras.evaluation.shift.result import Shift

    return Shift.load(out / "s").to_json()


def _scan(inputs: Path, out: Path, overwrite: bool) -> None:
    options = {"epochs": 1, "batch_size": 16, "architecture": "paper"}
    gk.scan(inputs / "south" / "records", out / "s", latent_dim=[2, 3], loss=["mse"], **options)


def _told_of_scan(out: Path) -> object:
    return [(out / "s" / "scan.csv").read_text(), sorted(path.name for path in (out / "s").rglob("*.parquet"))]


def _model_to_export(inputs: Path, out: Path) -> None:
    shutil.copytree(inputs / "vae", out / "vae")


def _export(inputs: Path, out: Path, overwrite: bool) -> None:
    gk.export(out / "vae", forests=inputs / "its-forests", version=1)


def _accept_export(out: Path) -> object:
    import numpy as np

    from galkeras.backend import tf

    if not (out / "vae" / "1").exists():
        return None
    loaded = tf.saved_model.load(str(out / "vae" / "1"))
    images = tf.constant(np.random.default_rng(0).normal(size=(2, 64, 64, 3)).astype(np.float32))
    found = loaded.signatures["measure"](images)
    return {name: np.asarray(values).tolist() for name, values in found.items() if values.dtype != tf.string}


def _told_of_export(out: Path) -> object:
    return [sorted(name for name in tree(out)), _accept_export(out)]


def _generate(inputs: Path, out: Path, overwrite: bool) -> None:
    gk.generate(inputs / "vae", out / "g", count=3, sampling="prior", overwrite=overwrite)


def _report(inputs: Path, out: Path, overwrite: bool) -> None:
    given = {"records": [inputs / "south" / "records"], "latents": inputs / "its.npz", "forests": []}
    gk.report(inputs / "vae", out / "r", **given, overwrite=overwrite)


COMMANDS = {
    "make-tfrecords": Command(lambda i, o, _: _records(i, o), _accept_records),
    "make-tfrecords, in another's place": Command(
        lambda i, o, _: _records(i, o), _accept_records, lambda i, o: _records(i, o, shard_megabytes=0.1)
    ),
    "make-tfrecords, two workers": Command(
        lambda i, o, _: _records(i, o, workers=2, shard_megabytes=0.3), _accept_records
    ),
    "download": Command(_download, _accept_download),
    "classify": Command(_classify, lambda out: sorted(Forests.load(out / "f").by_question)),
    "classify, in another's place": Command(
        _classify, lambda out: sorted(Forests.load(out / "f").by_question), lambda i, o: _classify(i, o, False, seed=1)
    ),
    "predict": Command(
        lambda i, o, w: gk.predict(
            i / "latents.npz",
            i / "forests",
            o / "p.parquet",
            catalog=i / "votes.csv",
            label_column="bar",
            overwrite=w,
        )
    ),
    "align": Command(
        lambda i, o, w: gk.align(i / "latents.npz", i / "north.npz", o / "a.parquet", overwrite=w),
        _accept_table("a.parquet"),
    ),
    "outliers": Command(
        lambda i, o, w: gk.outliers(i / "galaxies.npz", o / "o", records=[i / "records"], overwrite=w),
        lambda out: len(read_outliers(out / "o").id),
    ),
    "inspect": Command(lambda i, o, _: gk.inspect(i / "records", mosaic=o / "mosaic.png")),
    "similar": Command(_similar),
    "explore": Command(lambda i, o, w: gk.explore(i / "galaxies.npz", [i / "records"], o / "e", overwrite=w)),
    "mock": Command(lambda i, o, _: gk.mock(o / "m", 3, ["decals"], size=32, workers=1)),
    **{f"latent table {one}": _latents(one) for one in FORMATS},
    "report": Command(_report),
    "encode": Command(
        lambda i, o, w: gk.encode(i / "vae", i / "south" / "records", o / "l.parquet", overwrite=w),
        _accept_table("l.parquet"),
        heavy=True,
    ),
    "measure": Command(_measure, _accept_table("t.parquet"), heavy=True),
    "request": Command(
        lambda i, o, w: gk.request(os.environ[SERVER], i / "some", o / "t.parquet", overwrite=w),
        _accept_table("t.parquet"),
        heavy=True,
    ),
    "generate": Command(_generate, _accept_table("g/latents.parquet"), heavy=True),
    "generate, in another's place": Command(
        _generate,
        _accept_table("g/latents.parquet"),
        lambda i, o: gk.generate(i / "vae", o / "g", count=2, sampling="prior"),
        heavy=True,
    ),
    "shift": Command(_shift, _accept_shift, heavy=True),
    "export": Command(_export, _accept_export, _model_to_export, told=_told_of_export, heavy=True),
    "fit": Command(_fit, _accept_model, told=_told_of_model, heavy=True),
    "adapt": Command(_adapt, _accept_model, told=_told_of_model, heavy=True),
    "scan": Command(_scan, told=_told_of_scan, heavy=True),
}


def inputs_of(folder: Path, heavy: bool) -> None:
    """Write what the commands read; ``heavy`` ones a model, too."""
    from cutout_service import write_catalog
    from latents.tables import latent_table
    from morphology.data import telling_latents, votes

    write_survey(folder, 40, 48)
    gk.make_tfrecords(folder / "catalog.csv", folder / "cutouts", folder / "records", workers=1)
    latent_table(40, id=[f"g{index:04d}" for index in range(40)]).save(folder / "galaxies.npz")
    catalog = votes(120)
    catalog["bar"] = ["yes" if value > 0 else "no" for value in catalog["bar_strong_fraction"]]
    catalog["id", "bar"].write(folder / "votes.csv", format="ascii.csv")
    telling = telling_latents(catalog)
    telling.save(folder / "latents.npz")
    replace(telling, survey=np.full(len(telling), "bass-mzls"), z=1.5 * telling.z).save(folder / "north.npz")
    gk.classify(folder / "latents.npz", folder / "votes.csv", folder / "forests", label_column="bar")
    write_catalog(folder / "few.csv", 6)
    if not heavy:
        return
    for name, survey_name in (("south", "decals"), ("north", "bass-mzls")):
        survey(folder / name, survey_name, range(48))
    gk.fit(folder / "south" / "records", folder / "vae", **FIT | {"epochs": 1}, quiet=True)
    latents = gk.encode(folder / "vae", folder / "south" / "records", folder / "its.npz").table
    labels = catalog[: len(latents)]["id", "bar"]
    labels["id"] = latents.id
    gk.classify(latents, labels, folder / "its-forests", label_column="bar", trees=10)
    shutil.copytree(folder / "vae", folder / SERVED)
    gk.export(folder / SERVED, forests=folder / "its-forests")
    shutil.copytree(folder / "south" / "cutouts", folder / "some")
    for path in sorted((folder / "some").iterdir())[6:]:
        path.unlink()
    (folder / "some" / "g000.fits").write_bytes(b"no galaxy")
