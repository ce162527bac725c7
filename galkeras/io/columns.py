"""Tables of plain columns with metadata, in the format that the file name's extension says."""

__all__ = ["FORMATS", "check_format", "column_writer", "read_columns", "write_columns"]

import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from galkeras.io.errors import GalkerasError
from galkeras.io.files import atomic_path

FORMATS = (".parquet", ".fits", ".ecsv", ".csv", ".npz")

# Where each format keeps the metadata, as one JSON string: Parquet's schema metadata, a FITS keyword, ECSV's
# header, an array in NPZ. CSV has no such place: there it is a first line that starts with #.
_KEY = "GALKERAS"
_COMMENT = "# galkeras "
_LONGEST_COMMENT = 100_000

Columns = dict[str, np.ndarray]
Metadata = dict[str, Any]


def check_format(path: str | Path) -> Path:
    """Return ``path`` if a table can be written there, so that long work does not end in a refusal."""
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise GalkerasError(f"{path}: the extension must be one of {', '.join(FORMATS)}. Received: {path.suffix!r}")
    if path.is_dir():
        raise GalkerasError(f"{path} is a folder, not a table to write")
    return path


def write_columns(path: str | Path, columns: Columns, metadata: Metadata) -> None:
    """Write one-dimensional columns of numbers or strings and JSON-like metadata, atomically."""
    with column_writer(path, metadata) as write:
        write(columns)


@contextmanager
def column_writer(path: str | Path, metadata: Metadata) -> Iterator[Callable[[Columns], None]]:
    """Yield a function that appends rows to a table; the file appears when all is written, or not at all.

    Parquet streams, so memory does not grow with the rows. The other formats are written whole at the end.
    """
    path = check_format(path)
    note = json.dumps(metadata, allow_nan=False)
    with atomic_path(path) as temporary:
        if path.suffix.lower() == ".parquet":
            with _ParquetStream(temporary, note) as stream:
                yield stream.write
        else:
            parts: list[Columns] = []
            yield parts.append
            columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
            _WRITERS[path.suffix.lower()](temporary, columns, note)


def read_columns(path: str | Path, strings: tuple[str, ...] = ()) -> tuple[Columns, Metadata]:
    """Read what `write_columns` wrote.

    Args:
        path: The file.
        strings: Columns that are strings even if they look like numbers (in CSV nothing else says so).

    Raises:
        GalkerasError: The file is absent, damaged, of an unknown format, or was not written by galkeras.
    """
    path = check_format(path)
    if not path.exists():
        raise GalkerasError(f"{path} does not exist")
    try:
        with warnings.catch_warnings():
            # What astropy warns of in a damaged FITS file ends in an error below.
            warnings.simplefilter("ignore")
            columns, note = _READERS[path.suffix.lower()](path, strings)
        metadata = json.loads(note)
        if not isinstance(metadata, dict):
            raise ValueError("its metadata are not a JSON object")
    except MemoryError:
        raise
    except Exception as error:
        # Every format fails in ways of its own, down to ArrowInvalid, BadZipFile and yaml's errors.
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise GalkerasError(f"{path} is not a readable galkeras table: {reason}") from None
    for name in strings:
        if name in columns:
            columns[name] = np.asarray(columns[name]).astype(str)
    return columns, metadata


def _native(values: np.ndarray) -> np.ndarray:
    """Return values without a mask (astropy masks empty text), in this machine's byte order."""
    if np.ma.isMaskedArray(values):
        values = values.filled({"f": np.nan, "U": ""}.get(values.dtype.kind))
    return values.astype(values.dtype.newbyteorder("=")) if values.dtype.kind in "iuf" else values


def _arrow(columns: Columns) -> Any:
    import pyarrow as pa

    # numpy's fixed-width strings go through a list: Arrow has no such type.
    return pa.table({k: pa.array(v.tolist(), pa.string()) if v.dtype.kind == "U" else v for k, v in columns.items()})


def _from_arrow(table: Any) -> Columns:
    def numpy(column: Any) -> np.ndarray:
        values = column.to_numpy()
        return values.astype(str) if values.dtype == object else values

    return {name: numpy(table[name]) for name in table.column_names}


