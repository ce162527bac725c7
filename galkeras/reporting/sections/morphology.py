"""Tables 2 and 3: forests on latents beside the paper's numbers."""

__all__: list[str] = []

from collections.abc import Sequence
from pathlib import Path

from galkeras.morphology.report import Classification
from galkeras.morphology.scores import Scores
from galkeras.morphology.share_table import HEADER, VOTES, share_rows
from galkeras.morphology.stored import model_of
from galkeras.reporting.figures import stored_picture
from galkeras.reporting.page import Part, Table
from galkeras.reporting.sections import SECTIONS, Section
from galkeras.reporting.sections._scores import bounded, share
from galkeras.reporting.subject import Subject, check_model


def _part(subject: Subject) -> Part:
    """Return Tables 2 and 3 of each folder that `classify` wrote, beside the paper's numbers."""
    folders: Sequence[Path] = subject.inputs["forests"]
    part = Part("morphology", "Morphology")
    for folder in folders:
        check_model(folder, model_of(folder), subject.digest)
        found = Classification.load(folder)
        part.text.append(_how(found))
        part.tables += [_table_2(found), _table_3(found), *_calibration(found), *_expected(found)]
        part.text += [f"Left out of {folder.name}: {name}: {why}" for name, why in found.skipped.items()]
        alt = "Confusion matrices, rows the truth and columns the prediction."
        part.pictures += stored_picture(folder / "confusion.png", alt, f"Confusion matrices of {folder.name}.")
        alt = "Reliability diagrams: how often a class is true against the probability that it was given."
        part.pictures += stored_picture(folder / "calibration.png", alt, "How far the probabilities can be trusted.")
        alt = "Balanced accuracy in four parts of the tested galaxies, by size, brightness and the like."
        part.pictures += stored_picture(folder / "curves.png", alt, "Where in size and brightness the classes hold.")
    part.text.append(
        "In brackets the 95 % interval when the tested galaxies are drawn again. Majority: the accuracy of always"
        " naming the class that was the largest in training; an accuracy near it says little. The paper's numbers,"
        " where it asks the same question, are of other galaxies and in part of other classes."
    )
    return part


def _how(found: Classification) -> str:
    return (
        f"{found.forests.name}: {found.matched:,} rows of the latent table have a row in the catalog,"
        f" {found.unmatched:,} do not. Scores by: {found.method()}"
        f" Classes of fewer than {found.minimum} galaxies are left out."
    )


def _table_2(found: Classification) -> Table:
    rows = []
    for result in found.results:
        for name, count in result.galaxies.items():
            left_out = " (left out)" if name in result.left_out else ""
            rows.append((result.title, f"{name}{left_out}", f"{count:,}", _count(result.paper_galaxies.get(name))))
    caption = f"Table 2, {found.forests.name}: galaxies of each class."
    return _without_empty_columns(Table(("question", "class", "galaxies", "the paper's"), rows, caption))


def _table_3(found: Classification) -> Table:
    header = ["question", "classes", "tested", "accuracy", "the paper's", "majority", "balanced accuracy", "macro F1"]
    for name in ("precision", "recall", "F1"):
        header += [name, f"the paper's {name}"]
    rows = []
    for result in found.results:
        one, paper = result.scores, result.paper_scores
        row = [result.title, str(len(one.classes)), f"{result.tested:,}", _interval(one, "accuracy")]
        row += [share(paper.get("accuracy")), share(one.majority)]
        row += [_interval(one, name) for name in ("balanced_accuracy", "macro_f1")]
        for name in ("precision", "recall", "f1"):
            row += [share(getattr(one, name)), share(paper.get(name))]
        rows.append(row)
    on = "latents" if found.paper else "latents and a logistic regression on them"
    return _without_empty_columns(Table(header, rows, f"Table 3, {found.forests.name}: scores of forests on {on}."))


def _calibration(found: Classification) -> list[Table]:
    """Return how far probabilities can be trusted, by each way of getting them; nothing for older scores."""
    header = ("question", "by", "Brier score", "of the classes' shares", "calibration error", "by chance")
    # Table 3 says how many were tested.
    rows = [(title, *rest) for title, _, *rest in found.calibration_rows()]
    caption = (
        f"How far the probabilities of {found.forests.name} can be trusted: Brier score, beside that of always giving"
        " each class its share, and expected calibration error, beside that of true probabilities."
    )
    return [Table(header, rows, caption)] if rows else []


def _expected(found: Classification) -> list[Table]:
    """Return how the votes that are expected agree with the volunteers'; nothing where none were learned from."""
    rows = share_rows(found.shares)
    return [_without_empty_columns(Table(HEADER, rows, VOTES.replace("*", "")))] if rows else []


def _without_empty_columns(table: Table) -> Table:
    """Return the table without columns that hold nothing, like the paper's beside labels that it does not have."""
    kept = [column for column in range(len(table.header)) if any(row[column] != "" for row in table.rows)]
    return Table([table.header[k] for k in kept], [[row[k] for k in kept] for row in table.rows], table.caption)


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _interval(scores: Scores, name: str) -> str:
    return bounded(getattr(scores, name), scores.intervals[name])


_MAKES = "galkeras classify latents.parquet CATALOG --out forests/NAME, then --forests forests/NAME"
_WITHOUT = Part("morphology", "Morphology", missing=[("Tables 2 and 3 need forests:", _MAKES)])
SECTIONS.add("morphology", Section(_part, option="forests", first=True, without=_WITHOUT), order=6)
