"""How well would another panel of volunteers know the labels of Galaxy Zoo 2 pictures?

    python benchmarks/label_ceiling.py DATA/sdss_gz2/catalog.csv

`derived_label` is a cut in vote fractions, debiased, of some forty volunteers a galaxy, of whom only those who said so
were led on down the tree. Who reads the expected fractions off the image without error still does not know which way
chance, and the correction that is not in the image, turned the label. So the votes of each galaxy are drawn anew, as
many as there were, from its own fractions, question by question down the tree; forests learn in five folds what the
label is by such votes. Beside them the same of the votes that the labels are of. What is drawn scatters about the
fractions that were seen as those do about the expected ones, so the former is the score to be had of a perfect image.
"""

import argparse
from pathlib import Path

import numpy as np
from astropy.table import Table
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from galkeras.galaxyzoo.tree import Tree
from galkeras.galaxyzoo.trees import tree_of
from galkeras.io.text import markdown_table
from galkeras.surveys.catalog import read_catalog

LABEL, VOLUNTEERS, PANELS = "derived_label", "total_classifications", 5
# The question whose answer decides a class, as the catalog's labels were cut.
DECIDED = {"spiral": "spiral", "merger": "odd-feature", "edge-on": "edgeon", "elliptical": "smooth-or-features"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("catalog", type=Path)
    catalog = read_catalog(parser.parse_args().catalog, id_column="objid", position=False)
    tree, labels = tree_of(catalog), np.array(catalog[LABEL])

    seen = votes_cast(tree, catalog)
    lines = []
    for kind, question in DECIDED.items():
        asked = seen[question].sum(1)[labels == kind]
        quantiles = np.percentile(asked, (5, 25, 50))
        lines.append([kind, question, str(len(asked)), *(f"{value:.0f}" for value in quantiles)])
    print(markdown_table(["label", "decided by", "galaxies", "volunteers asked: 5 %", "25 %", "50 %"], lines), "\n")

    scores = {"the votes that labels are of": [score(shares(seen), labels, seed) for seed in range(PANELS)]}
    panels = (another_panel(tree, catalog, np.random.default_rng(seed)) for seed in range(PANELS))
    scores["another panel"] = [score(shares(votes), labels, seed) for seed, votes in enumerate(panels)]
    lines = [[what, f"{np.mean(found):.1%}", f"{min(found):.1%} to {max(found):.1%}"] for what, found in scores.items()]
    print(markdown_table(["balanced accuracy of forests on", "mean", f"of {PANELS} draws"], lines))


def votes_cast(tree: Tree, catalog: Table) -> dict[str, np.ndarray]:
    """Return (rows, answers) votes of each question: the volunteers led to it times its fractions."""
    volunteers = np.asarray(catalog[VOLUNTEERS], dtype=np.float64)
    return {
        question.name: (volunteers * tree.asked(catalog, question.name))[:, None]
        * np.nan_to_num(tree.answer_fractions(catalog, question.name))
        for question in tree.asks
    }


def another_panel(tree: Tree, catalog: Table, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return (rows, answers) votes of each question by as many other volunteers."""
    votes: dict[str, np.ndarray] = {}
    for question in tree.asks:
        chances = shares({question.name: np.nan_to_num(tree.answer_fractions(catalog, question.name))})
        if question.after is None:
            asked = np.asarray(catalog[VOLUNTEERS], dtype=int)
        else:
            before = tree.questions[question.after]
            asked = votes[before.name][:, [before.answers.index(answer) for answer in question.when]].sum(1)
        votes[question.name] = rng.multinomial(asked, chances)
    return votes


def shares(votes: dict[str, np.ndarray]) -> np.ndarray:
    """Return (rows, answers of all questions) shares; equal ones where nobody was asked."""
    parts = []
    for counts in votes.values():
        total = counts.sum(1, keepdims=True)
        parts.append(np.where(total > 0, counts / np.maximum(total, 1e-9), 1 / counts.shape[1]))
    return np.concatenate(parts, 1)


def score(features: np.ndarray, labels: np.ndarray, seed: int) -> float:
    forest = RandomForestClassifier(300, min_samples_leaf=2, random_state=seed)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    return float(balanced_accuracy_score(labels, cross_val_predict(forest, features, labels, cv=folds)))


if __name__ == "__main__":
    main()
