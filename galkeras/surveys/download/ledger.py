"""What has become of each row: a journal while cutouts are fetched, a table when that is over."""

__all__ = ["JOURNAL", "LEDGER", "Entry", "Journal", "Ledger", "read_entries"]

import json
import os
import zlib
from collections import Counter
from contextlib import suppress
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from types import TracebackType

import numpy as np

from galkeras.io.columns import read_columns, write_columns
from galkeras.io.errors import GalkerasError
from galkeras.surveys.download.targets import Place

LEDGER = "ledger.csv"
"""The table, a row for each of the catalog, in its order."""

JOURNAL = "ledger.journal"
"""What has been done since the table was written: a line each, with its checksum."""

STATUSES = ("ok", "outside", "failed", "rejected")


@dataclass(frozen=True)
class Entry(Place):
    """What became of a row.

    Attributes:
        status: ``ok``; ``outside`` the survey's footprint; ``failed``; ``rejected``: it was not asked for.
        file: The cutout's file below the folder, where there is one.
        bytes: Its length.
        sha256: Its digest.
        reason: Why there is none, or what there is to say of it.
    """

    status: str
    file: str = ""
    bytes: int = 0
    sha256: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        good = isinstance(self.id, str) and self.status in STATUSES and isinstance(self.bytes, int)
        if not good or not all(isinstance(getattr(self, name), (float, int)) for name in ("ra", "dec")):
            raise ValueError("not an entry of a ledger")


_FIELDS = tuple(one.name for one in fields(Entry))
_TEXT = tuple(one.name for one in fields(Entry) if one.type is str)


@dataclass(frozen=True)
class Ledger:
    """What became of every row of a catalog, in its order.

    Attributes:
        path: The folder of the cutouts.
        entries: One a row.
    """

    path: Path
    entries: tuple[Entry, ...]

    def count(self, status: str) -> int:
        """Return how many rows are ``ok``, ``outside``, ``failed`` or ``rejected``."""
        return Counter(entry.status for entry in self.entries)[status]

    def __str__(self) -> str:
        said = {"outside": "outside the footprint"}
        return ", ".join(f"{self.count(status):,} {said.get(status, status)}" for status in STATUSES)

    def save(self) -> None:
        """Write the table."""
        columns = {name: np.array([getattr(entry, name) for entry in self.entries]) for name in _FIELDS}
        columns["ra"], columns["dec"] = columns["ra"].astype(float), columns["dec"].astype(float)
        write_columns(self.path / LEDGER, columns, {"rows": len(self.entries)})


def read_entries(folder: Path) -> dict[str, Entry]:
    """Return what is known in a folder of galaxies by name. What is damaged is not known.

    Raises:
        GalkerasError: The journal is no file.
    """
    entries: list[Entry] = []
    with suppress(GalkerasError, ValueError, KeyError, TypeError):
        columns, _ = read_columns(folder / LEDGER, strings=_TEXT)
        rows = zip(*(columns[name].tolist() for name in _FIELDS), strict=True)
        entries += [Entry(*row) for row in rows]
    entries += _read_journal(folder / JOURNAL)
    return {entry.id: entry for entry in entries if entry.status != "rejected"}


def _read_journal(path: Path) -> list[Entry]:
    entries = []
    if path.exists() and not path.is_file():  # A pipe would be waited for.
        raise GalkerasError(f"{path} is no file")
    with suppress(FileNotFoundError):
        for line in path.read_bytes().split(b"\n"):
            # A line that was being written when the command was killed has another checksum.
            check, _, text = line.partition(b" ")
            with suppress(ValueError, TypeError, RecursionError):
                if check == _check(text):
                    entries.append(Entry(*json.loads(text)))
    return entries


def _check(text: bytes) -> bytes:
    return f"{zlib.crc32(text):08x}".encode()


class Journal:
    """The open journal of a folder; after the block it is left for the next run to read."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / JOURNAL

    def __enter__(self) -> "Journal":
        self._file = open(self._path, "ab", buffering=0)  # noqa: SIM115
        if self._file.tell():
            self._write(b"\n")  # The last line may not have been finished.
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def add(self, entry: Entry) -> None:
        """Write down what became of a row."""
        text = json.dumps(astuple(entry)).encode()
        self._write(_check(text) + b" " + text + b"\n")

    def _write(self, line: bytes) -> None:
        # Without a buffer the system may take a part alone, and says at the next line that the disk is full.
        while line:
            try:
                line = line[self._file.write(line) :]
            except OSError as error:
                error.filename = os.fspath(self._path)
                raise

    def remove(self) -> None:
        """Remove the file, when the table holds all that it says."""
        self._path.unlink()
