"""What a classification found, as objects, JSON and Markdown."""

__all__ = ["ELSEWHERE", "SCORES_FILE", "Classification", "QuestionResult"]

from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from galkeras.io.calls import Call
from galkeras.io.errors import GalkerasError
from galkeras.io.files import write_json
from galkeras.io.text import counted, markdown_table, share_within
from galkeras.io.typed import read_typed
from galkeras.morphology.calibration import BOUNDED, Calibration
from galkeras.morphology.curves import BY, PARTS, Curve
from galkeras.morphology.forests import Forests
from galkeras.morphology.scores import INTERVALS, Components, Scores
from galkeras.morphology.share_table import VOTES, share_table
from galkeras.morphology.shares import ShareScores

SCORES_FILE = "scores.json"
ELSEWHERE = (
    "The model learned from votes or labels of another record set. A galaxy of that one which stands here by another"
    " name may be among the tested, and its latents know the answer: such scores are too good"
)
"""What is said of scores where the `LatentTable` is of galaxies ``elsewhere``."""
_FORMAT = 1


@dataclass(frozen=True)
class QuestionResult:
    """One question.

    Attributes:
        name: The question in the tree, or the label column.
        title: As people read it.
        galaxies: Class to number of galaxies with latents, those classes too that were left out as too small.
        left_out: The classes that were left out.
        trained: Rows the saved forest was fitted on.
        tested: Rows the scores are of.
        scores: The scores; with folds, of the predictions for every row by the forest that did not see it.
        calibration: Way of getting probabilities to how far they can be trusted.
        folds: With folds, the accuracy and balanced accuracy of each; otherwise empty.
        paper_galaxies: The paper's count of each class (Table 2), empty where it does not ask this question.
        paper_scores: The paper's scores (Table 3), likewise.
        components: What principal components of the pixels say, where they were asked.
        curves: Name of a column to how the scores change with it.
    """

    name: str
    title: str
    galaxies: dict[str, int]
    left_out: tuple[str, ...]
    trained: int
    tested: int
    scores: Scores
    calibration: dict[str, Calibration]
    folds: tuple[dict[str, float], ...]
    paper_galaxies: dict[str, int] = field(default_factory=dict)
    paper_scores: dict[str, float] = field(default_factory=dict)
    components: Components | None = None
    curves: dict[str, Curve] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class Classification:
    """What `classify` did.

    Attributes:
        forests: The folder it wrote, None where it wrote none.
        matched: Rows of the latent table whose galaxy is in the catalog.
        unmatched: Rows whose galaxy is not.
        seed: Of the split, the forests and the intervals.
        folds: Number of folds, or None for one 70/30 split.
        minimum: Fewest galaxies of a class.
        samples: Draws from each posterior that the scored probabilities are averaged over, None for those of the
            means.
        results: The questions that were trained.
        skipped: The others, each with its reason.
        fitted: The forests themselves, where they have just been fitted.
        shares: By question how the shares of votes that are expected agree with the volunteers; empty without votes.
        known: Of the matched rows, those whose votes the model learned from: they are never tested on.
        elsewhere: As of the `LatentTable`: the model may know tested galaxies by other names.
        paper: Whether the forests read the latents alone, as the paper's.
        call: How it was called, None where that was not written down yet.
    """

    forests: Path | None
    matched: int
    unmatched: int
    seed: int
    folds: int | None
    minimum: int
    samples: int | None
    results: tuple[QuestionResult, ...]
    skipped: dict[str, str]
    fitted: Forests | None = field(default=None, compare=False, kw_only=True)
    shares: dict[str, ShareScores] = field(default_factory=dict, kw_only=True)
    known: int = field(default=0, kw_only=True)
    elsewhere: bool = field(default=False, kw_only=True)
    paper: bool = field(default=True, kw_only=True)
    call: Call | None = field(default=None, kw_only=True)

    def __repr__(self) -> str:
        where = "" if self.forests is None else f" {self.forests}"
        return f"<{type(self).__name__}{where}: {counted(len(self.results), 'question')}, {self.matched:,} galaxies>"

    def __str__(self) -> str:
        return str(self.forests)

    def __fspath__(self) -> str:
        if self.forests is None:
            raise GalkerasError("these forests are in no folder: give `classify` an `out`")
        return str(self.forests)

    @classmethod
    def load(cls, folder: str | Path) -> "Classification":
        """Read what `save` wrote; a file that is damaged or foreign is a `GalkerasError` that names the field."""
        stored = read_typed(Path(folder) / SCORES_FILE, _Stored, "classify", _FORMAT)
        results = tuple(question.result(name) for name, question in stored.questions.items())
        rest = {name: value for name, value in vars(stored).items() if name != "questions"}
        return cls(forests=Path(folder), results=results, **rest)

    def save(self, folder: str | Path) -> None:
        """Write ``scores.json``."""
        write_json(Path(folder) / SCORES_FILE, self.to_json())

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        apart = ("questions", "call", "shares")
        said = {one.name: getattr(self, one.name) for one in fields(_Stored) if one.name not in apart}
        return {
            "format": _FORMAT,
            **said,
            **({} if self.call is None else {"call": asdict(self.call)}),
            "shares": {name: asdict(one) for name, one in self.shares.items()},
            "questions": {
                result.name: {
                    "title": result.title,
                    "galaxies": result.galaxies,
                    "left_out": list(result.left_out),
                    "trained": result.trained,
                    "tested": result.tested,
                    **result.scores.to_json(),
                    "calibration": {way: one.to_json() for way, one in result.calibration.items()},
                    "folds": list(result.folds),
                    "paper": {"galaxies": result.paper_galaxies, **result.paper_scores},
                    "components": None if result.components is None else asdict(result.components),
                    "curves": {column: asdict(curve) for column, curve in result.curves.items()},
                }
                for result in self.results
            },
        }

    def markdown(self) -> str:
        """Return the tables as Markdown: class counts, scores, confusion matrices, what was skipped."""
        parts = [
            f"# Forests {self.forests.name if self.forests else ''}",
            f"{self.matched:,} latents have a row in the catalog, {self.unmatched:,} do not. "
            f"Scores by: {self.method()} Classes of fewer than {self.minimum} galaxies are left out. Seed {self.seed}.",
            "## Classes\n\n" + self.class_table(),
            "## Scores\n\n" + self.score_table() + "\n\n" + _READING,
            *self._curves(),
            "## Calibration\n\n" + self.calibration_table() + "\n\n" + _TRUST,
            *(["## Expected votes\n\n" + share_table(self.shares) + "\n\n" + VOTES] if self.shares else []),
            "## Confusion matrices\n\n" + "\n\n".join(map(_confusion, self.results)),
        ]
        if self.skipped:
            lines = "\n".join(f"- {name}: {reason}" for name, reason in self.skipped.items())
            parts.append("## Skipped\n\n" + lines)
        return "\n\n".join(parts) + "\n"

    def method(self) -> str:
        """Return how the scores came about, in a sentence or two."""
        knew = f"the {self.known:,} galaxies whose votes the model learned from"
        if self.folds:
            how = (
                f"{self.folds}-fold cross-validation: every galaxy is scored by a forest that did not see it, and the"
                " saved forests are fitted on all galaxies."
            ) + (f" Not scored are {knew}." if self.known else "")
        elif self.known:
            how = f"{knew} train and all others test; the saved forests are those scored here."
        else:
            how = "70 % of the galaxies train and 30 % test, stratified; the saved forests are those scored here."
        return how + self.further()

    def further(self) -> str:
        """Return what else must be said of the scores, a sentence each, or nothing."""
        draws = f" Probabilities are averaged over {self.samples} draws from each galaxy's posterior."
        read = " Forests read the latents" + (" alone." if self.paper else " and a logistic regression on them.")
        return read + (draws if self.samples else "") + (f" {ELSEWHERE}." if self.elsewhere else "")

    def class_table(self) -> str:
        """Return the galaxies of each class beside the paper's (Table 2), as Markdown."""
        rows = [
            (
                result.title,
                name + (" (left out)" if name in result.left_out else ""),
                f"{count:,}",
                *((f"{result.paper_galaxies[name]:,}",) if result.paper_galaxies else ()),
            )
            for result in self.results
            for name, count in result.galaxies.items()
        ]
        return markdown_table(("question", "class", "galaxies", *self._paper("paper")), rows)

    def _paper(self, title: str) -> tuple[str, ...]:
        """Return the heading of a column of the paper's; there is none beside a label column."""
        return (title,) if self.results[0].paper_galaxies else ()

    def score_table(self) -> str:
        """Return Table 3, with what chance gives, as Markdown."""
        header = (
            "question",
            "classes",
            "tested",
            "accuracy",
            "majority",
            "precision",
            "recall",
            "F1",
            "balanced accuracy",
            "macro F1",
            *self._paper("paper's accuracy"),
            *(("of components (gain of the latents)",) if self.results[0].components else ()),
        )
        rows = []
        for result in self.results:
            one = result.scores
            paper = result.paper_scores
            rows.append(
                (
                    result.title,
                    str(len(one.classes)),
                    f"{result.tested:,}",
                    _with_interval(one, "accuracy"),
                    f"{one.majority:.1%}",
                    f"{one.precision:.1%}",
                    f"{one.recall:.1%}",
                    f"{one.f1:.1%}",
                    _with_interval(one, "balanced_accuracy"),
                    _with_interval(one, "macro_f1"),
                    *((f"{paper['accuracy']:.1%}",) if paper else ()),
                    *((_gain(result.components),) if result.components else ()),
                )
            )
        return markdown_table(header, rows)

    def _curves(self) -> list[str]:
        """Return how scores change with each number of the catalog, as Markdown; nothing where it has none."""
        columns = dict.fromkeys(column for result in self.results for column in result.curves)
        return [f"## By {BY.get(column, column)}\n\n" + self.curve_table(column) for column in columns]

    def curve_table(self, column: str) -> str:
        """Return the balanced accuracy of each part of the tested galaxies, as Markdown."""
        rows = []
        for result in self.results:
            if column in result.curves:
                curve = result.curves[column]
                scored = zip(pairwise(curve.edges), curve.balanced_accuracy, curve.intervals, strict=True)
                cells = [
                    f"{low:.3g} to {high:.3g}: " + ("–" if value is None else share_within(value, bounds))
                    for (low, high), value, bounds in scored
                ]
                rows.append((result.title, *cells, *[""] * (PARTS - len(cells))))
        return markdown_table(("question", *["balanced accuracy"] * PARTS), rows)

    def calibration_table(self) -> str:
        """Return how far the probabilities can be trusted, as Markdown."""
        header = ("question", "tested", "probabilities of", "Brier", "Brier of the shares", "ECE", "ECE by chance")
        return markdown_table(header, self.calibration_rows())

    def calibration_rows(self) -> list[tuple[str, ...]]:
        """Return, by question and way of getting probabilities, the cells of `calibration_table`."""
        return [
            (
                result.title,
                f"{result.tested:,}",
                way,
                _bounded(one.brier, one.intervals["brier"]),
                f"{one.brier_of_shares:.3f}",
                _bounded(one.ece, one.intervals["ece"]),
                f"{one.ece_by_chance:.3f}",
            )
            for result in self.results
            for way, one in result.calibration.items()
        ]


