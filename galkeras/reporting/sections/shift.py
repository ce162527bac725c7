"""The shift between two surveys, and Table 4."""

__all__: list[str] = []

from collections.abc import Sequence
from pathlib import Path

from galkeras.evaluation.shift.conservation import COLUMNS, QuestionRow
from galkeras.evaluation.shift.expected import CAVEAT
from galkeras.evaluation.shift.report import beyond_rows, expected_rows
from galkeras.evaluation.shift.result import Shift
from galkeras.galaxyzoo.trees.gzd5 import GZD5
from galkeras.latents.table import read_latents
from galkeras.reporting.figures import stored_picture
from galkeras.reporting.page import Part, Table
from galkeras.reporting.sections import SECTIONS, Section
from galkeras.reporting.sections._scores import bounded, share
from galkeras.reporting.subject import Subject, check_model

_SHIFT_LINES = {
    "auc": "AUC of telling the surveys apart (aim 0.5)",
    "a_distance": "A-distance (0 mixed, 2 apart)",
    "mmd2": "MMD² at fixed bandwidth",
    "mmd2_p": "p of equal distributions",
    "mixing": "kNN mixing (aim 1)",
    "paired_ratio": "distance of a galaxy's two latents, over that between galaxies",
    "twin": "share of galaxies whose own other image is nearest, among at most 1,500",
}


def _part(subject: Subject) -> Part:
    """Return what `shift` found between two surveys: scores, and Table 4 beside the paper's."""
    folder: Path = subject.inputs["shift"]
    part = Part("shift", "Two surveys")
    found = Shift.load(folder)
    for stage in ("after", "before"):
        latents = folder / f"latents-source-{stage}.parquet"
        if latents.is_file():
            check_model(latents, read_latents(latents).model, subject.digest)
            break
    source, target = found.surveys
    first = next(iter(found.scores.values()))
    pairs = "pairs of the same galaxies" if found.paired else "galaxies of each, not the same ones"
    which = "record sets" if found.split == "all" else f"{found.split} split"
    part.text.append(f"{source} and {target}: {first.source:,} and {first.target:,} {pairs}, of the {which}.")
    if found.verdict:
        part.text.append(f"{found.verdict.replace('**', '')} {CAVEAT}")
    rows = [
        (title, *(_score(getattr(score, name), name) for score in found.scores.values()))
        for name, title in _SHIFT_LINES.items()
        if getattr(first, name) is not None
    ]
    header = ("score", *(f"{stage} adaptation" for stage in found.scores))
    part.tables.append(Table(header, rows, "How far apart the model sees the two surveys."))
    if found.support:
        caption = "What of the target the model has not met; an error of 1 lacks nothing but noise."
        part.tables.append(Table(header, beyond_rows(found.support, found.residuals), caption))
    if found.expected:
        stages = ("points of accuracy", *(f"{stage} adaptation" for stage in found.expected))
        caption = (
            "What forests are expected to lose on the target, told without labels, with 95 % intervals; what chance"
            " would seem to cost is taken off."
        )
        part.tables.append(Table(stages, expected_rows(found.expected), caption))
    if found.questions:
        part.tables.append(_table_4(found.questions))
    else:
        part.missing.append(("Table 4 needs votes:", "galkeras shift … --catalog CATALOG"))
    if found.recovery:
        drop, after = 100 * found.recovery.drop, 100 * found.recovery.drop_after
        part.text.append(
            f"Over {found.recovery.questions} questions the mean drop of balanced accuracy from source to target is"
            f" {drop:.1f} points before adaptation and {after:.1f} after."
        )
    part.pictures += stored_picture(
        folder / "shift.png",
        "Latents of both surveys in a plane, distances of pairs, and accuracies by question.",
        "Latents of both surveys, differences of pairs, accuracies by question.",
    )
    part.pictures += stored_picture(
        folder / "outside.png",
        "A row of galaxy images of the target.",
        f"Galaxies of {target} that are unlike any of {source}, the farthest first (`outside.csv` has all).",
    )
    for name, what in (("different", "most different"), ("alike", "most alike")):
        part.pictures += stored_picture(
            folder / f"{name}.png",
            f"Two rows of galaxy images, the {what} pairs.",
            f"The pairs whose latents are {what}: {source} above {target}.",
        )
    return part


def _table_4(questions: Sequence[QuestionRow]) -> Table:
    columns = [name for name in COLUMNS if any(name in row.accuracy for row in questions)]
    paper = ("the paper's DECaLS, before", "the paper's BASS+MzLS, before", "the paper's BASS+MzLS, after")
    rows = [
        (
            row.title,
            f"{row.galaxies:,}",
            *(bounded(row.accuracy.get(name), row.interval.get(name)) for name in columns),
            *(share(value) for value in _adapted(row.name, row.classes) or (None,) * len(paper)),
        )
        for row in questions
    ]
    caption = (
        "Table 4: balanced accuracy by question with its 95 % interval, beside the paper's plain accuracy: the two"
        " scores differ where classes are unequal."
    )
    return Table(("question", "galaxies", *columns, *paper), rows, caption)


def _adapted(question: str, classes: tuple[str, ...]) -> tuple[float, ...] | None:
    """Return the paper's accuracies for the question, None where another tree asks one of that name."""
    ours = GZD5.label_questions.get(question)
    same = ours is not None and set(classes) <= {label.answer for label in ours.labels}
    return ours.paper_adapted if same else None


def _score(value: float | None, name: str) -> str:
    return "" if value is None else f"{value:.1%}" if name == "twin" else f"{value:.4f}"


_MAKES = "galkeras shift MODEL SOURCE TARGET --out shift/, then --shift shift/"
_WITHOUT = Part("shift", "Two surveys", missing=[("The shift between two surveys and Table 4:", _MAKES)])
SECTIONS.add("shift", Section(_part, option="shift", first=True, without=_WITHOUT), order=8)
