"""How much of the labels of Galaxy Zoo 2 pictures is chance and correction? A second panel, simulated.

    python benchmarks/label_noise.py DATA/sdss_gz2/catalog.csv

`derived_label` is a cut in vote fractions, debiased, of some forty volunteers a galaxy, of whom only those who said so
were led on down the tree. The votes of each galaxy are drawn anew, as many as there were, from its own fractions,
question by question down the tree; forests learn in five folds what the label is by such votes, and by the votes that
the labels are of. The first table says how many decided a label, and by how much debiasing moved the deciding fraction.

The scores are a scale of how noisy labels are, not a bound of what an image can say. Fractions of 0 and 1 never
scatter, which flatters the second panel. Its forests have few galaxies to learn from, labels were kept where one
fraction came out high, which the second panel's need not, and an image says part of the correction by colour and size:
these make it look worse.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from galkeras.galaxyzoo.tree import LABEL_VOTES, Tree
from galkeras.galaxyzoo.trees import tree_of
from galkeras.io.text import markdown_table
from galkeras.surveys.catalog import read_catalog

LABEL, VOLUNTEERS, PANELS = "derived_label", "total_classifications", 5
# The question and the answer that decide a class, as the catalog's labels were cut.
DECIDED = {
    "spiral": ("spiral", "spiral"),
    "merger": ("odd-feature", "merger"),
    "edge-on": ("edgeon", "yes"),
    "elliptical": ("smooth-or-features", "smooth"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("catalog", type=Path)
    catalog = read_catalog(parser.parse_args().catalog, id_column="objid", position=False)
    tree, labels = tree_of(catalog), np.array(catalog[LABEL])

    volunteers = np.asarray(catalog[VOLUNTEERS], dtype=int)
    # The catalog has no totals of the questions, so counts are of so many volunteers at the first.
    seen = {q.name: tree.counts(catalog, q.name) * volunteers[:, None] / LABEL_VOTES for q in tree.asks}
    lines = []
    for kind, (question, answer) in DECIDED.items():
        own = labels == kind
        quantiles = np.percentile(seen[question].sum(1)[own], (5, 25, 50))
        said, debiased = (
            np.asarray(catalog[f"{question}_{answer}_{what}"], float) for what in ("fraction", "debiased")
        )
        moved = np.nanmean(np.abs(debiased - said)[own])
        lines.append([kind, question, str(own.sum()), *(f"{value:.0f}" for value in quantiles), f"{moved:.2f}"])
    header = ["label", "decided by", "galaxies", "volunteers asked: 5 %", "25 %", "50 %", "moved by debiasing"]
    print(markdown_table(header, lines), "\n")

    scores = {"the votes that labels are of": [score(shares(seen), labels, seed) for seed in range(PANELS)]}
    panels = (another_panel(tree, seen, volunteers, np.random.default_rng(seed)) for seed in range(PANELS))
    scores["votes of a second panel"] = [score(shares(votes), labels, seed) for seed, votes in enumerate(panels)]
    lines = [[what, f"{np.mean(found):.1%}", f"{min(found):.1%} to {max(found):.1%}"] for what, found in scores.items()]
    print(markdown_table(["balanced accuracy of forests on", "mean", f"of {PANELS} draws"], lines))


def another_panel(
    tree: Tree, seen: dict[str, np.ndarray], volunteers: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return (rows, answers) votes of each question by as many other volunteers."""
    votes: dict[str, np.ndarray] = {}
    for question in tree.asks:
        asked = volunteers
        if question.after is not None:
            answers = tree.questions[question.after].answers
            asked = votes[question.after][:, [answers.index(answer) for answer in question.when]].sum(1)
        votes[question.name] = rng.multinomial(asked, shares({question.name: seen[question.name]}))
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
