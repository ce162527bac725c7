"""Parquet: the metadata are in the schema; it streams, so memory does not grow with the rows."""

__all__: list[str] = []

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from galkeras.io.checksums import SEAL
from galkeras.io.tables import KEY, TABLE_FORMATS, Columns, Seal, TableFormat, required
from galkeras.io.tables._arrow import arrow, from_arrow

# Where the seal of a file that was streamed is: the schema was written before there was one.
_SEAL = f"{KEY}_CHECKSUM"


class _ParquetStream:
    """A Parquet file that grows by row groups of some thousand rows, the same ones however many come at a time."""

    GROUP = 8192

    def __init__(self, path: Path, note: str, seal: Callable[[], Seal]) -> None:
        self._path = path
        self._note = note
        self._seal = seal
        self._writer: Any = None
        self._waiting: list[Any] = []

    def __enter__(self) -> Callable[[Columns], None]:
        return self.write

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._flush(1)
        if self._writer is not None:
            if kind is None:
                self._writer.add_key_value_metadata({_SEAL: json.dumps(self._seal())})
            self._writer.close()

    def write(self, columns: Columns) -> None:
        self._waiting.append(arrow(columns))
        if sum(part.num_rows for part in self._waiting) >= self.GROUP:
            self._flush(self.GROUP)

    def _flush(self, least: int) -> None:
        """Write groups, as long as there are at least so many rows; the others wait."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not self._waiting:
            return
        table = pa.concat_tables(self._waiting)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema.with_metadata({KEY: self._note}))
        table = table.replace_schema_metadata({KEY: self._note})
        start = 0
        while table.num_rows - start >= least:
            self._writer.write_table(table.slice(start, self.GROUP))
            start += self.GROUP
        self._waiting = [table.slice(start)]


def _write(path: Path, columns: Columns, note: str) -> None:
    import pyarrow.parquet as pq

    pq.write_table(arrow(columns).replace_schema_metadata({KEY: note}), path)


def _read(path: Path, strings: tuple[str, ...]) -> tuple[Columns, str]:
    import pyarrow.parquet as pq

    # ParquetFile reads this file alone; read_table would take a folder or a pattern too.
    with pq.ParquetFile(path) as file:
        table, metadata = file.read(), file.metadata.metadata or {}
    note = required(table.schema.metadata or {}, KEY.encode()).decode()
    if _SEAL.encode() in metadata:
        note = json.dumps(json.loads(note) | {SEAL: json.loads(metadata[_SEAL.encode()])})
    return from_arrow(table), note


TABLE_FORMATS.add(".parquet", TableFormat(_write, _read, _ParquetStream), order=-5)
