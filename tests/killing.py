"""Commands that are killed at every operation on files, and run again.

    python tests/killing.py --most 1000 --out kills.json

runs each command undisturbed, counts the files that it opens to write, renames, removes and makes, and then, for each
of these, runs it anew, is killed (SIGKILL) there, asks the reader of its output what it makes of that, and runs it
again.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from sky import write_survey  # noqa: E402

from galkeras.discovery.explore import explore  # noqa: E402
from galkeras.discovery.outlier_table import read_outliers  # noqa: E402
from galkeras.discovery.outliers import outliers  # noqa: E402
from galkeras.discovery.similar import similar  # noqa: E402
from galkeras.io.errors import GalkerasError  # noqa: E402
from galkeras.latents.table import read_latents  # noqa: E402
from galkeras.morphology.classify import classify  # noqa: E402
from galkeras.morphology.forests import Forests  # noqa: E402
from galkeras.morphology.predict import predict  # noqa: E402
from galkeras.records.inspect import damages  # noqa: E402
from galkeras.records.make import make_tfrecords  # noqa: E402
from galkeras.records.schema import RecordSet  # noqa: E402
from galkeras.simulation.survey_pair import mock  # noqa: E402

_EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@dataclass
class Command:
    """A command to kill.

    Attributes:
        run: Does it, given the folder of inputs and that of outputs, and whether finished work may be replaced.
        accept: Reads what it wrote; what it raises of anything unfinished must be a `GalkerasError`.
        before: What is there when it starts, made by the command with other settings; nothing where None.
    """

    run: Callable[[Path, Path, bool], object]
    accept: Callable[[Path], object]
    before: Callable[[Path, Path], object] | None = None


@dataclass
class Tally:
    """What came of the kills of a command."""

    operations: int = 0
    kills: int = 0
    troubles: list[str] = field(default_factory=list)


def _records(inputs: Path, out: Path, **options: object) -> None:
    make_tfrecords(inputs / "catalog.csv", inputs / "cutouts", out / "records", workers=1, **options)


def _accept_records(out: Path) -> None:
    if found := list(damages(RecordSet.load(out / "records"))):
        raise AssertionError(f"a finished record set is damaged: {found[0]}")


def _classify(inputs: Path, out: Path, overwrite: bool, seed: int = 0) -> None:
    classify(
        inputs / "latents.npz", inputs / "votes.csv", out / "f", label_column="bar", seed=seed, overwrite=overwrite
    )


def _similar(inputs: Path, out: Path, overwrite: bool) -> None:
    sets = [inputs / "records"]
    similar(inputs / "galaxies.npz", ["g0001"], out / "s", count=3, records=sets, overwrite=overwrite)


def _latents(extension: str) -> Command:
    def run(inputs: Path, out: Path, overwrite: bool) -> None:
        read_latents(inputs / "latents.npz").save(out / f"l{extension}")

    def before(inputs: Path, out: Path) -> None:
        read_latents(inputs / "galaxies.npz").save(out / f"l{extension}")

    return Command(run, lambda out: read_latents(out / f"l{extension}"), before)


COMMANDS = {
    "make-tfrecords": Command(lambda i, o, _: _records(i, o), _accept_records),
    "make-tfrecords, in another's place": Command(
        lambda i, o, _: _records(i, o), _accept_records, lambda i, o: _records(i, o, shard_megabytes=0.1)
    ),
    "classify": Command(_classify, lambda out: Forests.load(out / "f")),
    "classify, in another's place": Command(
        _classify, lambda out: Forests.load(out / "f"), lambda i, o: _classify(i, o, False, seed=1)
    ),
    "predict": Command(
        lambda i, o, w: predict(i / "latents.npz", i / "forests", o / "p.parquet", overwrite=w), lambda out: None
    ),
    "outliers": Command(
        lambda i, o, w: outliers(i / "galaxies.npz", o / "o", records=[i / "records"], overwrite=w),
        lambda out: read_outliers(out / "o"),
    ),
    "similar": Command(_similar, lambda out: None),
    "explore": Command(
        lambda i, o, w: explore(i / "galaxies.npz", [i / "records"], o / "e", overwrite=w), lambda out: None
    ),
    "mock": Command(lambda i, o, _: mock(o / "m", 3, ["decals"], size=32, workers=1), lambda out: None),
    **{f"latent table {one}": _latents(one) for one in (".parquet", ".fits", ".ecsv", ".csv", ".npz")},
}


def inputs_of(folder: Path) -> None:
    """Write what the commands read."""
    from latents.tables import latent_table
    from morphology.data import telling_latents, votes

    write_survey(folder, 40, 48)
    make_tfrecords(folder / "catalog.csv", folder / "cutouts", folder / "records", workers=1)
    latent_table(40, id=[f"g{index:04d}" for index in range(40)]).save(folder / "galaxies.npz")
    catalog = votes(120)
    catalog["bar"] = ["yes" if value > 0 else "no" for value in catalog["bar_strong_fraction"]]
    catalog["id", "bar"].write(folder / "votes.csv", format="ascii.csv")
    telling_latents(catalog).save(folder / "latents.npz")
    classify(folder / "latents.npz", folder / "votes.csv", folder / "forests", label_column="bar")


def in_fork(work: Callable[[], object], log: Path) -> int:
    """Do some work in a child process and return how it ended; what it says goes into a log."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1), os.dup2(file, 2)
        warnings.simplefilter("ignore")
        work()
        code = 0
    except GalkerasError as error:
        print(error, flush=True)
        code = 3
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        sys.stdout.flush()
        os._exit(code)


