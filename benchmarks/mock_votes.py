"""Do the mock's volunteers vote as the real ones did?

    galkeras mock --galaxies 5000 --size 64 --out mock/
    python benchmarks/mock_votes.py mock/ REAL_DATA

Prints the mean vote fractions of galaxies with five votes or more, beside those of REAL_DATA's rows of GZD-5
(`gzd5_catalogue/full_tree_1418.csv`), as Markdown. Mergers are left out: those rows were asked for them in other
words.
"""

import sys
from pathlib import Path

import numpy as np
from astropy.table import Table

from galkeras.galaxyzoo.trees.gzd5 import GZD5
from galkeras.surveys.catalog import read_catalog

VOTES = 5


def mean_fractions(table: Table, question: str) -> np.ndarray:
    """Return the mean fraction of each answer over galaxies with enough votes."""
    enough = np.nan_to_num(np.ma.filled(np.ma.asarray(table[f"{question}_total-votes"], float), 0)) >= VOTES
    return np.nanmean(GZD5.answer_fractions(table, question)[enough], 0)


def main(mock: Path, real: Path) -> None:
    """Print the table."""
    tables = [read_catalog(file) for file in (mock / "catalog.parquet", real / "gzd5_catalogue/full_tree_1418.csv")]
    print(f"| question | answer: mock ({len(tables[0])}) / real ({len(tables[1])}) |\n|---|---|")
    for name, question in GZD5.questions.items():
        if name == "merging":
            continue
        means = zip(question.answers, *(mean_fractions(table, name) for table in tables), strict=True)
        print(f"| {name} | " + ", ".join(f"{answer} {mock:.2f} / {real:.2f}" for answer, mock, real in means) + " |")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
