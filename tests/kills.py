"""Commands that are killed at a known place."""

import os
import signal
import subprocess
import time
from pathlib import Path


def kill_after_an_epoch(command: list, out: Path) -> None:
    """Run a command that trains into folder ``out``, and kill it when it has written its first checkpoint."""
    process = subprocess.Popen(command, env=os.environ, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (out / "checkpoints" / "last.weights.h5").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL, "it ended before it could be killed"