@dataclass(frozen=True)
class _Paper:
    """The paper's numbers of one question, as far as it has them."""

    galaxies: dict[str, int] = field(default_factory=dict)
    accuracy: float | None = None
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None

    @property
    def scores(self) -> dict[str, float]:
        named = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "galaxies"}
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True)
class _Question(Scores):
    """What ``scores.json`` holds of one question: its scores, and beside them the rest of a `QuestionResult`."""

    confusion: tuple[tuple[int, ...], ...]
    title: str
    galaxies: dict[str, int]
    left_out: tuple[str, ...]
    trained: int
    tested: int
    folds: tuple[dict[str, float], ...]
    paper: _Paper
    # Scores of before probabilities were judged have none.
    calibration: dict[str, Calibration] = field(default_factory=dict)
    # Scores of before components were asked have none.
    components: Components | None = None
    # Scores of before they were drawn against anything have none.
    curves: dict[str, Curve] = field(default_factory=dict)

    def check(self, name: str) -> None:
        count = len(self.classes)
        if [len(row) for row in self.confusion] != [count] * count:
            raise ValueError(f"`questions.{name}.confusion` must be a row and a column for each of {count} classes")
        bounded = {"intervals": (self.intervals, INTERVALS)}
        bounded |= {f"calibration.{way}.intervals": (one.intervals, BOUNDED) for way, one in self.calibration.items()}
        for place, (intervals, wanted) in bounded.items():
            missing = [score for score in wanted if score not in intervals]
            if missing:
                raise ValueError(f"`questions.{name}.{place}.{missing[0]}` is missing")

    def result(self, name: str) -> QuestionResult:
        scores = {one.name: getattr(self, one.name) for one in fields(Scores)}
        return QuestionResult(
            name=name,
            title=self.title,
            galaxies=self.galaxies,
            left_out=self.left_out,
            trained=self.trained,
            tested=self.tested,
            scores=Scores(**scores | {"confusion": np.array(self.confusion, np.int64)}),
            calibration=self.calibration,
            folds=self.folds,
            paper_galaxies=self.paper.galaxies,
            paper_scores=self.paper.scores,
            components=self.components,
            curves=self.curves,
        )


