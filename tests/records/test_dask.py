"""Over a Dask cluster of two worker processes."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import dask
import pytest
from sky import write_survey

from galkeras.io import cluster as on_dask
from galkeras.io import schedulers
from galkeras.io.cluster import on_cluster
from galkeras.io.errors import GalkerasError
from galkeras.io.schedulers import check_cluster
from galkeras.records import make
from galkeras.records.make import make_tfrecords
from galkeras.records.write import STATE_FOLDER, write_shard


@pytest.fixture(scope="module")
def address():
    """Two workers that their nannies start again when they are killed, and that may be killed once at a task."""
    from distributed import LocalCluster

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
        ) as cluster,
    ):
        yield cluster.scheduler_address


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def killed_once(task, tick):
    """Write a shard; the first process that has written two galaxies of one is killed."""
    done = 0

    def deadly(count):
        nonlocal done
        tick(count)
        done += count
        if done == 2:
            try:
                (task.folder.parent / "killed").touch(exist_ok=False)
            except FileExistsError:
                return
            # As it might have been killed a little later.
            (task.folder / STATE_FOLDER / f".{task.name}.4711.part.json").touch()
            os.kill(os.getpid(), signal.SIGKILL)

    return write_shard(task, deadly)


def test_a_record_set_is_the_local_one_though_a_worker_is_killed(address, tmp_path, monkeypatch):
    catalog, cutouts = write_survey(tmp_path / "survey", 40, 32)
    (cutouts / "g0003.fits").write_bytes(b"SIMPLE")
    # Paths as people give them; the workers are elsewhere.
    monkeypatch.chdir(tmp_path)
    given = catalog.relative_to(tmp_path), cutouts.relative_to(tmp_path)
    make_tfrecords(*given, "local", shard_megabytes=0.05, workers=1)
    monkeypatch.setattr(make, "write_shard", killed_once)
    records = make_tfrecords(*given, "dask", shard_megabytes=0.05, dask=address)
    assert (tmp_path / "killed").exists() and len(records.shards) > 8
    assert tree(tmp_path / "dask") == tree(tmp_path / "local")
    assert (records.read, records.written, records.rejected) == (40, 39, 1)


def square(number, tick):
    tick(number)
    return number**2


def test_results_and_progress_are_those_of_the_tasks(address, tmp_path):
    seen = []
    assert on_cluster(square, range(100), address, tmp_path, progress=seen.append) == [n**2 for n in range(100)]
    assert sum(seen) == sum(range(100)) and not list(tmp_path.iterdir())


def tick_for_ever(folder, task, tick):
    """Fail at the second task when the first has begun, which says when it is told to end."""
    if task:
        while not (folder / "begun").exists():
            time.sleep(0.01)
        raise GalkerasError("name the file")
    (folder / "begun").touch()
    try:
        while True:
            tick(1)
            time.sleep(0.01)
    finally:
        (folder / "ended").touch()


def ended(folder):
    deadline = time.monotonic() + 60
    while not (folder / "ended").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return (folder / "ended").exists()


def test_the_first_error_ends_the_rest(address, tmp_path):
    with pytest.raises(GalkerasError, match="name the file"):
        on_cluster(partial(tick_for_ever, tmp_path), [0, 1], address, tmp_path)
    assert ended(tmp_path)


def test_workers_end_with_a_caller_that_is_killed(address, tmp_path):
    code = (
        "import sys; from pathlib import Path; from functools import partial\n"
        "from test_dask import on_cluster, tick_for_ever\n"
        f"folder = Path({str(tmp_path)!r})\n"
        f"on_cluster(partial(tick_for_ever, folder), [0], {address!r}, folder)\n"
    )
    caller = subprocess.Popen(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (tmp_path / "begun").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not (tmp_path / "ended").exists()
    caller.kill()
    caller.wait()
    assert ended(tmp_path)


def die(task, tick):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_task_that_kills_its_workers_is_one_line(address, tmp_path):
    with pytest.raises(GalkerasError, match="2 workers of the Dask cluster were lost at the same task"):
        on_cluster(die, [0], address, tmp_path)


def test_a_cluster_without_workers_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    from distributed import LocalCluster

    monkeypatch.setattr(on_dask, "_WAIT", 0.1)
    with (
        LocalCluster(n_workers=0, protocol="tcp", dashboard_address=":0", silence_logs=50) as empty,
        pytest.raises(GalkerasError, match="has no workers, for 0.1 seconds: start some"),
    ):
        on_cluster(square, [1], empty.scheduler_address, tmp_path)


@pytest.mark.parametrize(
    "address, message",
    [
        ("tcp://127.0.0.1:9", "no Dask scheduler answers at tcp://127.0.0.1:9: is it running"),
        ("tcp://host", "`dask` must be tcp://HOST:PORT .* Received: dask='tcp://host'"),
        ("http://host:80", "`dask` must be"),
        ("absent.json", "`dask` must be tcp://HOST:PORT of a scheduler, or the scheduler file"),
    ],
)
def test_no_such_cluster_is_one_line(address, message):
    with pytest.raises(GalkerasError, match=message):
        check_cluster(address)


def test_who_has_no_dask_is_told_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(GalkerasError, match=r'pip install "galkeras\[dask\]"'):
        check_cluster("tcp://127.0.0.1:9")


def test_a_scheduler_of_another_version_is_refused():
    def versions(distributed):
        return {"packages": {"python": "3.11.7.final.0", "dask": "2026.8.0", "distributed": distributed}}

    known = {"client": versions("2026.8.0"), "scheduler": versions("2024.1.0")}
    with pytest.raises(GalkerasError, match="has distributed 2024.1.0, and here it is 2026.8.0"):
        schedulers._check_versions(SimpleNamespace(get_versions=lambda: known), "tcp://host:1")


def test_a_worker_that_sees_other_files_or_versions_refuses(tmp_path, monkeypatch):
    monkeypatch.setattr(on_dask, "_APPEAR", 0)
    token = on_dask._Token(tmp_path / on_dask.TOKEN_FILE, "text")
    remote = on_dask._Remote(square, token, (), on_dask._versions())
    with pytest.raises(GalkerasError, match=f"worker tcp://host:1 on .* does not see {tmp_path}: all workers need a"):
        remote.check("tcp://host:1")
    token.path.write_text("text")
    remote.check("tcp://host:1")
    elsewhere = on_dask._Remote(square, token, (tmp_path / "cutouts",), on_dask._versions())
    with pytest.raises(GalkerasError, match=f"does not see {tmp_path / 'cutouts'}"):
        elsewhere.check("tcp://host:1")
    older = on_dask._Remote(square, token, (), on_dask._versions() | {"numpy": "1.0"})
    with pytest.raises(GalkerasError, match="the worker tcp://host:1 has numpy .*, and here it is 1.0"):
        older.check("tcp://host:1")


def test_workers_here_and_there_are_not_both_asked_for(tmp_path):
    with pytest.raises(GalkerasError, match="say one of them"):
        make_tfrecords("c.csv", "cutouts", tmp_path / "out", workers=2, dask="tcp://127.0.0.1:9")
