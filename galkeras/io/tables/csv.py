"""CSV: the metadata are a first line that starts with #, since it has no place for them."""

__all__: list[str] = []

from pathlib import Path

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
        types = csv.ConvertOptions(column_types={name: pa.string() for name in strings})
        return from_arrow(csv.read_csv(file, convert_options=types)), first.removeprefix(_COMMENT)


TABLE_FORMATS.add(".csv", TableFormat(_write, _read), order=-2)
