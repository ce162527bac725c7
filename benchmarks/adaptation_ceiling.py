"""How much of what forests lose between two surveys could be won back, and how much the second one does not hold.

    python benchmarks/adaptation_ceiling.py SHIFT CATALOG [--stage before]

SHIFT is a folder that `galkeras shift` wrote of pairs. Forests are fitted to either survey's latents and used on both,
by three-fold cross-validation over the same galaxies, so that all have learned from equally many.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold

from galkeras.galaxyzoo.labels import labels
from galkeras.galaxyzoo.trees.gzd5 import GZD5
from galkeras.io.text import markdown_table
from galkeras.latents.table import read_latents
from galkeras.morphology.forests import fit_forest
from galkeras.records.pairs import join
from galkeras.surveys.catalog import read_catalog

_FOLDS, _FEWEST = 3, 10
WAYS = {f"{a} → {b}": (a, b) for a, b in (("source", "source"), ("source", "target"), ("target", "target"))}
WAYS["target → source"] = ("target", "source")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shift", type=Path)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--stage", choices=("before", "after"), default="before")
    given = parser.parse_args()
    tables = {d: read_latents(given.shift / f"latents-{d}-{given.stage}.parquet") for d in ("source", "target")}
    pairs = join(*tables.values())
    tables = {"source": tables["source"][pairs.source], "target": tables["target"][pairs.target]}
    catalog = read_catalog(given.catalog, position=False)
    rows, means = [], []
    for question in GZD5.label_questions.values():
        by_id = dict(zip(map(str, catalog["id"]), labels(catalog, question.name), strict=True))
        truth = np.array([by_id.get(name) or "" for name in tables["source"].id.tolist()])
        classes = [label.answer for label in question.labels if np.sum(truth == label.answer) >= _FEWEST]
        kept = np.flatnonzero(np.isin(truth, classes))
        truth = truth[kept]
        predicted = {way: np.empty(len(kept), truth.dtype) for way in WAYS}
        for train, test in StratifiedKFold(_FOLDS, shuffle=True, random_state=0).split(kept, truth):
            forests = {d: fit_forest(table.z[kept[train]], truth[train], 0) for d, table in tables.items()}
            for way, (learned, asked) in WAYS.items():
                predicted[way][test] = forests[learned].predict(tables[asked].z[kept[test]])
        scores = [balanced_accuracy_score(truth, values) for values in predicted.values()]
        means.append(scores)
        rows.append((question.title, f"{len(kept):,}", *(f"{score:.1%}" for score in scores)))
    rows.append(("mean", "", *(f"{score:.1%}" for score in np.mean(means, 0))))
    print(markdown_table(("question", "galaxies", *WAYS), rows))


if __name__ == "__main__":
    main()
