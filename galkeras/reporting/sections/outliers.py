"""The most unusual galaxies."""

__all__: list[str] = []

from pathlib import Path

from galkeras.discovery.outlier_table import read_outliers
from galkeras.discovery.outliers import MOSAIC
from galkeras.discovery.rules import PAPER_SIGMA
from galkeras.reporting.figures import stored_picture
from galkeras.reporting.page import Part, Table
from galkeras.reporting.sections import SECTIONS, Section
from galkeras.reporting.subject import Subject, check_model

_LISTED = 12


def _part(subject: Subject) -> Part:
    """Return the most unusual galaxies, and what the paper's rule finds."""
    part = Part("outliers", "Outliers")
    folder: Path = subject.inputs["outliers"]
    table = read_outliers(folder)
    check_model(folder, table.model, subject.digest)
    beyond, count = int(table.beyond_sigma.sum()), len(table.id)
    part.facts = [
        (f"beyond {table.threshold:g} sigma", f"{beyond:,} of {count:,}"),
        ("their share", f"{beyond / count:.2%}"),
        *([("the paper's share", "0.417%")] if table.threshold == PAPER_SIGMA else []),
    ]
    part.pictures += stored_picture(
        folder / MOSAIC, "Mosaic of the most unusual galaxies.", "The most unusual galaxies, row by row.", False
    )
    rows = [
        (f"{row + 1}", str(table.id[row]), str(table.survey[row]), f"{table.score[row]:.2f}", str(table.because[row]))
        for row in range(min(_LISTED, count))
    ]
    caption = "The first of the ranking; a score of 1 is what one galaxy in a hundred reaches by that rule."
    part.tables.append(Table(("rank", "galaxy", "survey", "score", "because of"), rows, caption))
    return part


_MAKES = "galkeras outliers latents.parquet --records RECORDS --out outliers/, then --outliers outliers/"
_WITHOUT = Part("outliers", "Outliers", missing=[("The most unusual galaxies:", _MAKES)])
SECTIONS.add("outliers", Section(_part, option="outliers", first=True, without=_WITHOUT), order=7)
