"""Tables 2 and 3: forests on latents beside the paper's numbers."""

__all__: list[str] = []

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from galkeras.io.files import read_json
from galkeras.morphology.forests import FORESTS_FILE
from galkeras.reporting.figures import stored_picture
from galkeras.reporting.page import Part, Table, reading
from galkeras.reporting.sections import SECTIONS, Section
from galkeras.reporting.sections._scores import bounded, share
from galkeras.reporting.subject import Subject, check_model


def _part(subject: Subject) -> Part:
    """Return Tables 2 and 3 of each folder that `classify` wrote, beside the paper's numbers."""
    folders: Sequence[Path] = subject.inputs.get("forests") or ()
    part = Part("morphology", "Morphology")
    if not folders:
        part.missing.append(
            (
                "Tables 2 and 3 need forests:",
                "galkeras classify latents.parquet CATALOG --out forests/NAME, then --forests forests/NAME",
            )
        )
    for folder in folders:
        check_model(folder, read_json(folder / FORESTS_FILE), subject.digest)
        path = folder / "scores.json"
        scores = read_json(path)
        with reading(path, "classify"):
            part.text.append(_how(folder, scores))
            part.tables += [_table_2(folder, scores["questions"]), _table_3(folder, scores["questions"])]
            part.tables += _calibration(folder, scores["questions"])
            part.text += [f"Left out of {folder.name}: {name}: {why}" for name, why in scores["skipped"].items()]
        alt = "Confusion matrices, rows the truth and columns the prediction."
        part.pictures += stored_picture(folder / "confusion.png", alt, f"Confusion matrices of {folder.name}.")
        alt = "Reliability diagrams: how often a class is true against the probability that it was given."
        part.pictures += stored_picture(folder / "calibration.png", alt, "How far the probabilities can be trusted.")
    if folders:
        part.text.append(
            "In brackets the 95 % interval when the tested galaxies are drawn again. Majority: the accuracy of always"
            " naming the class that was the largest in training; an accuracy near it says little. The paper's numbers,"
            " where it asks the same question, are of other galaxies and in part of other classes."
        )
    return part


def _how(folder: Path, scores: dict[str, Any]) -> str:
    by = (
        f"{scores['folds']}-fold cross-validation"
        if scores["folds"]
        else "forests fitted on 70 % of the galaxies and tested on the other 30 %"
    )
    return (
        f"{folder.name}: {scores['matched']:,} rows of the latent table have a row in the catalog,"
        f" {scores['unmatched']:,} do not. Scores by {by}."
        f" Classes of fewer than {scores['minimum']} galaxies are left out."
    )


def _table_2(folder: Path, questions: dict[str, Any]) -> Table:
    rows = []
    for question in questions.values():
        paper = question["paper"].get("galaxies", {})
        for name, count in question["galaxies"].items():
            left_out = " (left out)" if name in question["left_out"] else ""
            rows.append((question["title"], f"{name}{left_out}", f"{count:,}", _count(paper.get(name))))
    caption = f"Table 2, {folder.name}: galaxies of each class."
    return _without_empty_columns(Table(("question", "class", "galaxies", "the paper's"), rows, caption))


def _table_3(folder: Path, questions: dict[str, Any]) -> Table:
    header = ["question", "classes", "tested", "accuracy", "the paper's", "majority", "balanced accuracy", "macro F1"]
    for name in ("precision", "recall", "F1"):
        header += [name, f"the paper's {name}"]
    rows = []
    for one in questions.values():
        paper = one["paper"]
        row = [one["title"], str(len(one["classes"])), f"{one['tested']:,}", _interval(one, "accuracy")]
        row += [share(paper.get("accuracy")), share(one["majority"])]
        row += [_interval(one, name) for name in ("balanced_accuracy", "macro_f1")]
        for name in ("precision", "recall", "f1"):
            row += [share(one[name]), share(paper.get(name))]
        rows.append(row)
    return _without_empty_columns(Table(header, rows, f"Table 3, {folder.name}: scores of forests on latents."))


def _calibration(folder: Path, questions: dict[str, Any]) -> list[Table]:
    """Return how far probabilities can be trusted, by each way of getting them; nothing for older scores."""
    header = ("question", "by", "Brier score", "of the classes' shares", "calibration error", "by chance")
    rows = [
        (
            one["title"],
            way,
            _numbers(found["brier"], found["intervals"]["brier"]),
            f"{found['brier_of_shares']:.3f}",
            _numbers(found["ece"], found["intervals"]["ece"]),
            f"{found['ece_by_chance']:.3f}",
        )
        for one in questions.values()
        for way, found in one.get("calibration", {}).items()
    ]
    caption = (
        f"How far the probabilities of {folder.name} can be trusted: Brier score, beside that of always giving each"
        " class its share, and expected calibration error, beside that of true probabilities."
    )
    return [Table(header, rows, caption)] if rows else []


def _numbers(value: float, bounds: Sequence[float]) -> str:
    return f"{value:.3f} ({bounds[0]:.3f}–{bounds[1]:.3f})"


def _without_empty_columns(table: Table) -> Table:
    """Return the table without columns that hold nothing, like the paper's beside labels that it does not have."""
    kept = [column for column in range(len(table.header)) if any(row[column] != "" for row in table.rows)]
    return Table([table.header[k] for k in kept], [[row[k] for k in kept] for row in table.rows], table.caption)


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _interval(question: dict[str, Any], name: str) -> str:
    return bounded(question[name], question["intervals"][name])


SECTIONS.add("morphology", Section(_part, option="forests", first=True), order=6)
