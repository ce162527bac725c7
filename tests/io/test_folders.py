import subprocess
import sys

import pytest

from galkeras.io.errors import GalkerasError
from galkeras.io.files import atomic_path
from galkeras.io.folders import OutputFolder, atomic_folder, locked


def test_a_folder_with_something_else_is_refused_and_left_as_it_is(tmp_path):
    (tmp_path / "scores.json").touch()
    (tmp_path / "thesis.tex").write_text("years of work")
    for ours, sign, message in (
        (r"scores\.json", None, r"holds something else \(thesis.tex\)"),
        (r"scores\.json", "forests.json", r"holds something else \(thesis.tex\)"),
        ("", "mock.json", "is not empty and holds no mock.json"),
        ("", None, "exists and is not an empty folder"),
    ):
        folder = OutputFolder(tmp_path, "test", ours, sign)
        with pytest.raises(GalkerasError, match=message):
            folder.check()
        with pytest.raises(GalkerasError, match=message), folder.writing():
            pass
    with pytest.raises(GalkerasError, match="thesis.tex is a file: choose a folder"):
        OutputFolder(tmp_path / "thesis.tex", "test").check()
    OutputFolder(tmp_path, "test").check()
    OutputFolder(tmp_path, "test", "", sign="thesis.tex").check()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scores.json", "thesis.tex"]


def test_own_left_overs_go_and_those_of_others_stay(tmp_path):
    with pytest.raises(KeyboardInterrupt), atomic_path(tmp_path / "scores.json") as temporary:
        ours = temporary.name
        raise KeyboardInterrupt
    (tmp_path / ours).touch()
    (tmp_path / ".notes.12.part.txt").touch()
    with pytest.raises(GalkerasError, match=r"holds something else \(.notes.12.part.txt\)"):
        OutputFolder(tmp_path, "test", r"scores\.json").check()
    with OutputFolder(tmp_path, "test", r"scores\.json|\..*").writing():
        assert [path.name for path in tmp_path.iterdir()] == [".notes.12.part.txt"]


def test_the_marker_goes_first(tmp_path):
    folder = OutputFolder(tmp_path / "deep" / "out", "test", r"done\.json", marker="done.json")
    for _ in range(2):
        with folder.writing() as path:
            assert not (path / "done.json").exists()
            (path / "done.json").touch()
        folder.check()


@pytest.mark.parametrize("lock", ["", ".state/lock"])
def test_one_writes_at_a_time(tmp_path, lock):
    folder = OutputFolder(tmp_path, "export", r"\.state", lock=lock)
    code = (
        "import pathlib, sys\n"
        "from galkeras.io.folders import locked\n"
        f"with locked(pathlib.Path({str(tmp_path / lock)!r}), 'export'):\n"
        "    print('begun', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "begun\n"
    with pytest.raises(GalkerasError, match=f"another export is writing {tmp_path}$"), folder.writing():
        pass
    other.kill()
    other.communicate()
    with folder.writing():
        pass


def test_a_failure_before_anything_is_written_leaves_no_folder(tmp_path):
    with pytest.raises(ZeroDivisionError), OutputFolder(tmp_path / "out", "test").writing():
        raise ZeroDivisionError
    assert not (tmp_path / "out").exists()


def test_without_locks_the_work_is_done_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with locked(tmp_path, "test"), locked(tmp_path, "test"):
        pass


def test_a_folder_is_whole_or_absent(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ZeroDivisionError), atomic_folder(out) as staged:
        (staged / "half").touch()
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())
    with atomic_folder(out) as staged:
        (staged / "file").touch()
        assert not out.exists()
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "file"]
