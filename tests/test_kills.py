"""Commands that write are killed at operations on files; `tests/killing.py` does it at all of them."""

import subprocess
import sys
from pathlib import Path

import pytest

# Of each command that needs no TensorFlow; training is killed in tests/training.
FEW = ("latent table .parquet", "inspect", "outliers", "similar", "make-tfrecords", "download")


@pytest.mark.skipif(not hasattr(sys, "addaudithook") or sys.platform == "win32", reason="needs fork")
def test_what_a_kill_leaves_is_refused_and_made_good(tmp_path):
    command = [sys.executable, Path(__file__).with_name("killing.py"), "--work", tmp_path]
    done = subprocess.run([*command, "--most", "2", "--only", ";".join(FEW)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == list(FEW)
    assert all(" 0 kills" not in line for line in done.stdout.splitlines())
