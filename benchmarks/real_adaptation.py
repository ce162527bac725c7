r"""Adapting between real surveys without pairs: SDSS pictures (source) and 330 DECaLS pictures of other galaxies.

    python benchmarks/real_pictures.py DATA real       # and two catalogs of its rows, sdss.csv and decals.csv
    galkeras make-tfrecords sdss.csv real/cutouts --image-size 64 --survey sdss --no-position --out sdss
    galkeras make-tfrecords decals.csv real/cutouts --image-size 64 --survey decals --no-position --out decals
    galkeras fit sdss --catalog sdss.csv --label-column … --out before
    galkeras adapt before sdss decals --unpaired --out after
    python benchmarks/real_adaptation.py sdss decals real/catalog.csv before after …

For each model, and for maps of the first one's DECaLS latents fitted without pairs, as Markdown: the AUC of telling
the surveys apart, on all galaxies outside the source's training split and on spirals alone, for the surveys hold
different kinds; balanced accuracy of forests that learned from SDSS labels of the training split, on the other SDSS
galaxies and on the DECaLS galaxies of `galaxy10`, whose classes are taken for theirs by `SAME`; and that of five folds
over DECaLS rings.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedKFold

from galkeras.evaluation.shift.baselines import BASELINES
from galkeras.evaluation.shift.domains import tell_apart
from galkeras.galaxyzoo.labels import column_labels
from galkeras.io.text import markdown_table
from galkeras.latents.encode import encode
from galkeras.latents.table import LatentTable, read_latents
from galkeras.morphology.forests import fit_forest
from galkeras.surveys.catalog import read_catalog

# Classes of Galaxy10, and what SDSS's labels call them. Disturbed and cigar-shaped galaxies have no place there.
SAME = {
    "derived_label": {"merger": "1", "elliptical": "23", "spiral": "567", "edge-on": "89"},
    "class4": {"elliptical": "23", "barred spiral": "5", "spiral": "67", "edge-on": "89"},
}
DRAWS = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("source", "target", "catalog"):
        parser.add_argument(name, type=Path)
    parser.add_argument("models", type=Path, nargs="+")
    given = parser.parse_args()
    catalog = read_catalog(given.catalog, position=False)
    names = [str(name) for name in catalog["id"]]
    labels = {
        column: dict(zip(names, column_labels(catalog, column).tolist(), strict=True))
        for column in (*SAME, "ring", "galaxy10")
    }
    rows = []
    for number, model in enumerate(given.models):
        source, target = (latents(model, records) for records in (given.source, given.target))
        ways = {model.name: target.z}
        if not number:
            # Fitted on the training splits, as `galkeras align` does.
            fitted = source.z[source.split == "train"], target.z[target.split == "train"]
            ways |= {
                f"{model.name}, {one.title}": one.fit(*fitted)(target.z) for one in BASELINES.values() if not one.pairs
            }
        for way, z in ways.items():
            rows.append((way, *scores(source, replace(target, z=z), labels)))
    header = ["model", "AUC, linear", "trees", "of spirals", *(f"{a}, {b}" for a in SAME for b in ("SDSS", "DECaLS"))]
    print(markdown_table((*header, "ring, DECaLS"), rows))


def latents(model: Path, records: Path) -> LatentTable:
    file = model / f"latents-{records.name}.parquet"
    if not file.exists():
        encode(model, records, file, scores="none", any_survey=True)
    return read_latents(file)


def scores(source: LatentTable, target: LatentTable, labels: dict[str, dict[str, str]]) -> list[str]:
    held, learned = source.split != "train", source.split == "train"
    spirals = {"6", "7", "5", "spiral", "barred spiral"}
    alike = [
        table.z[
            [
                labels[column].get(name, "") in spirals and kept
                for name, kept in zip(table.id.tolist(), which, strict=True)
            ]
        ]
        for table, column, which in ((source, "class4", held), (target, "galaxy10", np.ones(len(target), bool)))
    ]
    linear, trees = tell_apart(source.z[held], target.z, paired=False, seed=0)
    cells = [f"{linear.auc:.3f}", f"{trees.auc:.3f}", f"{tell_apart(*alike, paired=False, seed=0)[1].auc:.3f}"]
    for column, same in SAME.items():
        truth = of(source, labels[column])
        classes = np.unique(truth[truth != ""])
        fitted = (truth != "") & learned
        forest = fit_forest(source.z[fitted], np.searchsorted(classes, truth[fitted]), 0)
        back = {number: name for name, numbers in same.items() for number in numbers}
        there = np.array([back.get(one, "") for one in of(target, labels["galaxy10"]).tolist()])
        for table, known, its in ((source, (truth != "") & held, truth), (target, there != "", there)):
            said = classes[forest.predict(table.z[known])]
            cells.append(balanced(said == its[known], its[known]))
    ring = of(target, labels["ring"])
    z, truth = target.z[ring != ""], ring[ring != ""]
    right = np.zeros(len(truth), bool)
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(z, truth):
        right[test] = fit_forest(z[train], truth[train], 0).predict(z[test]) == truth[test]
    return [*cells, balanced(right, truth)]


def of(table: LatentTable, labels: dict[str, str]) -> np.ndarray:
    return np.array([labels.get(name, "") for name in table.id.tolist()])


def balanced(right: np.ndarray, truth: np.ndarray) -> str:
    """Return the balanced accuracy with its 95 % interval over galaxies, drawn within the classes."""
    rng = np.random.default_rng(0)
    each = [right[truth == one] for one in np.unique(truth)]
    drawn = np.mean([rng.choice(one, (DRAWS, len(one))).mean(1) for one in each], axis=0)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return f"{100 * np.mean([one.mean() for one in each]):.1f} % ({100 * low:.0f} to {100 * high:.0f})"


if __name__ == "__main__":
    main()
