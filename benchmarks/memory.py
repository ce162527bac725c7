"""How much memory do commands take, against the number of galaxies?

    python benchmarks/memory.py [ROWS …] [--images] [--only outliers --only similar] [--trees 60]

Each command runs in its own process on a Parquet table of random latents (40, of three classes that overlap), or with
--images on random pictures of 64 pixels, of which an HDF5 file, a record set and the paper's network after one epoch
are made, 25 kB of disk a galaxy. Its largest resident size, or that of its largest child, is what the kernel says;
`read_latents` is the process that reads the table and does nothing else. Prints a Markdown table, and to stderr how
long each command took, start and all.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

from galkeras.io.text import markdown_table
from galkeras.latents.table import LatentTable

ON_LATENTS = {
    "`read_latents`": "from galkeras.latents.table import read_latents; read_latents(latents)",
    "`outliers`": "from galkeras.discovery.outliers import outliers; outliers(latents, folder / 'outliers')",
    "`similar`": (
        "from galkeras.discovery.similar import similar; similar(latents, ['J0000007'], folder / 'similar.csv')"
    ),
    "`classify`, one question": (
        "from galkeras.morphology.classify import classify;"
        " classify(latents, folder / 'catalog.csv', folder / 'forests', label_column='kind', trees=TREES)"
    ),
    "`predict`": (
        "from galkeras.morphology.predict import predict;"
        " predict(latents, folder / 'forests', folder / 'predictions.parquet')"
    ),
}
ON_IMAGES = {
    "`make-tfrecords`": (
        "from galkeras.records.make import make_tfrecords;"
        " make_tfrecords(folder / 'cutouts.h5', None, records, survey='sdss', position=False, workers=2)"
    ),
    "`fit`, one epoch": (
        "from galkeras.training.fit import fit;"
        " fit(records, folder / 'model', epochs=1, architecture='paper', loss='mse', quiet=True)"
    ),
    "`encode`": "from galkeras.latents.encode import encode; encode(folder / 'model', records, latents)",
    "`explore`": "from galkeras.discovery.explore import explore; explore(latents, [records], folder / 'explored')",
}
_SIDE, _AT_ONCE = 64, 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=int, nargs="*", default=[1_000, 10_000])
    parser.add_argument("--images", action="store_true")
    parser.add_argument(
        "--only", action="append", help="commands whose names hold this; those before them must be among"
    )
    parser.add_argument("--trees", type=int, default=300, help="of a forest of classify")
    options = parser.parse_args()
    commands, written = (ON_IMAGES, draw) if options.images else (ON_LATENTS, write)
    if options.only:
        commands = {name: code for name, code in commands.items() if any(word in name for word in options.only)}
    rows = {name: [name] for name in commands}
    for size in options.rows:
        with tempfile.TemporaryDirectory() as folder:
            written(Path(folder), size)
            for name, template in commands.items():
                code = template.replace("TREES", str(options.trees))
                start = time.perf_counter()
                rows[name].append(f"{peak(code, folder):.0f}")
                seconds = time.perf_counter() - start
                print(f"{name} of {size:,}: {rows[name][-1]} MB, {seconds:.1f} s", file=sys.stderr, flush=True)
    header = ["largest resident size, MB", *(f"{size:,} galaxies" for size in options.rows)]
    print(markdown_table(header, list(rows.values())))


def peak(code: str, folder: str) -> float:
    """Return the largest resident size, in MB, of a process that runs ``code`` in ``folder``, or of its children."""
    code = (
        f"import resource; from pathlib import Path; folder = Path({folder!r}); latents = folder / 'latents.parquet'\n"
        f"records = folder / 'records'\n{code}\n"
        "print(max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    return int(done.stdout.split()[-1]) * 1024 / 1e6


def draw(folder: Path, size: int) -> None:
    """Write pictures of noise."""
    rng = np.random.default_rng(0)
    with h5py.File(folder / "cutouts.h5", "w") as file:
        images = file.create_dataset("images", (size, _SIDE, _SIDE, 3), "uint8", chunks=(1, _SIDE, _SIDE, 3))
        for start in range(0, size, _AT_ONCE):
            shape = images[start : start + _AT_ONCE].shape
            images[start : start + _AT_ONCE] = rng.integers(256, size=shape, dtype=np.uint8)


def write(folder: Path, size: int) -> None:
    """Write a latent table and the catalog of its classes."""
    rng = np.random.default_rng(0)
    kind = rng.integers(3, size=size)
    ids = np.array([f"J{row:07d}" for row in range(size)])
    z = (rng.normal(size=(size, 40)) + kind[:, None] * (np.arange(40) < 3)).astype(np.float32)
    nowhere, scores = np.full(size, np.nan), rng.uniform(size=size).astype(np.float32)
    split = rng.choice(["train", "validation", "test"], size, p=(0.8, 0.1, 0.1))
    surveys = np.full(size, "decals")
    table = LatentTable(ids, nowhere, nowhere, surveys, split, z, np.zeros_like(z), scores, scores, "a" * 64)
    table.save(folder / "latents.parquet")
    names = np.array(["smooth", "disc", "odd"])[kind]
    lines = ["id,kind", *(f"{one},{name}" for one, name in zip(ids, names, strict=True))]
    (folder / "catalog.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
