"""What `shift` found, as an object and as a file."""

__all__ = ["SHIFT_FILE", "Shift"]

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from galkeras.evaluation.shift.compared import Compared
from galkeras.evaluation.shift.conservation import QuestionRow, Recovery
from galkeras.evaluation.shift.domains import DomainScores
from galkeras.evaluation.shift.expected import CAVEAT, Expected, verdict
from galkeras.evaluation.shift.report import beyond, expected_losses, markdown
from galkeras.evaluation.shift.residuals import Residuals
from galkeras.evaluation.shift.support import Support
from galkeras.io.calls import Call
from galkeras.io.files import write_json
from galkeras.io.typed import read_typed

SHIFT_FILE = "shift.json"
_FORMAT = 1


@dataclass(frozen=True, eq=False, kw_only=True)
class _Beside:
    """What not every file of a shift has."""

    compared: tuple[Compared, ...] = ()
    expected: dict[str, Expected] = field(default_factory=dict)
    support: dict[str, Support] = field(default_factory=dict)
    residuals: dict[str, dict[str, Residuals]] = field(default_factory=dict)
    call: Call | None = None


@dataclass(frozen=True, eq=False)
class Shift(_Beside):
    """What `shift` found.

    Attributes:
        out: The folder that it wrote.
        surveys: Source and target.
        split: Which galaxies: ``validation``, ``test`` or ``all``.
        paired: Whether both surveys have the same galaxies.
        scores: By ``before``, of a VAE as fitted, and ``after``, of an adapted model.
        questions: The paper's Table 4; empty without a catalog.
        recovery: How much of the drop adapting wins back, or None.
        compared: Each model as it is, and with what needs no network (`galkeras.evaluation.shift.baselines`).
        expected: By ``before`` and ``after``, what forests are expected to lose; of those that were given.
        support: By ``before`` and ``after``, how much of the target is unlike any galaxy of the source.
        residuals: By ``before`` and ``after``, and by ``source`` and ``target``, what the model leaves undrawn.
        call: How it was called, None where that was not written down yet.
    """

    out: Path
    surveys: tuple[str, str]
    split: str
    paired: bool
    scores: dict[str, DomainScores]
    questions: tuple[QuestionRow, ...]
    recovery: Recovery | None

    @classmethod
    def load(cls, folder: str | Path) -> "Shift":
        """Read what `save` wrote, but for the samples; a damaged or foreign file is a `GalkerasError`."""
        stored = read_typed(Path(folder) / SHIFT_FILE, _Stored, "shift", _FORMAT)
        rows = tuple(
            QuestionRow(name, one.title, one.galaxies, one.classes, one.balanced_accuracy, one.interval, {})
            for name, one in stored.questions.items()
        )
        return cls(
            Path(folder),
            stored.surveys,
            stored.split,
            stored.paired,
            stored.scores,
            rows,
            stored.recovery,
            **{one.name: getattr(stored, one.name) for one in fields(_Beside)},
        )

    def save(self, folder: str | Path) -> None:
        """Write ``shift.json``."""
        write_json(Path(folder) / SHIFT_FILE, self.to_json())

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return {
            "format": _FORMAT,
            "surveys": list(self.surveys),
            "split": self.split,
            "paired": self.paired,
            "scores": {stage: scores.to_json() for stage, scores in self.scores.items()},
            "questions": {row.name: row.to_json() for row in self.questions},
            "recovery": None if self.recovery is None else asdict(self.recovery),
            "compared": [asdict(one) for one in self.compared],
            "expected": {stage: asdict(one) for stage, one in self.expected.items()},
            "support": {stage: asdict(one) for stage, one in self.support.items()},
            "residuals": {
                stage: {domain: asdict(one) for domain, one in both.items()} for stage, both in self.residuals.items()
            },
            **({} if self.call is None else {"call": asdict(self.call)}),
        }

    @property
    def verdict(self) -> str:
        """Whether the model holds on the target, in a sentence or two; empty where no forests were given."""
        return verdict(self.surveys, self.expected, self.support, paired=self.paired) if self.expected else ""

    def markdown(self) -> str:
        """Return the tables as Markdown, and at the end the verdict."""
        tables = markdown(self.surveys, self.split, self.scores, self.questions, self.recovery, self.compared)
        if self.support:
            tables += f"\n{beyond(self.support, self.residuals)}\n"
        if self.expected:
            tables += f"\n{expected_losses(self.expected)}\n\n## Does it hold?\n\n{self.verdict} {CAVEAT}\n"
        return tables


@dataclass(frozen=True)
class _Question:
    title: str
    galaxies: int
    classes: tuple[str, ...]
    balanced_accuracy: dict[str, float]
    interval: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class _Stored(_Beside):
    """What ``shift.json`` holds."""

    surveys: tuple[str, str]
    split: str
    paired: bool
    scores: dict[str, DomainScores]
    questions: dict[str, _Question]
    recovery: Recovery | None

    def __post_init__(self) -> None:
        if not self.scores:
            raise ValueError("`scores` must not be empty")
        for name, one in self.questions.items():
            if set(one.balanced_accuracy) != set(one.interval):
                raise ValueError(f"`questions.{name}` must have an interval for each accuracy")
