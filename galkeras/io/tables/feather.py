"""Feather: Arrow's own file, which pandas, Polars, R and Julia read without converting; metadata are in the schema."""

__all__: list[str] = []

from pathlib import Path

from galkeras.io.tables import KEY, TABLE_FORMATS, Columns, TableFormat, required
from galkeras.io.tables._arrow import arrow, from_arrow


def _write(path: Path, columns: Columns, note: str) -> None:
    from pyarrow import feather

    feather.write_feather(arrow(columns).replace_schema_metadata({KEY: note}), str(path), compression="zstd")


def _read(path: Path, strings: tuple[str, ...]) -> tuple[Columns, str]:
    from pyarrow import feather

    table = feather.read_table(str(path), memory_map=False)
    # Of a damaged file Arrow checks nothing by itself, and would follow its offsets anywhere.
    table.validate(full=True)
    return from_arrow(table), required(table.schema.metadata or {}, KEY.encode()).decode()


TABLE_FORMATS.add(".feather", TableFormat(_write, _read))
