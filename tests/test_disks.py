"""Commands whose disk is full or read-only say so and lose nothing; `tests/disks.py` does it to all of them."""

import subprocess
import sys
from pathlib import Path

import pytest

FEW = ("latent table .fits", "make-tfrecords", "download")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs fork, limits and capabilities of Linux")
def test_a_full_disk_and_a_read_only_folder_are_one_line_and_lose_nothing(tmp_path):
    command = [sys.executable, Path(__file__).with_name("disks.py"), "--work", tmp_path, "--only", ";".join(FEW)]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == [f"{name}: 4 disks" for name in FEW]
