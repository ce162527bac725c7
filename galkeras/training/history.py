"""``history.csv`` of a model folder: one row an epoch, every loss term per image."""

__all__ = ["HISTORY_DIGEST", "HISTORY_FILE", "history_digest", "read_history", "write_history"]

import csv
import io
from pathlib import Path

from galkeras.io.checksums import damaged, digest_of
from galkeras.io.errors import GalkerasError
from galkeras.io.files import atomic_write, read_json
from galkeras.models.stored import CONFIG_FILE

HISTORY_FILE = "history.csv"
HISTORY_DIGEST = "history_sha256"
"""Under which the last checkpoint, and the config of a finished model, hold the checksum of the rows."""


def read_history(folder: Path) -> list[dict[str, float]]:
    """Return the rows of a model folder's history; where the model is finished, they must match its config."""
    if not (folder / HISTORY_FILE).is_file():
        raise GalkerasError(f"{folder / HISTORY_FILE} cannot be read: it is no file")
    try:
        with open(folder / HISTORY_FILE, newline="") as file:
            rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    except (OSError, TypeError, ValueError, csv.Error) as error:
        raise GalkerasError(f"{folder / HISTORY_FILE} cannot be read: {error}") from None
    config = read_json(folder / CONFIG_FILE) if (folder / CONFIG_FILE).exists() else {}
    if config.get(HISTORY_DIGEST, digest := history_digest(rows)) != digest:
        raise damaged(folder / HISTORY_FILE)
    return rows


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
