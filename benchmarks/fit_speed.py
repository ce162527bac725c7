"""What does an epoch of `fit` cost beside its bare steps?

    python benchmarks/fit_speed.py tfrecords/NAME [--architecture upright] [--rounds 3]

`fit` trains two epochs, of which the second, compiled by then, counts: reading, training, validation, history, both
checkpoints. The bare steps are as many calls of the same model's compiled training and test step on a batch of images
in memory. Both take turns in one process, so that other work on the machine slows them alike; the median of the turns
counts. Prints a Markdown table.
"""

import argparse
import logging
import math
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from galkeras.backend import keras, tf
from galkeras.io.text import markdown_table
from galkeras.models.folder import load_model
from galkeras.records.reader import training_dataset
from galkeras.records.schema import RecordSet
from galkeras.training.fit import fit
from galkeras.training.history import read_history

BATCH = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records", type=Path)
    parser.add_argument("--architecture", default="upright")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    logging.disable(logging.INFO)
    records = RecordSet.load(options.records)
    steps = records.count("train") // BATCH
    checks = math.ceil(records.count("validation") / BATCH)
    epochs, bare, trains = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.rounds):
            out = Path(folder) / "model"
            fit(records, out, architecture=options.architecture, epochs=2, batch_size=BATCH, overwrite=True, quiet=True)
            epochs.append(read_history(out)[1]["seconds"])
            model = load_model(out)
            model.compile(optimizer=keras.optimizers.Adam(2e-4), jit_compile=False)
            images = next(iter(training_dataset(records, "train", BATCH, seed=0)))
            weights = tf.ones(BATCH)
            train = tf.function(lambda images, model=model: model.train_step(images)["loss"])
            test = tf.function(lambda images, weights, model=model: model.test_step((images, weights))["loss"])
            train(images), test(images, weights)
            start = time.perf_counter()
            for _ in range(steps):
                float(train(images))
            trained = time.perf_counter()
            for _ in range(checks):
                float(test(images, weights))
            bare.append(time.perf_counter() - start)
            trains.append(trained - start)
    print(
        f"{records.count('train'):,} galaxies of {records.image_size} px to train on, {records.count('validation'):,}"
        f" to validate, `{options.architecture}`, batches of {BATCH}; {os.cpu_count()} cores, load"
        f" {os.getloadavg()[0]:.1f}, {options.rounds} rounds\n"
    )
    ours, theirs = np.median(epochs), np.median(bare)
    rows = [
        ("bare steps", f"{theirs:.1f}", f"{steps * BATCH / np.median(trains):.0f}", "1.00"),
        ("epoch of `fit`", f"{ours:.1f}", "", f"{np.median(np.divide(epochs, bare)):.3f}"),
    ]
    print(markdown_table(("", "s", "images/s of the training steps", "ratio, median of the turns"), rows))


if __name__ == "__main__":
    main()
