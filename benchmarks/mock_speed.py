"""How many galaxy pairs a second does the mock draw, and does its memory stay flat?

    python benchmarks/mock_speed.py [galaxies]

Both surveys, three bands, 256 px, two processes: pairs a second by the clock, processor seconds a pair, what those give
on two free cores (so that the figure holds on a busy machine), and the largest resident size of the workers after a
quarter of the galaxies and after all of them. The workers' start-up is counted in; the load average is printed.
"""

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from galkeras.api import mock

WORKERS = 2


def measure(galaxies: int) -> tuple[float, float, float]:
    """Return wall and processor seconds, and the largest worker so far in MiB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        mock(Path(folder) / "mock", galaxies=galaxies, workers=WORKERS)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, spent, after.ru_maxrss / 1024


def main(galaxies: int) -> None:
    """Print one line for each of the two sizes."""
    for count in (galaxies // 4, galaxies):
        wall, spent, memory = measure(count)
        print(
            f"{count} pairs: {wall:.1f} s, {count / wall:.1f} pairs/s by the clock; {spent / count:.4f} processor "
            f"seconds a pair, so {WORKERS * count / spent:.1f} pairs/s on {WORKERS} free cores; largest worker "
            f"{memory:.0f} MiB; load {os.getloadavg()[0]:.1f}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
