import errno
import subprocess
import sys

import numpy as np
import pytest

from galkeras.io.columns import FORMATS, column_writer, read_columns, write_rejected
from galkeras.io.errors import GalkerasError
from galkeras.io.files import atomic_path
from galkeras.io.folders import OutputFolder, atomic_folder
from galkeras.io.locks import locked


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


def test_who_was_left_out_is_written_before_the_table(tmp_path):
    out, beside = tmp_path / "t.csv", tmp_path / "t.csv.rejected.csv"
    for rows in ([("g1", "no image")], []):
        with column_writer(out, {}) as write:
            write({"id": np.array(["g0"])})
            write_rejected(out, ("id", "reason"), rows)
            assert beside.exists() == bool(rows)
    (tmp_path / ".t.csv.rejected.part.csv").write_text("id,rea")  # what a kill leaves
    write_rejected(out, ("id", "reason"), [("g1", "no image")])
    assert beside.read_text() == "id,reason\ng1,no image\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv", "t.csv.rejected.csv"]


def test_a_full_disk_names_the_file(tmp_path):
    hdf5 = OSError("Can't write data (time = Fri\n, errno = 28, error message = 'No space left on device')")
    for error in (OSError(errno.ENOSPC, "No space left on device"), OSError("38280 requested and 10080 written"), hdf5):
        with pytest.raises(OSError) as told, atomic_path(tmp_path / "t.fits"):
            raise error
        assert told.value.filename == str(tmp_path / "t.fits") and "\n" not in str(told.value)
        assert not list(tmp_path.iterdir())
    with pytest.raises(FileNotFoundError) as told, atomic_path(tmp_path / "t.fits"):
        raise FileNotFoundError(errno.ENOENT, "No such file", "c.fits")
    assert told.value.filename == "c.fits"


@pytest.mark.parametrize("lock", ["", ".state/lock"])
def test_one_writes_at_a_time(tmp_path, lock):
    folder = OutputFolder(tmp_path, "export", r"\.state", lock=lock)
    code = (
        "import pathlib, sys\n"
        "from galkeras.io.locks import locked\n"
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
    with pytest.raises(ZeroDivisionError), atomic_folder(out, "test") as staged:
        (staged / "half").touch()
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())
    with atomic_folder(out, "test") as staged:
        (staged / "file").touch()
        assert not out.exists()
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "file"]


def test_left_overs_below_the_folder_go_where_the_command_writes_there(tmp_path):
    checkpoint = ".last.7.part.weights.h5"
    for name in (".state/.train.json.7.part.json", f"checkpoints/{checkpoint}", f"own/{checkpoint}"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".loss.7.part.png").touch()
    within = r"\.state/.+\.json|(checkpoints/)?\w+\.(weights\.h5|png)"
    ours = r"\.state|checkpoints|own|done\.json"
    with OutputFolder(tmp_path, "test", ours, within=within).writing():
        left = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob(".*") if path.is_file()]
    assert left == ["own/.last.7.part.weights.h5"]


@pytest.mark.parametrize("which", ["sign", "marker", "done"])
def test_a_killed_last_write_is_no_foreign_file(tmp_path, which):
    (tmp_path / ".forests.4711.part.json").touch()
    with OutputFolder(tmp_path, "classify", r"scores\.json", **{which: "forests.json"}).writing():
        assert not list(tmp_path.iterdir())


def test_a_killed_first_write_is_no_foreign_file(tmp_path):
    (tmp_path / ".mock.4711.part.json").touch()
    with OutputFolder(tmp_path, "mock", "", sign="mock.json", within=r"mock\.json").writing():
        assert not list(tmp_path.iterdir())


def test_a_folder_is_written_by_one_and_what_a_kill_left_goes(tmp_path):
    out = tmp_path / "out"
    (tmp_path / ".out.part" / "half").mkdir(parents=True)
    with atomic_folder(out, "test") as staged:
        assert not list(staged.iterdir())
        with pytest.raises(GalkerasError, match=f"another test is writing {out}$"), atomic_folder(out, "test"):
            pass
        (staged / "file").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "file"]


@pytest.mark.parametrize("extension", FORMATS)
def test_a_table_is_written_by_one_and_what_a_kill_left_goes(tmp_path, extension):
    path = tmp_path / f"latents{extension}"
    (tmp_path / f".latents.part{extension}").write_text("half")
    with column_writer(path, {}) as write:
        with pytest.raises(GalkerasError, match=f"another command is writing {path}$"), column_writer(path, {}):
            pass
        write({"id": np.array(["a"])})
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    assert read_columns(path)[0]["id"].tolist() == ["a"]
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError), column_writer(path, {}) as write:
        raise ZeroDivisionError
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1
