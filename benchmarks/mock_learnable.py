"""Is the mock learnable, but not trivial, and is there a drop between its surveys?

    galkeras mock --galaxies 4500 --size 64 --defects 0 --out mock-learnable/
    python benchmarks/mock_learnable.py mock-learnable/

For each question of Table 2: accuracy and balanced accuracy of random forests on the truth, and on the first 40
principal components of raw pixels (the central 48 x 48, 12.6 arcsec, asinh stretch). In each of three folds, components
and forests come from DECaLS images of two thirds of the galaxies and are tested on the rest, in both surveys. The drop
is DECaLS less BASS+MzLS in balanced accuracy, with the range that holds 95 % of 1000 bootstrap samples of the same
galaxies in both.
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from astropy.io import fits
from astropy.table import Table
from sklearn.decomposition import PCA

from galkeras.galaxyzoo.labels import labels
from galkeras.galaxyzoo.trees.gzd5 import GZD5
from galkeras.morphology.forests import fit_forest

SIDE = 48
FOLDS = 3
BOOTSTRAPS = 1000
SOFTENING = 0.03  # nanomaggies a pixel at which the asinh stretch turns from linear to logarithmic: a few sigma
SOURCES = ("truth", "decals", "bass-mzls")


def read(path: Path) -> Table:
    """Read a parquet table."""
    return Table(pq.read_table(path).to_pydict())


def pixels(folder: Path, names: list[str]) -> np.ndarray:
    """Return the stretched central pixels of cutouts, one row each."""
    rows = []
    for name in names:
        image = fits.getdata(folder / f"{name}.fits").astype(np.float32)
        edge = (image.shape[1] - SIDE) // 2
        rows.append(np.arcsinh(image[:, edge : edge + SIDE, edge : edge + SIDE] / SOFTENING).ravel())
    return np.stack(rows)


def oracle(truth: Table) -> np.ndarray:
    """Return every parameter that was simulated as numbers."""
    columns = []
    for name in truth.colnames:
        values = np.asarray(truth[name])
        if values.dtype.kind in "if":
            columns.append(values.astype(float))
        elif name not in ("iauname", "defect", "defect_survey"):
            columns += [(values == each).astype(float) for each in np.unique(values)]
    return np.nan_to_num(np.stack(columns, -1))


def balanced(right: np.ndarray, hit: np.ndarray, weight: np.ndarray, classes: int) -> np.ndarray:
    """Return the balanced accuracy of (samples, galaxies) bootstrap weights."""
    recalls = [
        (weight * hit)[:, right == k].sum(1) / np.maximum(weight[:, right == k].sum(1), 1) for k in range(classes)
    ]
    return np.mean(recalls, 0)


def main(folder: Path) -> None:
    """Print a Markdown table."""
    catalog, truth = read(folder / "catalog.parquet"), read(folder / "truth.parquet")
    names = list(catalog["iauname"])
    fold = np.random.default_rng(0).integers(0, FOLDS, len(names))
    south, north = (pixels(folder / "cutouts" / survey, names) for survey in ("decals", "bass-mzls"))
    known = {question: np.unique(labels(catalog, question), return_inverse=True) for question in GZD5.label_questions}
    guess = {(question, source): np.full(len(names), -1) for question in GZD5.label_questions for source in SOURCES}
    for test in range(FOLDS):
        held = fold == test
        pca = PCA(40, svd_solver="randomized", iterated_power=3, random_state=0).fit(south[~held])
        features = {"truth": oracle(truth)}
        for source, rows in (("decals", south), ("bass-mzls", north)):
            features[source] = np.concatenate([pca.transform(rows[i : i + 500]) for i in range(0, len(rows), 500)])
        for question, (classes, label) in known.items():
            # The empty label sorts first: no class.
            assert classes[0] == ""
            train, ask = ~held & (label > 0), held & (label > 0)
            for fitted, tested in (("truth", ("truth",)), ("decals", ("decals", "bass-mzls"))):
                forest = fit_forest(features[fitted][train], label[train] - 1, seed=test)
                for source in tested:
                    guess[question, source][ask] = forest.predict(features[source][ask])

    columns = ("truth", "DECaLS", "BASS+MzLS")
    print("| " + " | ".join(("question", "galaxies", "majority", *columns)), end="")
    print(" | balanced: chance | " + " | ".join((*columns, "drop (95 %)")) + " |")
    print("|---" * 11 + "|")
    rng, drops = np.random.default_rng(1), []
    picks = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), BOOTSTRAPS).astype(np.float32)
    one = np.ones((1, len(names)), np.float32)
    for question, (classes, label) in known.items():
        asked = label > 0
        right, number = label[asked] - 1, len(classes) - 1
        hit = {source: guess[question, source][asked] == right for source in SOURCES}
        score = {source: balanced(right, hit[source], one[:, asked], number)[0] for source in SOURCES}
        spread = np.subtract(
            *(balanced(right, hit[source], picks[:, asked], number) for source in ("decals", "bass-mzls"))
        )
        drops.append((score["decals"] - score["bass-mzls"], spread))
        counts = np.bincount(right)
        sizes = ", ".join(f"{name} {count}" for name, count in zip(classes[1:], counts, strict=True))
        cells = [question, sizes, f"{counts.max() / counts.sum():.2f}"]
        cells += [f"{hit[source].mean():.2f}" for source in SOURCES]
        cells += [f"{1 / number:.2f}"] + [f"{score[source]:.2f}" for source in SOURCES]
        print("| " + " | ".join(cells) + f" | {interval(*drops[-1])} |")
    mean = np.mean([drop for drop, _ in drops]), np.mean([spread for _, spread in drops], 0)
    print(f"\nMean drop over the questions: {interval(*mean)}")


def interval(value: float, spread: np.ndarray) -> str:
    """Return a value and the range of 95 % of its bootstrap samples."""
    low, high = np.percentile(spread, (2.5, 97.5))
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
