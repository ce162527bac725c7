"""By how much do forests, and the expected shares of votes, overrate the answer that they name?

    python benchmarks/expected_votes.py latents.parquet catalog.parquet forests/mine

Give galaxies that neither learned from; those that trained the forests are left out. Of a question, galaxies count that
at least one in ten volunteers was asked about, those with a class by the thresholds of the tree and those without
apart. What is named is compared with its share of the votes, among the answers that are classes. Prints a Markdown
table, in points.
"""

import argparse
from pathlib import Path

import numpy as np

from galkeras.galaxyzoo.trees import count_columns, tree_of
from galkeras.io.text import markdown_table
from galkeras.latents.table import read_latents
from galkeras.morphology.forests import Forests
from galkeras.surveys.catalog import read_catalog, rows_in

ASKED = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("latents", type=Path)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("forests", type=Path)
    given = parser.parse_args()
    latents, forests = read_latents(given.latents), Forests.load(given.forests)
    catalog = read_catalog(given.catalog, position=False, columns=count_columns())
    latents = latents[[galaxy not in forests.trained for galaxy in latents.id.tolist()]]
    rows, matches = rows_in(catalog, latents.id)
    z, catalog = latents.z[rows], catalog[matches]
    tree, shares = tree_of(catalog), forests.votes.shares(z)

    lines = []
    for name, forest in forests.by_question.items():
        answers = tree.questions[name].answers
        classes = [answers.index(one) for one in forest.classes]
        votes = np.nan_to_num(tree.answer_fractions(catalog, name))[:, classes]
        asked = (tree.asked(catalog, name) > ASKED) & (votes.sum(1) > 0)
        votes, expected = normalised(votes[asked]), normalised(shares[name][asked][:, classes])
        has_class = tree.labels(catalog, name)[asked] != ""
        said = forest.probabilities(z[asked])
        cells = []
        for which in (has_class, ~has_class):
            cells += [f"{which.sum():,}", f"{overrated(said, votes, which):+.1f}"]
            cells += [f"{overrated(expected, votes, which):+.1f}"]
        lines.append((forest.title, *cells))
    kinds = ("with a class", "without")
    header = [cell for kind in kinds for cell in (kind, "forest", "expected votes")]
    print(markdown_table(("question", *header), lines))


def normalised(shares: np.ndarray) -> np.ndarray:
    return shares / shares.sum(1, keepdims=True)


def overrated(said: np.ndarray, votes: np.ndarray, which: np.ndarray) -> float:
    """Return by how many points the likeliest class is overrated, on average over these rows."""
    rows = np.flatnonzero(which)
    named = said[rows].argmax(1)
    return 100 * float(np.mean(said[rows, named] - votes[rows, named]))


if __name__ == "__main__":
    main()
