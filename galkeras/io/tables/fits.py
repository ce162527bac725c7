"""FITS binary tables: the metadata are a keyword, and text is ASCII."""

__all__: list[str] = []

from pathlib import Path

from galkeras.io.errors import GalkerasError
from galkeras.io.tables import TABLE_FORMATS, Columns, TableFormat
from galkeras.io.tables._astropy import columns_of, table_of


def _write(path: Path, columns: Columns, note: str) -> None:
    for name, values in columns.items():
        if values.dtype.kind == "U" and not all(map(str.isascii, values.tolist())):
            raise GalkerasError(f"FITS tables hold ASCII only, and column {name!r} has more: write .parquet instead")
    with open(path, "wb") as file:
        table_of(columns, note).write(file, format="fits")


def _read(path: Path, strings: tuple[str, ...]) -> tuple[Columns, str]:
    from astropy.table import Table

    return columns_of(Table.read(path, format="fits", hdu=1, character_as_bytes=False, unit_parse_strict="silent"))


TABLE_FORMATS.add(".fits", TableFormat(_write, _read), order=-4)
