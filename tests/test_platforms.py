"""What Linux has and others have not is not needed: no fcntl, no sched_getaffinity."""

import subprocess
import sys

from sky import write_survey

# As on Windows; macOS has fcntl.
ELSEWHERE = """
import os, sys
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
for name in ("sched_getaffinity", "sched_setaffinity"):
    delattr(os, name)
# From Python 3.13 on it asks the former, where that is there when Python starts.
os.process_cpu_count = os.cpu_count
"""


def run(code: str, *arguments) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE + code, *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_everything_is_imported_without_them(tmp_path):
    code = """
import importlib, pkgutil, galkeras
sys.modules["tensorflow"] = None  # is not ours, and takes seconds
for _, name, _ in pkgutil.walk_packages(galkeras.__path__, "galkeras."):
    try:
        importlib.import_module(name)
    except ImportError as error:
        assert "tensorflow" in str(error) or "keras" in str(error), (name, error)
from galkeras.io.processes import cores
print(cores())
"""
    assert int(run(code)) >= 1


def test_records_are_made_without_them(tmp_path):
    catalog, cutouts = write_survey(tmp_path, 6, 32)
    code = """
import galkeras as gk
records = gk.make_tfrecords(*sys.argv[1:], workers=2)
print("written", records.written)
"""
    assert "written 6" in run(code, catalog, cutouts, tmp_path / "records")
