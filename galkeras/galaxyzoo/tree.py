"""A decision tree of Galaxy Zoo as data: its questions, its columns, its classes, and who was asked what."""

__all__ = ["ASKED", "LABEL_VOTES", "Label", "LabelQuestion", "Question", "Tree", "broad_types"]

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from astropy.table import Table

from galkeras.io.errors import GalkerasError, did_you_mean

ASKED = 0.5
"""A galaxy is labelled only where more than this proportion of the volunteers was led to the question.

The paper's Table 2 names the group a question belongs to ("Smooth", "Edge-on", "Have arm") and no threshold for it.
Half is the usual cut, and needed: 2 votes of 40 that say "edge-on: no" are a fraction of 1.0 of a smooth galaxy.
"""

LABEL_VOTES = 30.0
"""How many votes an expert's label counts as, and a galaxy of unknown numbers at the first question: about what
volunteers give.
"""

# More volunteers than any galaxy has: a larger total stands for something else.
_MOST_VOTES = 100_000


@dataclass(frozen=True)
class Question:
    """One question of a tree, under Galaxy Zoo's own names.

    Attributes:
        name: As in the column names that `Tree.canonical` gives.
        answers: Its answers, likewise, in the order of the published columns.
        after: The question that leads here, or None for the first.
        when: The answers of ``after`` that lead here.
    """

    name: str
    answers: tuple[str, ...]
    after: str | None = None
    when: tuple[str, ...] = ()


@dataclass(frozen=True)
class Label:
    """A class: the galaxies whose vote fraction for ``answer`` exceeds ``above``.

    Attributes:
        answer: The answer in the tree, which is also the name of the class.
        above: The fraction threshold (strictly greater).
        paper: How many galaxies the paper found (Table 2), None where it does not say.
    """

    answer: str
    above: float
    paper: int | None = None


@dataclass(frozen=True)
class LabelQuestion:
    """A question that galaxies are classified by: a row of the paper's Tables 2 and 3.

    Attributes:
        name: The question in the tree.
        title: As people read it.
        labels: Its classes.
        paper: The paper's test accuracy, precision, recall and F1 (Table 3), None where it does not ask this.
        paper_adapted: The paper's accuracies on DECaLS and BASS+MzLS before adaptation, and on BASS+MzLS after
            (Table 4), likewise.
        positive: The class that precision, recall and F1 of a two-class question speak of; of the paper's questions
            the one that its counts and figures point to, its majority.
    """

    name: str
    title: str
    labels: tuple[Label, ...]
    paper: tuple[float, float, float, float] | None = None
    paper_adapted: tuple[float, float, float] | None = None
    positive: str | None = None

    def without_paper(self) -> "LabelQuestion":
        """Return the same question without the paper's numbers, which are of its own tree alone."""
        labels = tuple(Label(label.answer, label.above) for label in self.labels)
        return replace(self, labels=labels, paper=None, paper_adapted=None)


