"""How fast is a served model, against Keras and scikit-learn, and how large is its export?

    python benchmarks/serving.py [--side 128] [--trees 300] [--galaxies 5000]

The SavedModel is run by TensorFlow's C API (the loader and the session of TensorFlow Serving, without its network
and its batching), Keras by `predict`, scikit-learn by `predict_proba` on all cores. Weights are random and the forests
are fitted on random latents: speed does not depend on what either has learned. The contenders take turns, so that
other work on the machine slows them alike; the median of the turns counts. Prints a Markdown table.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "serving"))

from c_api import CSession  # noqa: E402

from galkeras.backend import keras, tf  # noqa: E402
from galkeras.galaxyzoo.trees.gzd5 import GZD5  # noqa: E402
from galkeras.models.config import PAPER, ModelConfig  # noqa: E402
from galkeras.models.folder import WEIGHTS_FILE, write_config, write_weights  # noqa: E402
from galkeras.models.vae import VAE  # noqa: E402
from galkeras.morphology.forests import Forest, Forests, fit_forest  # noqa: E402
from galkeras.serving.export import export  # noqa: E402

BATCHES = (1, 8, 64)
SECONDS = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--trees", type=int, default=300)
    parser.add_argument("--galaxies", type=int, default=5000, help="on which each forest is fitted")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options)


def measure(folder: Path, options: argparse.Namespace) -> None:
    config = ModelConfig(options.side, "nanomaggy", ("decals",), (3.0,) * 3, (0.05,) * 3, latent_dim=40, **PAPER)
    model = VAE(config)
    write_config(folder / "first", config, {})
    write_weights(folder / "first" / WEIGHTS_FILE, model)
    forests = random_forests(model, options.trees, options.galaxies)
    forests.save(folder / "forests")
    plain = export(folder / "first").bytes
    exported = export(folder / "first", forests=folder / "forests")
    start = time.perf_counter()
    session = CSession(exported.path)
    loading = time.perf_counter() - start
    nodes = sum(tree.tree_.node_count for f in forests.by_question.values() for tree in f.classifier.trees.estimators_)
    on_disk = sum(file.stat().st_size for file in (folder / "forests").iterdir())
    print(
        f"{options.side} px, {config.latent_dim} latents; {len(forests.by_question)} forests of {options.trees} trees,"
        f" {nodes:,} nodes; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, oneDNN"
        f" {os.environ['TF_ENABLE_ONEDNN_OPTS']}\n"
        f"export {plain / 1e6:.1f} MB, with forests {exported.bytes / 1e6:.1f} MB"
        f" (as skops files {on_disk / 1e6:.1f} MB); loaded in {loading:.2f} s\n"
    )
    compare(model, forests, session, options.side)


def random_forests(model: VAE, trees: int, galaxies: int) -> Forests:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(galaxies, model.config.latent_dim)).astype(np.float32)
    by_question = {}
    for question in GZD5.label_questions.values():
        classes = tuple(label.answer for label in question.labels)
        # Half signal and half noise, so that the trees grow as deep as real ones.
        target = (z[:, : len(classes)] + rng.normal(size=(galaxies, len(classes)))).argmax(1)
        forest = fit_forest(z, target, 0, trees)
        by_question[question.name] = Forest(question.title, classes, (1,) * len(classes), forest)
    mean, std = (tuple(v.tolist()) for v in (z.mean(0), z.std(0)))
    return Forests(model.digest, model.config.latent_dim, 1, 0, by_question, mean, std)


def compare(model: VAE, forests: Forests, session: CSession, side: int) -> None:
    encoder = keras.Sequential([keras.Input((side, side, 3)), model.stretch, model.encoder])

    def with_scikit_learn(images: np.ndarray) -> None:
        z, _ = model.encode(images)
        for forest in forests.by_question.values():
            forest.probabilities(z.numpy())

    encoders: dict[str, Callable] = {
        "`encode`, SavedModel": lambda x: session.run("encode", images=x),
        "Keras `predict` of the encoder": lambda x: encoder.predict(x, batch_size=len(x), verbose=0),
        "Keras, called": lambda x: encoder(tf.constant(x), training=False),
    }
    classifiers: dict[str, Callable] = {
        "`classify`, SavedModel": lambda x: session.run("classify", images=x),
        "`measure`, SavedModel": lambda x: session.run("measure", images=x),
        "Keras and scikit-learn, as `classify`": with_scikit_learn,
    }
    print("| | " + " | ".join(f"batch {batch}: ms, images/s" for batch in BATCHES) + " |")
    print("|---|" + "---|" * len(BATCHES))
    for group in (encoders, classifiers):
        times = {batch: turns(group, batch, side) for batch in BATCHES}
        for name in group:
            cells = (f"{1e3 * times[batch][name]:.1f}, {batch / times[batch][name]:.0f}" for batch in BATCHES)
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def turns(group: dict[str, Callable], batch: int, side: int) -> dict[str, float]:
    """Return the median seconds of one call of each."""
    images = np.random.default_rng(0).normal(size=(batch, side, side, 3)).astype(np.float32)
    for work in group.values():
        for _ in range(3):
            work(images)
    times: dict[str, list[float]] = {name: [] for name in group}
    until = time.perf_counter() + SECONDS * len(group)
    while time.perf_counter() < until or len(times[next(iter(group))]) < 10:
        for name, work in group.items():
            start = time.perf_counter()
            work(images)
            times[name].append(time.perf_counter() - start)
    return {name: float(np.median(values)) for name, values in times.items()}


if __name__ == "__main__":
    main()
