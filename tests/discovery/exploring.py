"""``galkeras explore`` as a process of its own, for tests."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exploring(latents: Path, records: Path, out: Path) -> Iterator[str]:
    """Run the command, yield the address it prints, press Ctrl-C; it must then end well and say nothing more."""
    arguments = ["explore", str(latents), "--records", str(records), "--out", str(out), "--port", "0"]
    code = "from galkeras.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            lines = [process.stdout.readline() for _ in range(2)]
            address = re.search(r"http://localhost:\d+/#projector", lines[-1])
            assert address, "".join(lines) + process.stderr.read()
            yield address[0]
        finally:
            process.send_signal(signal.SIGINT)
            try:
                rest, errors = process.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
    assert (process.returncode, rest, errors) == (0, "", "")