@dataclass(frozen=True)
class _Stored:
    """What ``scores.json`` holds."""

    matched: int
    unmatched: int
    seed: int
    folds: int | None
    minimum: int
    questions: dict[str, _Question]
    skipped: dict[str, str]
    # Scores of before there were draws have none.
    samples: int | None = None
    # Scores of before models learned from votes: none was known.
    known: int = 0
    # Scores of before it was asked of which galaxies: none said so.
    elsewhere: bool = False
    # Scores of before forests read more: they did not.
    paper: bool = True
    # Scores of before votes were learned from have none.
    shares: dict[str, ShareScores] = field(default_factory=dict)
    # Scores of before calls were written down have none.
    call: Call | None = None

    def __post_init__(self) -> None:
        if not self.questions:
            raise ValueError("`questions` must not be empty")
        for name, question in self.questions.items():
            question.check(name)


_TRUST = (
    "Brier score: half the squared distance of the probabilities from the truth, 0 is best; of the shares: that of "
    "always giving each class its share of the training galaxies. ECE: the expected calibration error of the class "
    "named, in bins of equal numbers of galaxies; by chance: what true probabilities would show with so few galaxies."
)

_READING = (
    "In brackets the 95 % interval when the tested galaxies are drawn again. *majority*: the accuracy of always "
    "naming the class that was the largest in training; its balanced accuracy is 1 / classes. Precision, recall "
    "and F1 are those of one class where there are two (the paper's majority class; of a label column the last), "
    "and micro averages, equal to the accuracy, where there are more, as in the paper's Table 3. *of components*: the "
    "balanced accuracy of forests on as many principal components of the pixels, and what the latents have over it, "
    "with its 95 % interval: where that reaches below 0, the network may have added nothing."
)


def _gain(components: Components) -> str:
    low, high = components.interval
    return f"{components.balanced_accuracy:.1%} ({100 * components.gain:+.1f}, {100 * low:+.1f} to {100 * high:+.1f})"


def _with_interval(scores: Scores, name: str) -> str:
    return share_within(getattr(scores, name), scores.intervals[name])


def _bounded(value: float, bounds: tuple[float, float]) -> str:
    return f"{value:.3f} ({bounds[0]:.3f}–{bounds[1]:.3f})"


def _confusion(result: QuestionResult) -> str:
    classes = result.scores.classes
    rows = [
        (f"true {name}", *(f"{count:,}" for count in row))
        for name, row in zip(classes, result.scores.confusion.tolist(), strict=True)
    ]
    return markdown_table((result.title, *(f"predicted {name}" for name in classes)), rows)
