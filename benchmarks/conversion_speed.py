"""How near does `make-tfrecords` come to what reading the FITS files costs?

    python benchmarks/conversion_speed.py CATALOG CUTOUTS [--workers 2] [--rounds 3]

The limit is as many processes as there are workers that only open each file with astropy and take its pixels as
float32. `make-tfrecords` reads, checks, and writes shards with their checksums. Both read the same files from a warm
cache and take turns, so that other work on the machine slows them alike; processes are started anew in each turn. The
median of the turns counts. Processor time is of all processes, starting them included. Prints a Markdown table.
"""

import argparse
import logging
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from astropy.io import fits
from turns import turns

from galkeras.io.text import markdown_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("catalog", type=Path)
    parser.add_argument("cutouts", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    # Not above: the processes of the limit, which import this file, need none of it.
    from galkeras.records.make import make_tfrecords

    logging.disable(logging.INFO)
    paths = sorted(options.cutouts.rglob("*.fits"))
    size = sum(path.stat().st_size for path in paths)

    def convert(folder: str) -> tuple[int, float]:
        before = processor_seconds()
        with tempfile.TemporaryDirectory(dir=folder) as out:
            made = make_tfrecords(options.catalog, options.cutouts, Path(out) / "records", workers=options.workers)
        return made.written, processor_seconds() - before

    def limit() -> tuple[int, float]:
        before = processor_seconds()
        with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
            count = sum(pool.map(read, np.array_split(paths, options.workers * 8)))
        return count, processor_seconds() - before

    with tempfile.TemporaryDirectory() as folder:
        work = {"astropy alone": limit, "`make-tfrecords`": lambda: convert(folder)}
        clock: dict[str, list[float]] = {name: [] for name in work}
        processor: dict[str, list[float]] = {name: [] for name in work}
        for name, seconds, (count, spent) in turns(work, options.rounds):
            clock[name].append(seconds / count)
            processor[name].append(spent / count)
    print(
        f"{len(paths):,} FITS files of {size / len(paths) / 1e3:.0f} kB, {options.workers} processes; {os.cpu_count()}"
        f" cores, load {os.getloadavg()[0]:.1f}, {options.rounds} rounds\n"
    )
    median = [{name: float(np.median(values)) for name, values in one.items()} for one in (clock, processor)]
    limits = [one["astropy alone"] for one in median]
    rows = [
        (name, f"{1 / median[0][name]:.0f}", f"{median[0][name] / limits[0]:.2f}")
        + (f"{1e3 * median[1][name]:.2f}", f"{median[1][name] / limits[1]:.2f}")
        for name in work
    ]
    print(markdown_table(("", "galaxies/s", "times the limit's seconds", "processor ms", "times the limit's"), rows))


def processor_seconds() -> float:
    """Return the processor time of this process and of its children that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def read(paths: list[Path]) -> int:
    """Return how many files were read."""
    return sum(bool(np.asarray(fits.getdata(path), np.float32).size) for path in paths)


if __name__ == "__main__":
    main()