@dataclass(frozen=True, eq=False)
class Tree:
    """A decision tree.

    Attributes:
        name: What it is asked for by in `TREES`.
        title: As people read it.
        asks: Its questions in the order of the published columns.
        classes: The questions that galaxies are classified by, in the order of reports.
        recognizes: Whether a catalog with these (canonical) columns follows this tree. Of all trees the first that
            says yes has it, in the order of `TREES`.
        types: Names of the broad types that figures are broken down by, to question and answer.
        colored: The questions that maps of latents are coloured by.
        release: What may stand between question and answer in published columns, as a regular expression, like the
            release in ``bar-dr5_no``.
        spelling: For a tree whose columns are named otherwise: published name to canonical name, None for any other.
        refused: Why catalogs of this tree are not used, for trees that are only recognised.
    """

    name: str
    title: str
    asks: tuple[Question, ...]
    classes: tuple[LabelQuestion, ...]
    recognizes: Callable[[Collection[str]], bool]
    types: dict[str, tuple[str, str]]
    colored: tuple[str, ...] = ()
    release: str = ""
    spelling: Callable[[str], str | None] | None = None
    refused: str = ""

    def __post_init__(self) -> None:
        for question in self.asks:
            if question.after is not None:
                unknown = set(question.when) - set(self.questions[question.after].answers)
                if unknown or not question.when:
                    raise ValueError(f"tree {self.name}: {question.name!r} follows from no answer {unknown or ''}")

    @cached_property
    def questions(self) -> dict[str, Question]:
        """The questions by name."""
        return {question.name: question for question in self.asks}

    @cached_property
    def label_questions(self) -> dict[str, LabelQuestion]:
        """The questions that galaxies are classified by, by name."""
        return {question.name: question for question in self.classes}

    @cached_property
    def vote_columns(self) -> tuple[str, ...]:
        """The columns of a catalog that the tree speaks of."""
        return tuple(_column(question.name, answer) for question in self.asks for answer in question.answers)

    def canonical(self, name: str) -> str | None:
        """Return the one spelling of a published vote column, None for a column of anything else.

        It is ``{question}_{answer}``, followed by ``_fraction`` or another measure, and ``{question}_total-votes``.
        """
        if self.spelling is not None:
            return self.spelling(name)
        match = self._pattern.fullmatch(name)
        if not match:
            return None
        question, rest = match["question"].replace("_", "-"), match["rest"]
        if _TOTAL.fullmatch(rest):
            return f"{question}_total-votes"
        if _ASKED.fullmatch(rest):
            return f"{question}_proportion_volunteers_asked"
        measure = _MEASURE.fullmatch(rest)
        answer = (measure["answer"] if measure else rest).replace("_", "-")
        if answer not in self.questions[question].answers:
            return None
        return f"{question}_{answer}" + (f"_{measure['measure']}" if measure else "")

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        names = "|".join(re.escape(name).replace(r"\-", "[-_]") for name in self.questions)
        release = f"(?:[-_](?:{self.release}))?" if self.release else ""
        return re.compile(f"(?P<question>{names}){release}[-_](?P<rest>.+)")

    def answer_fractions(self, table: Table, question: str) -> np.ndarray:
        """Return the vote fractions of a question's answers.

        A row whose fractions do not add up to 1 was not asked this question: nobody saw it, or its votes went to
        answers of an earlier tree, which leaves zeros here (the ``merging`` of early campaign rows). It gets NaN.

        Args:
            table: A catalog with columns ``{question}_{answer}_fraction``.
            question: A name in `questions`.

        Returns:
            (rows, answers) float64 in the order of the question's ``answers``, NaN where it was not asked.

        Raises:
            GalkerasError: A column is missing.
        """
        fractions = np.stack([_fraction(table, question, answer) for answer in self.questions[question].answers], -1)
        asked_here = np.abs(np.nan_to_num(fractions).sum(-1) - 1) < 0.02
        return np.where(asked_here[:, None], fractions, np.nan)

    def asked(self, table: Table, question: str) -> np.ndarray:
        """Return the proportion of volunteers who were led to ``question``, as (rows,) float64.

        It is the product, from the top of the tree, of the fractions of the answers that lead on. Volunteers whose
        ancestors were never asked count as 0.
        """
        this = self.questions[question]
        if this.after is None:
            return np.ones(len(table))
        led_on = sum(np.nan_to_num(_fraction(table, this.after, answer)) for answer in this.when)
        proportion: np.ndarray = led_on * self.asked(table, this.after)
        return proportion

    def counts(self, table: Table, question: str) -> np.ndarray:
        """Return the votes for a question's answers, as (rows, answers) float64, 0 where nobody was asked.

        They are fractions times the volunteers asked: ``{question}_total-votes`` where the catalog has it, else the
        proportion that was led to the question, of `LABEL_VOTES`. A total that no galaxy can have, and fractions below
        0, count as nobody asked.

        Raises:
            GalkerasError: A column is missing, or its totals are no numbers.
        """
        total = f"{question}_total-votes"
        if total in table.colnames:
            try:
                votes = np.ma.filled(np.ma.asarray(table[total], dtype=np.float64), 0.0)
            except (TypeError, ValueError):
                raise GalkerasError(f"column {total!r} must be numbers of votes") from None
            votes = np.where((votes > 0) & (votes <= _MOST_VOTES), votes, 0.0)
        else:
            votes = LABEL_VOTES * self.asked(table, question)
        fractions = np.nan_to_num(self.answer_fractions(table, question))
        counts: np.ndarray = fractions * np.where((fractions >= 0).all(-1), votes, 0.0)[:, None]
        return counts

    def labels(self, table: Table, question: str) -> np.ndarray:
        """Return the class of every galaxy for one question of `label_questions`.

        A galaxy has a class where more than `ASKED` of the volunteers were led to the question and the fraction of one
        answer exceeds its threshold. Two answers can do so at once only where their thresholds add up to less than 1:
        of GZD-5 arm count 4 beside 1 or 3, and bulge size large beside none. The larger fraction wins then.

        Args:
            table: A catalog with canonical vote columns ``{question}_{answer}_fraction``.
            question: A name in `label_questions`.

        Returns:
            (rows,) strings, empty where the galaxy has no class.

        Raises:
            GalkerasError: An unknown question, a missing column, or a tree that is only recognised.
        """
        known = self.label_questions
        if self.refused:
            raise GalkerasError(self.refused)
        if question not in known:
            raise GalkerasError(
                f"unknown question {question!r}; known: {', '.join(known)}.{did_you_mean(question, known)}"
            )
        classes = known[question].labels
        answers = self.questions[question].answers
        # A question that was not asked has NaN fractions, which exceed nothing.
        fractions = self.answer_fractions(table, question)[:, [answers.index(label.answer) for label in classes]]
        reached = fractions > np.array([label.above for label in classes])
        chosen = np.where(reached, fractions, -1).argmax(-1)
        labelled = reached.any(-1) & (self.asked(table, question) > ASKED)
        return np.where(labelled, np.array([label.answer for label in classes])[chosen], "")


def broad_types(roundness: str, circular: str, edge_on: str) -> dict[str, tuple[str, str]]:
    """Return the `Tree.types` of a tree that asks how round a smooth galaxy is and whether a disc is seen edge-on.

    Args:
        roundness: The question of smooth galaxies, whose other answers are ``in-between`` and ``cigar-shaped``.
        circular: Its answer for the roundest.
        edge_on: The question of discs, with the answers ``yes`` and ``no``.
    """
    return {
        "round": (roundness, circular),
        "in-between": (roundness, "in-between"),
        "cigar-shaped": (roundness, "cigar-shaped"),
        "edge-on disc": (edge_on, "yes"),
        "other disc": (edge_on, "no"),
    }


_TOTAL = re.compile(r"total(?:[-_]votes)?")
_MEASURE = re.compile(r"(?P<answer>.+?)_(?P<measure>fraction|debiased|concentration|dirichlet)")
_ASKED = re.compile(r"proportion[-_]volunteers[-_]asked")


def _column(question: str, answer: str) -> str:
    return f"{question}_{answer}_fraction"


def _fraction(table: Table, question: str, answer: str) -> np.ndarray:
    name = _column(question, answer)
    if name in table.colnames:
        return np.ma.filled(np.ma.asarray(table[name], dtype=np.float64), np.nan)
    raise GalkerasError(f"the catalog has no column {name!r}.{did_you_mean(name, table.colnames)}")
