"""How much memory do commands on latents take, against the number of galaxies?

    python benchmarks/memory.py [ROWS …]

Each command runs in its own process on a Parquet table of random latents (40, of three classes that overlap). Its
largest resident size is what the kernel says; `read_latents` is the process that reads the table and does nothing
else. Prints a Markdown table.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from galkeras.io.text import markdown_table
from galkeras.latents.table import LatentTable

COMMANDS = {
    "`read_latents`": "from galkeras.latents.table import read_latents; read_latents(latents)",
    "`outliers`": "from galkeras.discovery.outliers import outliers; outliers(latents, folder / 'outliers')",
    "`classify`, one question": (
        "from galkeras.morphology.classify import classify;"
        " classify(latents, folder / 'catalog.csv', folder / 'forests', label_column='kind')"
    ),
    "`predict`": (
        "from galkeras.morphology.predict import predict;"
        " predict(latents, folder / 'forests', folder / 'predictions.parquet')"
    ),
}


def main(sizes: list[int]) -> None:
    rows = {name: [name] for name in COMMANDS}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), size)
            for name, code in COMMANDS.items():
                rows[name].append(f"{peak(code, folder):.0f}")
                print(f"{name} of {size:,}: {rows[name][-1]} MB", file=sys.stderr)
    print(markdown_table(["largest resident size, MB", *(f"{size:,} galaxies" for size in sizes)], list(rows.values())))


def peak(code: str, folder: str) -> float:
    """Return the largest resident size, in MB, of a process that runs ``code`` in ``folder``."""
    code = (
        f"import resource; from pathlib import Path; folder = Path({folder!r}); latents = folder / 'latents.parquet'\n"
        f"{code}\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    return int(done.stdout.split()[-1]) * 1024 / 1e6


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
    main([int(size) for size in sys.argv[1:]] or [1_000, 10_000])
