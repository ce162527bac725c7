"""Parquet: the metadata are in the schema; it streams, so memory does not grow with the rows."""

__all__: list[str] = []

from collections.abc import Callable
from pathlib import Path
from typing import Any

from galkeras.io.tables import KEY, TABLE_FORMATS, Columns, TableFormat, required
from galkeras.io.tables._arrow import arrow, from_arrow


class _ParquetStream:
    """A Parquet file that grows by row groups of some thousand rows, however few come at a time."""

    GROUP = 8192

    def __init__(self, path: Path, note: Callable[[], str]) -> None:
        self._path = path
        self._note = note
        self._writer: Any = None
        self._waiting: list[Any] = []

    def __enter__(self) -> Callable[[Columns], None]:
        return self.write

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._flush()
        if self._writer is not None:
            if kind is None:
                self._writer.add_key_value_metadata({KEY: self._note()})
            self._writer.close()

    def write(self, columns: Columns) -> None:
        self._waiting.append(arrow(columns))
        if sum(part.num_rows for part in self._waiting) >= self.GROUP:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not self._waiting:
            return
        table = pa.concat_tables(self._waiting)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema)
        self._writer.write_table(table)
        self._waiting.clear()


def _write(path: Path, columns: Columns, note: str) -> None:
    with _ParquetStream(path, lambda: note) as write:
        write(columns)


def _read(path: Path, strings: tuple[str, ...]) -> tuple[Columns, str]:
    import pyarrow.parquet as pq

    # ParquetFile reads this file alone; read_table would take a folder or a pattern too.
    with pq.ParquetFile(path) as file:
        table = file.read()
    return from_arrow(table), required(table.schema.metadata or {}, KEY.encode()).decode()


TABLE_FORMATS.add(".parquet", TableFormat(_write, _read, _ParquetStream), order=-5)
