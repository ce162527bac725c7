"""``history.csv`` of a model folder: one row an epoch, every loss term per image."""

__all__ = [
    "HISTORY_DIGEST",
    "HISTORY_FILE",
    "best_epoch",
    "draw_term",
    "history_digest",
    "read_history",
    "split_column",
    "write_history",
]

import csv
import io
import math
import re
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from galkeras.io.checksums import damaged, digest_of
from galkeras.io.errors import GalkerasError
from galkeras.io.files import atomic_write
from galkeras.models.stored import CONFIG_FILE, StoredModel

HISTORY_FILE = "history.csv"
HISTORY_DIGEST = "history_sha256"
"""Under which the last checkpoint holds the checksum of the rows."""


def read_history(folder: Path) -> list[dict[str, float]]:
    """Return the rows of a model folder's history; where the model is finished, they must match its config."""
    if not (folder / HISTORY_FILE).is_file():
        raise GalkerasError(f"{folder / HISTORY_FILE} cannot be read: it is no file")
    try:
        with open(folder / HISTORY_FILE, newline="") as file:
            rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    except (OSError, TypeError, ValueError, csv.Error) as error:
        raise GalkerasError(f"{folder / HISTORY_FILE} cannot be read: {error}") from None
    checksum = StoredModel.load(folder).history_sha256 if (folder / CONFIG_FILE).exists() else None
    if checksum is not None and checksum != history_digest(rows):
        raise damaged(folder / HISTORY_FILE)
    return rows


def best_epoch(rows: list[dict[str, float]], column: str) -> int:
    """Return the epoch, counted from 1, with the least value of a column (the last one where none is finite)."""
    scores = [row[column] if math.isfinite(row[column]) else math.inf for row in rows]
    best = min(scores, default=math.inf)
    return scores.index(best) + 1 if math.isfinite(best) else len(rows)


def history_digest(rows: list[dict[str, float]]) -> str:
    """Return the checksum of rows, the same before they are written and after."""
    return digest_of([{name: float(str(value)) for name, value in row.items()} for row in rows])


def write_history(folder: Path, rows: list[dict[str, float]]) -> None:
    """Write the rows, atomically."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    atomic_write(folder / HISTORY_FILE, text.getvalue())


def split_column(column: str) -> tuple[str, str]:
    """Return the term that a column is of, and the survey; a number alone is that of a target.

    >>> split_column("kl_source"), split_column("pair"), split_column("mmd2_2")
    (('kl', 'source'), ('pair', ''), ('mmd2', 'target_2'))
    """
    found = re.fullmatch(r"(.+?)(_source|_target)?(_\d+)?", column)
    term, survey, number = (part or "" for part in found.groups()) if found else (column, "", "")
    return term, f"{survey or '_target' * bool(number)}{number}"[1:]


def draw_term(axis: Axes, history: list[dict[str, float]], term: str, title: str) -> None:
    """Draw one loss term by epoch: training as a line, validation as a dashed one, each survey in its colour.

    Axes are linear with few ticks, written out: a term in nats may be negative, and on a logarithmic axis one that
    moves by less than a decade would have hardly a tick with a number.
    """
    epochs = [row["epoch"] for row in history]
    for column in [name for name in history[0] if split_column(name)[0] == term]:
        _, name = split_column(column)
        (line,) = axis.plot(epochs, [row[column] for row in history], label=f"{name} train".strip())
        values = [row[f"val_{column}"] for row in history]
        axis.plot(epochs, values, ls="--", color=line.get_color(), label=f"{name} validation".strip())
    axis.set(title=title, xlabel="epoch")
    axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axis.yaxis.set_major_locator(MaxNLocator(6))
    axis.ticklabel_format(axis="y", style="plain", useOffset=False)
    axis.legend(fontsize=8)
