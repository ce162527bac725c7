"""Astropy's ECSV: CSV with a header in YAML, which holds the metadata."""

__all__: list[str] = []

import re
from pathlib import Path

from galkeras.io.errors import GalkerasError
from galkeras.io.tables import TABLE_FORMATS, Columns, TableFormat
from galkeras.io.tables._astropy import columns_of, table_of

# What astropy's reader takes for a comment, or for the end of a line.
_UNREADABLE = re.compile(r"^#|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


def _write(path: Path, columns: Columns, note: str) -> None:
    for name, values in columns.items():
        if values.dtype.kind == "U" and (bad := next(filter(_UNREADABLE.search, values.tolist()), None)):
            raise GalkerasError(f"ECSV cannot hold {bad!r:.60} of column {name!r}: write .parquet instead")
    # Given a path, astropy would not write into a file that is there.
    with open(path, "w", encoding="utf-8", newline="") as file:
        table_of(columns, note).write(file, format="ascii.ecsv")


def _read(path: Path, strings: tuple[str, ...]) -> tuple[Columns, str]:
    from astropy.table import Table

    return columns_of(Table.read(path, format="ascii.ecsv"))


TABLE_FORMATS.add(".ecsv", TableFormat(_write, _read), order=-3)
