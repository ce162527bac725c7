"""Astropy's ECSV: CSV with a header in YAML, which holds the metadata."""

__all__: list[str] = []

from pathlib import Path

from galkeras.io.tables import TABLE_FORMATS, Columns, TableFormat
from galkeras.io.tables._astropy import columns_of, table_of


def _write(path: Path, columns: Columns, note: str) -> None:
    # Given a path, astropy would not write into a file that is there.
    with open(path, "w", encoding="utf-8", newline="") as file:
        table_of(columns, note).write(file, format="ascii.ecsv")


def _read(path: Path, strings: tuple[str, ...]) -> tuple[Columns, str]:
    from astropy.table import Table

    return columns_of(Table.read(path, format="ascii.ecsv"))


TABLE_FORMATS.add(".ecsv", TableFormat(_write, _read), order=-3)