def killed_at(count: int, folder: Path, work: Callable[[], object], counter: Path | None = None) -> None:
    """Do some work, and be killed before its operation of this number on files below a folder; count them if not."""
    seen = 0

    def hook(event: str, arguments: tuple) -> None:
        nonlocal seen
        if event not in _EVENTS or not str(arguments[0]).startswith(str(folder)):
            return
        if event == "open" and not (arguments[2] or 0) & _WRITES:
            return
        seen += 1
        if seen == count:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    work()
    if counter is not None:
        total = seen
        counter.write_text(str(total))


def tree(folder: Path) -> dict[str, str]:
    """Return what is in a folder: paths and checksums; locks, which hold nothing, are left out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and path.stat().st_size == 0 and path.name == "lock":
            continue
        found[name] = "folder" if path.is_dir() else _checksum(path)
    return found


def _checksum(path: Path) -> str:
    data = path.read_bytes()
    if path.suffix == ".skops":  # A ZIP archive, with the time of writing.
        import zipfile

        with zipfile.ZipFile(path) as archive:
            data = b"".join(archive.read(name) for name in archive.namelist())
        # skops numbers objects by where they are in memory.
        data = str(len(data)).encode()
    if path.name == "forests.json":  # With the checksums of those.
        data = b"forests"
    return hashlib.sha256(data).hexdigest()


def torment(name: str, inputs: Path, work: Path, most: int) -> Tally:
    """Kill a command at each of its operations, or at ``most`` of them, and return what came of it."""
    command, tally = COMMANDS[name], Tally()
    log, counter = work / "log", work / "count"

    def fresh(folder: Path) -> Path:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if command.before is not None:
            assert in_fork(lambda: command.before(inputs, folder), log) == 0, log.read_text()
        return folder

    replaces = command.before is not None
    whole = fresh(work / "whole")
    run = lambda out: command.run(inputs, out, replaces)  # noqa: E731
    assert in_fork(lambda: killed_at(0, whole, lambda: run(whole), counter), log) == 0, log.read_text()
    tally.operations, wanted = int(counter.read_text()), tree(whole)
    step = max(1, -(-tally.operations // most))
    for count in range(1, tally.operations + 1, step):
        out = fresh(work / "out")
        code = in_fork(lambda n=count, out=out: killed_at(n, out, lambda: run(out)), log)
        if code != -signal.SIGKILL:
            tally.troubles.append(f"operation {count}: not killed: {code} {log.read_text()}")
            continue
        tally.kills += 1
        state = tree(out)
        code = in_fork(lambda out=out: command.accept(out), log)
        if code == 1:
            tally.troubles.append(f"operation {count}: the reader: {log.read_text()[-600:]}")
        code = in_fork(lambda out=out: run(out), log)
        # Work that was finished when the kill came is refused, as ever, and is all there.
        finished = code == 3 and "exists: `overwrite=True`" in log.read_text()
        if code and not finished:
            tally.troubles.append(f"operation {count}: the rerun: {code} {log.read_text()[-600:]}")
        elif (found := tree(out)) != wanted:
            odd = sorted(k for k in {*found, *wanted} if found.get(k) != wanted.get(k))
            state = [k for k in state if "part" in k]
            tally.troubles.append(
                f"operation {count}: {'refused and ' * finished}other than undisturbed: {odd} {state}"
            )
    return tally


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--most", type=int, default=10_000, help="kills a command")
    parser.add_argument("--only", default=",".join(COMMANDS).replace(", in", "; in"))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    inputs = options.work / "inputs"
    inputs.mkdir(parents=True)
    log = options.work / "log"
    assert in_fork(lambda: inputs_of(inputs), log) == 0, log.read_text()
    tallies = {}
    for name in options.only.split(","):
        begun = time.perf_counter()
        name = name.replace("; in", ", in")
        tallies[name] = torment(name, inputs, options.work, options.most)
        one = tallies[name]
        print(
            f"{name}: {one.operations} operations, {one.kills} kills, {time.perf_counter() - begun:.0f} s", flush=True
        )
        for trouble in one.troubles:
            print("   ", trouble, flush=True)
    if options.out:
        options.out.write_text(json.dumps({name: vars(one) for name, one in tallies.items()}, indent=2))
    sys.exit(any(one.troubles for one in tallies.values()))


if __name__ == "__main__":
    main()
