"""The GZD-5 decision tree as data, and who was asked what."""

__all__ = ["GZD5", "VOTE_COLUMNS", "Question", "answer_fractions", "asked"]

from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from galkeras.io.errors import GalkerasError, did_you_mean


@dataclass(frozen=True)
class Question:
    """One question of the tree, under Galaxy Zoo's own names.

    Attributes:
        name: As in the column names of the published catalogs.
        answers: Its answers, likewise.
        after: The question that leads here, or None for the first.
        when: The answers of ``after`` that lead here.
    """

    name: str
    answers: tuple[str, ...]
    after: str | None = None
    when: tuple[str, ...] = ()


# Walmsley et al. 2022, figure 4. An artifact is asked nothing more; every galaxy ends at `merging`.
GZD5: dict[str, Question] = {
    question.name: question
    for question in (
        Question("smooth-or-featured", ("smooth", "featured-or-disk", "artifact")),
        Question("how-rounded", ("round", "in-between", "cigar-shaped"), "smooth-or-featured", ("smooth",)),
        Question("disk-edge-on", ("yes", "no"), "smooth-or-featured", ("featured-or-disk",)),
        Question("edge-on-bulge", ("rounded", "boxy", "none"), "disk-edge-on", ("yes",)),
        Question("bar", ("strong", "weak", "no"), "disk-edge-on", ("no",)),
        Question("has-spiral-arms", ("yes", "no"), "disk-edge-on", ("no",)),
        Question("spiral-winding", ("tight", "medium", "loose"), "has-spiral-arms", ("yes",)),
        Question("spiral-arm-count", ("1", "2", "3", "4", "more-than-4", "cant-tell"), "has-spiral-arms", ("yes",)),
        Question("bulge-size", ("dominant", "large", "moderate", "small", "none"), "disk-edge-on", ("no",)),
        Question(
            "merging",
            ("none", "minor-disturbance", "major-disturbance", "merger"),
            "smooth-or-featured",
            ("smooth", "featured-or-disk"),
        ),
    )
}

VOTE_COLUMNS: tuple[str, ...] = tuple(
    f"{question.name}_{answer}_fraction" for question in GZD5.values() for answer in question.answers
)
"""The columns of a catalog that the tree speaks of."""


def answer_fractions(table: Table, question: str) -> np.ndarray:
    """Return the vote fractions of a question's answers.

    A row whose fractions do not add up to 1 was not asked this question: nobody saw it, or its votes went to
    answers of an earlier tree, which leaves zeros here (the ``merging`` of early campaign rows). It gets NaN.

    Args:
        table: A catalog with columns ``{question}_{answer}_fraction``.
        question: A name in `GZD5`.

    Returns:
        (rows, answers) float64 in the order of the question's ``answers``, NaN where it was not asked.

    Raises:
        GalkerasError: A column is missing.
    """
    fractions = np.stack([_fraction(table, question, answer) for answer in GZD5[question].answers], -1)
    asked_here = np.abs(np.nan_to_num(fractions).sum(-1) - 1) < 0.02
    return np.where(asked_here[:, None], fractions, np.nan)


def asked(table: Table, question: str) -> np.ndarray:
    """Return the proportion of volunteers who were led to ``question``, as (rows,) float64.

    It is the product, from the top of the tree, of the fractions of the answers that lead on. Volunteers whose
    ancestors were never asked count as 0.
    """
    this = GZD5[question]
    if this.after is None:
        return np.ones(len(table))
    led_on = sum(np.nan_to_num(_fraction(table, this.after, answer)) for answer in this.when)
    return led_on * asked(table, this.after)


def _fraction(table: Table, question: str, answer: str) -> np.ndarray:
    name = f"{question}_{answer}_fraction"
    if name in table.colnames:
        return np.ma.filled(np.ma.asarray(table[name], dtype=np.float64), np.nan)
    raise GalkerasError(f"the catalog has no column {name!r}.{did_you_mean(name, table.colnames)}")
