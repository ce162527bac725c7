"""A few hundred files that are spoilt by chance; `tests/fuzzing.py` reads as many as there is time for."""

import subprocess
import sys
from pathlib import Path

import pytest

COUNT = 300


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs fork and limits of memory")
def test_spoilt_cutouts_are_read_or_named(tmp_path):
    command = [sys.executable, Path(__file__).parents[1] / "fuzzing.py", "--work", tmp_path, "--count", str(COUNT)]
    done = subprocess.run([*map(str, command), "--seed", "1"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{COUNT} inputs" in done.stdout and "read 0 named 0" not in done.stdout
