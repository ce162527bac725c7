"""``history.csv`` of a model folder: one row an epoch, every loss term per image."""

__all__ = ["HISTORY_FILE", "read_history", "write_history"]

import csv
import io
from pathlib import Path

from galkeras.io.errors import GalkerasError
from galkeras.io.files import atomic_write

HISTORY_FILE = "history.csv"


def read_history(folder: Path) -> list[dict[str, float]]:
    """Return the rows of a model folder's history."""
    try:
        with open(folder / HISTORY_FILE, newline="") as file:
            return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    except (OSError, TypeError, ValueError) as error:
        raise GalkerasError(f"{folder / HISTORY_FILE} cannot be read: {error}") from None


def write_history(folder: Path, rows: list[dict[str, float]]) -> None:
    """Write the rows, atomically."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    atomic_write(folder / HISTORY_FILE, text.getvalue())
