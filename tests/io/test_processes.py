import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from galkeras.io.errors import GalkerasError
from galkeras.io.processes import in_child, in_parallel


def write_own_id(path):
    Path(path).write_text(str(os.getpid()))


def write_and_sleep(path):
    if Path(path).exists():
        time.sleep(120)
    write_own_id(path)


def fail(kind):
    if kind == "expected":
        raise GalkerasError("name the file")
    if kind == "library":
        raise ZeroDivisionError("of a library")
    os.kill(os.getpid(), signal.SIGKILL)


def test_all_tasks_are_done_in_one_other_process(tmp_path):
    paths = [tmp_path / name for name in "abc"]
    seen = []
    for _, path in zip(in_child(write_own_id, [(path,) for path in paths]), paths, strict=False):
        seen.append(path.read_text())
    assert len(set(seen)) == 1 and len(seen) == 3 and seen[0] != str(os.getpid())


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("expected", GalkerasError, "name the file"),
        ("library", RuntimeError, "ZeroDivisionError: of a library"),
        ("killed", GalkerasError, "code -9, perhaps for want of memory"),
    ],
)
def test_what_goes_wrong_there_is_raised_here(kind, error, message):
    with pytest.raises(error, match=message):
        list(in_child(fail, [(kind,)]))


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_the_child_ends_with_its_parent(tmp_path, ending):
    code = (
        "import time\n"
        "from test_processes import write_and_sleep\n"
        "from galkeras.io.processes import in_child\n"
        f"work = in_child(write_and_sleep, [({str(tmp_path / 'pid')!r},)] * 2)\n"
        "next(work)\n"
        "print('begun', flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    with parent.stdout:
        assert parent.stdout.readline() == "begun\n"
    child = int((tmp_path / "pid").read_text())
    assert alive(child)
    parent.send_signal(ending)
    parent.wait(timeout=30)
    deadline = time.monotonic() + 30
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(child)


def count_up(task, tick):
    for _ in range(task):
        tick(1)
    return task, os.getpid()


@pytest.mark.parametrize("workers", [1, 2])
def test_many_processes_answer_in_order_and_tell_how_far_they_are(workers):
    ticks = []
    results = in_parallel(count_up, [3, 0, 2, 5], workers, ticks.append)
    assert [task for task, _ in results] == [3, 0, 2, 5] and sum(ticks) == 10
    assert ({pid for _, pid in results} == {os.getpid()}) == (workers == 1)


def work_or_fail(kind, tick):
    if kind != "work":
        fail(kind)
    while True:
        time.sleep(0.01)
        tick(1)


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [("expected", GalkerasError, "name the file"), ("killed", GalkerasError, "was killed, perhaps for want of memory")],
)
def test_the_first_error_ends_them_all(kind, error, message):
    with pytest.raises(error, match=message):
        in_parallel(work_or_fail, ["work", kind, "work", "work"], 2)


@pytest.mark.parametrize("guarded", [False, True])
def test_a_plain_script_needs_no_main_guard(tmp_path, guarded):
    """Its workers do not run it again, with a guard or without."""
    lines = ["print(*in_parallel(count_up, [1, 2], 2), flush=True)", "list(in_child(write_own_id, [('pid',)]))"]
    script = tmp_path / "script.py"
    script.write_text(
        "from galkeras.io.processes import in_child, in_parallel\nfrom test_processes import count_up, write_own_id\n"
        + ("if __name__ == '__main__':\n    " + "\n    ".join(lines) if guarded else "\n".join(lines))
        + "\nprint(__file__, __spec__)\n"
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 0 and not done.stderr, done.stderr
    results, name = done.stdout.splitlines()
    assert results.startswith("(1, ") and name == f"{script} None" and (tmp_path / "pid").exists()
