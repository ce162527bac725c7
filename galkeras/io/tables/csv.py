"""CSV: the metadata are a first line that starts with #, since it has no place for them."""

__all__: list[str] = []

import json
from pathlib import Path
from typing import Any

from galkeras.io.checksums import SEAL, TEXT
from galkeras.io.tables import TABLE_FORMATS, Columns, TableFormat
from galkeras.io.tables._arrow import arrow, from_arrow

_COMMENT = "# galkeras "
_LONGEST_COMMENT = 100_000


def _write(path: Path, columns: Columns, note: str) -> None:
    import pyarrow.csv as csv

    with open(path, "wb") as file:
        file.write(f"{_COMMENT}{note}\n".encode())
        csv.write_csv(arrow(columns), file)


def _read(path: Path, strings: tuple[str, ...]) -> tuple[Columns, str]:
    import pyarrow as pa
    import pyarrow.csv as csv

    with open(path, "rb") as file:
        first = file.readline(_LONGEST_COMMENT).decode()
        if not first.startswith(_COMMENT):
            raise ValueError(f"its first line does not start with {_COMMENT!r}")
        note = first.removeprefix(_COMMENT)
        types = _types(note) | {name: pa.string() for name in strings}
        return from_arrow(csv.read_csv(file, convert_options=csv.ConvertOptions(column_types=types))), note


def _types(note: str) -> dict[str, Any]:
    """Return the columns' types in Arrow, which only the checksum in the metadata tells; nothing of older files."""
    import pyarrow as pa

    types = json.loads(note).get(SEAL, {}).get("types", {})
    return {name: pa.string() if kind == TEXT else pa.from_numpy_dtype(kind) for name, kind in types.items()}


TABLE_FORMATS.add(".csv", TableFormat(_write, _read), order=-2)
