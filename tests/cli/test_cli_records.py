import os
import signal
import subprocess
import sys
import time

import pytest
from sky import write_csv, write_survey

from galkeras.records.inspect import damages
from galkeras.records.make import make_tfrecords


def start(*arguments, **options) -> subprocess.Popen:
    code = "from galkeras.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


def galkeras(*arguments, **options) -> tuple[int, str, str]:
    process = start(*arguments, **options)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.fixture
def survey(tmp_path):
    return write_survey(tmp_path / "survey", 40, 32)


def test_make_and_inspect(survey, tmp_path):
    code, out, err = galkeras("make-tfrecords", *survey, "--out", tmp_path / "out", "--image-size", 16)
    assert (code, err) == (0, "")
    assert "40 galaxies of decals" in out and "40 of 40 galaxies written" in out
    code, out, err = galkeras("inspect", tmp_path / "out", "--verify", "--mosaic", tmp_path / "m.png")
    assert code == 0 and "as they were written" in out and (tmp_path / "m.png").exists()


def test_trouble_is_one_line_and_a_code(survey, tmp_path):
    catalog = write_csv(tmp_path / "c.csv", {"id": ["a", "a"], "ra": [1, 1], "dec": [1, 1]})
    code, out, err = galkeras("make-tfrecords", catalog, survey[1], "--out", tmp_path / "out")
    assert code == 1 and out == "" and err.count("\n") == 1
    assert err.startswith("galkeras: ") and "appear more than once: a" in err
    code, out, err = galkeras("inspect", tmp_path)
    assert code == 1 and "not a finished record set" in err and err.count("\n") == 1


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    return write_survey(tmp_path_factory.mktemp("many"), 200, 64)


def test_a_killed_run_goes_on(many, tmp_path, caplog):
    arguments = ("make-tfrecords", *many, "--out", tmp_path / "out", "--shard-size", 0.5)
    process = start(*arguments, "--workers", 2, start_new_session=True)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "out" / ".shards").glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    deadline = time.monotonic() + 20
    process.kill()
    process.wait()
    assert not (tmp_path / "out" / "dataset.json").exists()
    while time.monotonic() < deadline and _alive(process.pid):
        time.sleep(0.05)
    outlived = _alive(process.pid)
    if outlived:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not outlived, "workers outlived their parent"
    again = make_tfrecords(*many, tmp_path / "out", shard_megabytes=0.5, workers=1)
    assert "were there already" in caplog.text
    straight = make_tfrecords(*many, tmp_path / "straight", shard_megabytes=0.5, workers=1)
    assert again.shards == straight.shards and not list(damages(again))


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_ctrl_c_leaves_nothing_half_written(many, tmp_path):
    process = start("make-tfrecords", *many, "--out", tmp_path / "out", "--workers", 2, start_new_session=True)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "out").glob(".*.part.*")) and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err
    assert not list((tmp_path / "out").glob(".*.part.*")) and not (tmp_path / "out" / "dataset.json").exists()


def test_a_full_disk_is_one_line(many, tmp_path):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000));"
    code = limit + "from galkeras.cli import main; main()"
    out = tmp_path / "out"
    for workers in (1, 2):
        done = subprocess.run(
            [sys.executable, "-c", code, "make-tfrecords", *many, "--out", out, "--workers", str(workers)],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1 and "Make room and run the same command again" in done.stderr
        assert not (out / "dataset.json").exists() and not list(out.glob(".*.part.*"))
