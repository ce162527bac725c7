"""The catalog of docs/results.md, and what principal components make of the same galaxies.

    python benchmarks/real_galaxies.py catalog DATA real.csv
    python benchmarks/real_galaxies.py pca tfrecords/real real.csv --out pca
    python benchmarks/real_galaxies.py compare real.csv latents.parquet pca/latents.parquet

The first writes one catalog of the 220 DECaLS and 693 SDSS galaxies in folder DATA, with their labels. The second
scores forests on 40 principal components of the same images, by the same five folds as `galkeras classify --folds 5`;
with `--focus 0.3` the components are of images weighed about the centre as the model weighs them. The third
asks whether one table's features beat another's: the same folds and forests with three seeds, and a bootstrap over
galaxies of the difference.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from galkeras.latents.table import feature_table, read_latents
from galkeras.morphology.classify import classify
from galkeras.morphology.forests import FOREST
from galkeras.records.schema import RecordSet

LABELS = ("derived_label", "ring")


def write_catalog(data: Path, out: Path) -> None:
    rings = Table.read(data / "decals_rings" / "catalog.csv")["id", "ring", "file"]
    rings["file"] = [f"decals_rings/{name}" for name in rings["file"]]
    sdss = Table.read(data / "sdss_gz2" / "catalog.csv")["objid", "derived_label", "file"]
    sdss["id"] = sdss["objid"].astype(str)
    sdss["file"] = [f"sdss_gz2/{name}" for name in sdss["file"]]
    table = vstack([rings, sdss["id", "derived_label", "file"]])
    table.write(out, overwrite=True)
    print(f"{out}: {len(table)} galaxies")


def score_components(path: Path, catalog: Path, focus: float, out: Path) -> None:
    from galkeras.models.config import PAPER, ModelConfig
    from galkeras.models.vae import focus_window
    from galkeras.records.reader import ordered_dataset

    records = RecordSet.load(path)
    batches = list(ordered_dataset(records).as_numpy_iterator())
    images = np.concatenate([batch["image"] for batch in batches]) / 255
    side = records.image_size
    window = focus_window(
        ModelConfig(side, "picture", ("any",), (255.0,) * 3, latent_dim=40, **PAPER | {"focus": focus or None})
    )
    z = PCA(40, svd_solver="randomized", random_state=0).fit_transform(
        (images * np.sqrt(window)).reshape(len(images), -1)
    )
    table = feature_table(batches, records.survey, z, f"PCA-40, focus {focus}")
    out.mkdir(parents=True, exist_ok=True)
    table.save(out / "latents.parquet")
    for label in LABELS:
        print(classify(out / "latents.parquet", catalog, out / label, label_column=label, folds=5).markdown())


def compare(catalog: Path, ours: Path, theirs: Path) -> None:
    table = Table.read(catalog)
    tables = [read_latents(path) for path in (ours, theirs)]
    for label in LABELS:
        column = table[label]
        known = {
            str(name): str(value)
            for name, value, hidden in zip(table["id"], column, np.ma.getmaskarray(column), strict=True)
            if not hidden and str(value)
        }
        ids = sorted(known)
        classes, target = np.unique([known[name] for name in ids], return_inverse=True)
        right = np.zeros((2, len(ids)))
        for which, latents in enumerate(tables):
            row = {name: index for index, name in enumerate(latents.id)}
            z = latents.z[[row[name] for name in ids]]
            for seed in range(3):
                folds = StratifiedKFold(5, shuffle=True, random_state=seed)
                forest = RandomForestClassifier(**FOREST, random_state=seed, n_jobs=-1)
                right[which] += (cross_val_predict(forest, z, target, cv=folds) == target) / 3
        gain = right[0] - right[1]
        draws = np.random.default_rng(0).integers(0, len(ids), (10000, len(ids)))
        low, high = np.percentile(gain[draws].mean(1), (2.5, 97.5))
        print(
            f"{label}: {len(classes)} classes, {len(ids)} galaxies, accuracy {right[0].mean():.1%} against"
            f" {right[1].mean():.1%}, difference {gain.mean():+.1%} ({low:+.1%} to {high:+.1%})"
        )


if __name__ == "__main__":
    warnings.simplefilter("ignore", UserWarning)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("catalog")
    command.add_argument("data", type=Path)
    command.add_argument("out", type=Path)
    command = commands.add_parser("pca")
    command.add_argument("records", type=Path)
    command.add_argument("catalog", type=Path)
    command.add_argument("--focus", type=float, default=0.0)
    command.add_argument("--out", type=Path, required=True)
    command = commands.add_parser("compare")
    command.add_argument("catalog", type=Path)
    command.add_argument("ours", type=Path)
    command.add_argument("theirs", type=Path)
    arguments = vars(parser.parse_args())
    command = arguments.pop("command")
    if command == "pca":
        score_components(arguments.pop("records"), **arguments)
    else:
        {"catalog": write_catalog, "compare": compare}[command](**arguments)
