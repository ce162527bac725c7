"""Is the mock learnable, but not trivial, and is there a drop between its surveys?

    galkeras mock --galaxies 3000 --size 64 --pixel-scale 0.524 --out mock-small/
    python benchmarks/mock_learnable.py mock-small/

For each question of Table 2: accuracy and balanced accuracy of random forests on the truth, and on the first 40
principal components of the central 17 arcsec, trained on 70 % of DECaLS and tested on the rest in both surveys.
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from astropy.io import fits
from astropy.table import Table
from sklearn.decomposition import PCA
from sklearn.metrics import balanced_accuracy_score

from galkeras.morphology.forests import fit_forest
from galkeras.morphology.labels import TABLE_2, labels

SIDE = 32
SOFTENING = 0.3  # nanomaggies a pixel at which the asinh stretch turns from linear to logarithmic


def read(path: Path) -> Table:
    """Read a parquet table."""
    return Table(pq.read_table(path).to_pydict())


def pixels(folder: Path, names: list[str]) -> np.ndarray:
    """Return the stretched central pixels of cutouts, one row each."""
    rows = []
    for name in names:
        image = fits.getdata(folder / f"{name}.fits")
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


def main(folder: Path) -> None:
    """Print a Markdown table."""
    catalogue, truth = read(folder / "catalog.parquet"), read(folder / "truth.parquet")
    names = list(catalogue["iauname"])
    train = np.random.default_rng(0).random(len(names)) < 0.7
    north, south = (pixels(folder / "cutouts" / survey, names) for survey in ("bass-mzls", "decals"))
    pca = PCA(40, svd_solver="randomized", random_state=0).fit(south[train])
    features = {"truth": oracle(truth), "decals": pca.transform(south), "bass-mzls": pca.transform(north)}
    columns = ("truth", "DECaLS", "BASS+MzLS")
    print("| " + " | ".join(("question", "galaxies", "majority", *columns, "balanced: chance", *columns)) + " |")
    print("|---" * 10 + "|")
    for question in TABLE_2:
        label = labels(catalogue, question)
        known = label != ""
        classes, counts = np.unique(label[known], return_counts=True)
        scores = {}
        for source, targets in (("truth", ("truth",)), ("decals", ("decals", "bass-mzls"))):
            target_index = np.searchsorted(classes, label)
            forest = fit_forest(features[source][known & train], target_index[known & train], seed=0)
            for target in targets:
                guess = classes[forest.predict(features[target][known & ~train])]
                right = label[known & ~train]
                scores[target] = (guess == right).mean(), balanced_accuracy_score(right, guess)
        majority = np.mean(label[known & ~train] == classes[counts.argmax()])
        sizes = ", ".join(f"{name} {count}" for name, count in zip(classes, counts, strict=True))
        print(
            f"| {question} | {sizes} | {majority:.2f} | "
            + " | ".join(f"{scores[k][0]:.2f}" for k in ("truth", "decals", "bass-mzls"))
            + f" | {1 / len(classes):.2f} | "
            + " | ".join(f"{scores[k][1]:.2f}" for k in ("truth", "decals", "bass-mzls"))
            + " |"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