class _ParquetStream:
    """A Parquet file that grows by row groups of some thousand rows, however few come at a time."""

    GROUP = 8192

    def __init__(self, path: Path, note: str) -> None:
        self._path = path
        self._note = note
        self._writer: Any = None
        self._waiting: list[Any] = []

    def __enter__(self) -> "_ParquetStream":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._flush()
        if self._writer is not None:
            self._writer.close()

    def write(self, columns: Columns) -> None:
        self._waiting.append(_arrow(columns))
        if sum(part.num_rows for part in self._waiting) >= self.GROUP:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not self._waiting:
            return
        table = pa.concat_tables(self._waiting)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema.with_metadata({_KEY: self._note}))
        self._writer.write_table(table.replace_schema_metadata({_KEY: self._note}))
        self._waiting.clear()


def _read_parquet(path: Path, strings: tuple[str, ...]) -> tuple[Columns, str]:
    import pyarrow.parquet as pq

    # ParquetFile reads this file alone; read_table would take a folder or a pattern too.
    with pq.ParquetFile(path) as file:
        table = file.read()
    return _from_arrow(table), _required(table.schema.metadata or {}, _KEY.encode())


def _write_csv(path: Path, columns: Columns, note: str) -> None:
    import pyarrow.csv as csv

    with open(path, "wb") as file:
        file.write(f"{_COMMENT}{note}\n".encode())
        csv.write_csv(_arrow(columns), file)


def _read_csv(path: Path, strings: tuple[str, ...]) -> tuple[Columns, str]:
    import pyarrow as pa
    import pyarrow.csv as csv

    with open(path, "rb") as file:
        first = file.readline(_LONGEST_COMMENT).decode()
        if not first.startswith(_COMMENT):
            raise ValueError(f"its first line does not start with {_COMMENT!r}")
        types = csv.ConvertOptions(column_types={name: pa.string() for name in strings})
        return _from_arrow(csv.read_csv(file, convert_options=types)), first.removeprefix(_COMMENT)


def _write_npz(path: Path, columns: Columns, note: str) -> None:
    np.savez(path, **columns, **{_KEY: np.array(note)})


def _read_npz(path: Path, strings: tuple[str, ...]) -> tuple[Columns, str]:
    with np.load(path, allow_pickle=False) as file:
        columns = {name: file[name] for name in file.files}
    return columns, str(_required(columns, _KEY, pop=True))


def _write_astropy(path: Path, columns: Columns, note: str) -> None:
    from astropy.table import Table

    format = path.suffix.lower().removeprefix(".")
    for name, values in columns.items():
        if format == "fits" and values.dtype.kind == "U" and not all(map(str.isascii, values.tolist())):
            raise GalkerasError(f"FITS tables hold ASCII only, and column {name!r} has more: write .parquet instead")
    Table(columns, meta={_KEY: note}).write(path, format="ascii.ecsv" if format == "ecsv" else format)


def _read_astropy(path: Path, strings: tuple[str, ...]) -> tuple[Columns, str]:
    from astropy.table import Table

    if path.suffix.lower() == ".fits":
        table = Table.read(path, format="fits", hdu=1, character_as_bytes=False, unit_parse_strict="silent")
    else:
        table = Table.read(path, format="ascii.ecsv")
    return {name: _native(table[name].data) for name in table.colnames}, _required(table.meta, _KEY)


def _required(mapping: Any, key: Any, pop: bool = False) -> Any:
    if key not in mapping:
        raise ValueError("it has no galkeras metadata; only tables that galkeras wrote can be read here")
    return mapping.pop(key) if pop else mapping[key]


_WRITERS = {
    ".csv": _write_csv,
    ".npz": _write_npz,
    ".fits": _write_astropy,
    ".ecsv": _write_astropy,
}
_READERS = {
    ".parquet": _read_parquet,
    ".csv": _read_csv,
    ".npz": _read_npz,
    ".fits": _read_astropy,
    ".ecsv": _read_astropy,
}
