"""The votes of a catalog, or labels, as counts for each galaxy: what a model can observe beside the image."""

__all__ = ["Votes", "read_votes"]

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.table import Table

from galkeras.galaxyzoo.labels import column_labels
from galkeras.galaxyzoo.tree import LABEL_VOTES, Tree
from galkeras.galaxyzoo.trees import count_columns, tree_of
from galkeras.io.errors import GalkerasError
from galkeras.surveys.catalog import ID_COLUMNS, read_catalog

Questions = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, eq=False)
class Votes:
    """Votes by galaxy.

    Attributes:
        questions: Names of the questions, each with its answers.
        ids: (rows,) names of the galaxies.
        counts: (rows, answers of all questions) float32 votes; 0 where nobody was asked.
    """

    questions: Questions
    ids: np.ndarray
    counts: np.ndarray

    @property
    def digest(self) -> str:
        """What identifies the votes: a SHA-256 over questions, names and counts."""
        digest = hashlib.sha256(json.dumps(self.questions).encode())
        digest.update("\n".join(self.ids.tolist()).encode())
        digest.update(np.ascontiguousarray(self.counts, "<f4").tobytes())
        return digest.hexdigest()


def read_votes(catalog: str | Path | Table, label_columns: Sequence[str] = (), id_column: str | None = None) -> Votes:
    """Read who voted what.

    Votes of a tree are its `Tree.counts`; a label counts as `LABEL_VOTES`.

    Args:
        catalog: A catalog, or a table that `read_catalog` gave.
        label_columns: Read these columns' labels instead, each as a question with the label for its one answer.
        id_column: The catalog's column of names, where it is not one of the usual.

    Raises:
        GalkerasError: The catalog has neither votes of a known tree nor the columns, or none of any galaxy.
    """
    wanted = tuple(label_columns) or (*ID_COLUMNS, *count_columns())
    catalog = read_catalog(catalog, id_column=id_column, position=False, columns=wanted)
    questions, counts = _labels(catalog, label_columns) if label_columns else _votes(catalog, tree_of(catalog))
    if not counts.any():
        raise GalkerasError("the catalog has no vote or label of any galaxy: its columns are empty")
    return Votes(questions, np.array([str(name) for name in catalog["id"]]), counts)


def _votes(catalog: Table, tree: Tree) -> tuple[Questions, np.ndarray]:
    if tree.refused:
        raise GalkerasError(tree.refused)
    parts = [tree.counts(catalog, question.name) for question in tree.asks]
    questions = tuple((question.name, question.answers) for question in tree.asks)
    return questions, np.concatenate(parts, 1).astype(np.float32)


def _labels(catalog: Table, columns: Sequence[str]) -> tuple[Questions, np.ndarray]:
    questions, parts = [], []
    for column in columns:
        labels = column_labels(catalog, column)
        classes = tuple(sorted(set(labels.tolist()) - {""}))
        if len(classes) < 2:
            found = f"only {classes[0]!r}" if classes else "none"
            raise GalkerasError(f"column {column!r} must have two classes or more to learn from. It has {found}")
        questions.append((column, classes))
        parts.append(LABEL_VOTES * (labels[:, None] == np.array(classes)))
    return tuple(questions), np.concatenate(parts, 1).astype(np.float32)
