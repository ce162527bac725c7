"""What does `encode` cost beside the bare encoder?

    python benchmarks/encoding_speed.py saved_models/NAME tfrecords/NAME [--rounds 5]

The bare encoder is the compiled function from a batch of images in memory to posterior means and log variances, called
as often as `encode` needs it. `encode` reads, encodes, scores as `--scores` says and writes a Parquet table, compiling
included; it runs in the same process, so that TensorFlow's start is not counted. All take turns, so that other work on
the machine slows them alike; the median of the turns counts. Prints a Markdown table.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from turns import turns

from galkeras.backend import tf
from galkeras.io.text import markdown_table
from galkeras.latents.encode import SCORES, encode
from galkeras.models.folder import load_model
from galkeras.records.reader import ordered_dataset
from galkeras.records.schema import RecordSet

BATCH = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("records", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    records, vae = RecordSet.load(options.records), load_model(options.model)
    count = records.count()
    batch = next(iter(ordered_dataset(records, batch_size=BATCH)))["image"]
    encoder = tf.function(vae.encode)

    def bare() -> None:
        for _ in range(-(-count // BATCH)):
            np.asarray(encoder(batch)[0])

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "latents.parquet"
        work: dict[str, Callable] = {"bare encoder": bare}
        for scores in SCORES:
            work[f"`encode --scores {scores}`"] = lambda scores=scores: encode(
                vae, records, out, scores=scores, overwrite=True
            )
        times: dict[str, list[float]] = {name: [] for name in work}
        for name, seconds, _ in turns(work, options.rounds):
            times[name].append(seconds)
    median = {name: float(np.median(values)) for name, values in times.items()}
    print(
        f"{count:,} galaxies of {records.image_size} px, {vae.config.architecture}, batches of {BATCH};"
        f" {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {options.rounds} rounds\n"
    )
    rows = [
        (name, f"{value:.1f}", f"{count / value:.0f}", f"{value / median['bare encoder']:.2f}")
        for name, value in median.items()
    ]
    print(markdown_table(("", "s", "galaxies/s", "times the bare encoder"), rows))


if __name__ == "__main__":
    main()
