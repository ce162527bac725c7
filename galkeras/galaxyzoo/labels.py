"""Table 2 of the paper as data: nine questions, their classes, and which vote fraction makes a label."""

__all__ = ["ASKED", "TABLE_2", "Label", "LabelQuestion", "column_labels", "labels"]

from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from galkeras.galaxyzoo.tree import GZD5, answer_fractions, asked
from galkeras.io.errors import GalkerasError, did_you_mean
from galkeras.surveys.catalog import campaign

ASKED = 0.5
"""A galaxy is labelled only where more than this proportion of the volunteers was led to the question.

Table 2 names the group a question belongs to ("Smooth", "Edge-on", "Have arm") and no threshold for it. Half is
the usual cut, and needed: 2 votes of 40 that say "edge-on: no" are a fraction of 1.0 of a smooth galaxy.
"""

_MOST_CLASSES = 30


@dataclass(frozen=True)
class Label:
    """A class: the galaxies whose vote fraction for ``answer`` exceeds ``above``.

    Attributes:
        answer: The answer in `GZD5`, which is also the name of the class.
        above: The fraction threshold (strictly greater).
        paper: How many galaxies the paper found (Table 2).
    """

    answer: str
    above: float
    paper: int


@dataclass(frozen=True)
class LabelQuestion:
    """One row of Tables 2 and 3.

    Attributes:
        name: The question in `GZD5`.
        title: The paper's name of it.
        labels: Its classes.
        paper: The paper's test accuracy, precision, recall and F1 (Table 3).
        positive: The class that precision, recall and F1 of a two-class question speak of: the one that the
            paper's counts and figures point to, its majority.
    """

    name: str
    title: str
    labels: tuple[Label, ...]
    paper: tuple[float, float, float, float]
    positive: str | None = None


# Table 2 puts bulge size in the group "Edge-on". The tree asks it of featured galaxies that are *not* edge-on, and
# the four answers exist nowhere else, so that is taken for a slip and the tree is followed.
TABLE_2: dict[str, LabelQuestion] = {
    question.name: question
    for question in (
        LabelQuestion(
            "how-rounded",
            "How round?",
            (Label("round", 0.8, 10992), Label("in-between", 0.8, 22324), Label("cigar-shaped", 0.8, 775)),
            (0.9068, 0.9068, 0.9068, 0.9068),
        ),
        LabelQuestion(
            "disk-edge-on",
            "Edge on?",
            (Label("yes", 0.8, 8377), Label("no", 0.8, 47918)),
            (0.8425, 0.9878, 0.8443, 0.9104),
            positive="no",
        ),
        LabelQuestion(
            "edge-on-bulge",
            "Bulge shape",
            (Label("rounded", 0.8, 3776), Label("boxy", 0.5, 71), Label("none", 0.5, 1046)),
            (0.8408, 0.8408, 0.8408, 0.8408),
        ),
        LabelQuestion(
            "bar",
            "Bar",
            (Label("no", 0.8, 3386), Label("weak", 0.6, 103), Label("strong", 0.6, 1782)),
            (0.7621, 0.7621, 0.7621, 0.7621),
        ),
        LabelQuestion(
            "has-spiral-arms",
            "Have arm?",
            (Label("yes", 0.8, 34670), Label("no", 0.5, 2880)),
            (0.9191, 0.7338, 0.9668, 0.8344),
            positive="yes",
        ),
        LabelQuestion(
            "spiral-winding",
            "Arm tightness",
            (Label("tight", 0.8, 1235), Label("medium", 0.6, 315), Label("loose", 0.8, 583)),
            (0.7584, 0.7584, 0.7584, 0.7584),
        ),
        LabelQuestion(
            "spiral-arm-count",
            "Arm count",
            (Label("1", 0.5, 83), Label("2", 0.9, 9224), Label("3", 0.5, 327), Label("4", 0.4, 11)),
            (0.8632, 0.8632, 0.8632, 0.8632),
        ),
        LabelQuestion(
            "bulge-size",
            "Bulge size",
            (
                Label("none", 0.5, 891),
                Label("small", 0.7, 6179),
                Label("moderate", 0.6, 7724),
                Label("large", 0.4, 297),
            ),
            (0.8260, 0.8260, 0.8260, 0.8260),
        ),
        LabelQuestion(
            "merging",
            "Merger",
            (Label("merger", 0.6, 4182), Label("none", 0.8, 73897)),
            (0.9636, 0.9990, 0.9645, 0.9815),
            positive="none",
        ),
    )
}


def labels(table: Table, question: str) -> np.ndarray:
    """Return the class of every galaxy for one question of `TABLE_2`.

    A galaxy has a class where more than `ASKED` of the volunteers were led to the question and the fraction of one
    answer exceeds its threshold. Two answers can do so at once only where their thresholds add up to less than 1:
    arm count 4 beside 1 or 3, and bulge size large beside none. The larger fraction wins then.

    Args:
        table: A catalog with canonical vote columns ``{question}_{answer}_fraction``.
        question: A name in `TABLE_2`.

    Returns:
        (rows,) strings, empty where the galaxy has no class.

    Raises:
        GalkerasError: An unknown question, a missing column, or a table of another decision tree.
    """
    if question not in TABLE_2:
        raise GalkerasError(
            f"unknown question {question!r}; known: {', '.join(TABLE_2)}.{did_you_mean(question, TABLE_2)}"
        )
    if campaign(table) == "gzd-1-2":
        raise GalkerasError(
            "the catalog follows the decision tree of Galaxy Zoo DECaLS 1 and 2 (volunteers_1_and_2), whose "
            "questions are others: use volunteers_5 or auto_posteriors, or name a column with --label-column"
        )
    classes = TABLE_2[question].labels
    answers = GZD5[question].answers
    # A question that was not asked has NaN fractions, which exceed nothing.
    fractions = answer_fractions(table, question)[:, [answers.index(label.answer) for label in classes]]
    reached = fractions > np.array([label.above for label in classes])
    chosen = np.where(reached, fractions, -1).argmax(-1)
    labelled = reached.any(-1) & (asked(table, question) > ASKED)
    return np.where(labelled, np.array([label.answer for label in classes])[chosen], "")


def column_labels(catalog: Table, column: str) -> np.ndarray:
    """Return the class of every galaxy by a column of the user's own.

    Args:
        catalog: A table that `read_catalog` gave.
        column: A column of text, or of numbers with few distinct values.

    Returns:
        (rows,) strings, empty where the cell is empty or not a number.

    Raises:
        GalkerasError: There is no such column, or it has too many distinct values to be a label.
    """
    if column not in catalog.colnames:
        known = ", ".join(catalog.colnames[:12]) + (", …" if len(catalog.colnames) > 12 else "")
        raise GalkerasError(
            f"the catalog has no column {column!r}.{did_you_mean(column, catalog.colnames)} It has: {known}"
        )
    values = np.array([_class_name(value) for value in catalog[column].tolist()])
    classes = len(set(values.tolist()) - {""})
    if classes > _MOST_CLASSES:
        raise GalkerasError(
            f"column {column!r} has {classes:,} distinct values; a label has at most {_MOST_CLASSES} classes"
        )
    return values


def _class_name(value: object) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return (value.decode(errors="replace") if isinstance(value, bytes) else str(value)).strip()
