"""Tables of plain columns with metadata, in the format that the file name's extension says."""

__all__ = [
    "FORMATS",
    "HELD",
    "Columns",
    "Metadata",
    "check_format",
    "check_new",
    "column_writer",
    "read_columns",
    "write_columns",
    "write_rejected",
]

import csv
import io
import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from galkeras.io.checksums import SEAL, ColumnsDigest, check_columns
from galkeras.io.errors import GalkerasError
from galkeras.io.files import atomic_path, atomic_write
from galkeras.io.folders import exists
from galkeras.io.tables import TABLE_FORMATS, Columns

FORMATS = tuple(TABLE_FORMATS)
"""The extensions that galkeras brings."""

HELD = "held"
"""Where the metadata of an astropy table of some columns of a file name all that the file has."""

Metadata = dict[str, Any]


def check_new(path: str | Path, overwrite: bool, inputs: Iterable[object] = ()) -> Path:
    """Return ``path`` if a table can be written there, and none is there that may not be replaced.

    What a command reads it does not replace: ``inputs`` are its own, of which those count that are paths.
    """
    path = check_format(path)
    if not path.exists():
        return path
    if not overwrite:
        raise exists(path)
    read = (Path(one) for one in inputs if isinstance(one, str | Path))
    if any(one.exists() and one.samefile(path) for one in read):
        raise GalkerasError(f"{path} is what is read, and would be lost: give another `out`")
    return path


def check_format(path: str | Path) -> Path:
    """Return ``path`` if a table can be written there, so that long work does not end in a refusal."""
    path = Path(path)
    if path.suffix.lower() not in TABLE_FORMATS:
        raise GalkerasError(
            f"{path}: the extension must be one of {', '.join(TABLE_FORMATS)}. Received: {path.suffix!r}"
        )
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

    Parquet streams, so memory does not grow with the rows. The other formats are written whole at the end. With the
    metadata goes a checksum of all values, which `read_columns` checks.
    """
    path = check_format(path)
    digest = ColumnsDigest()
    metadata = json.loads(json.dumps(metadata, allow_nan=False))

    with atomic_path(path, alone=True) as temporary:
        format = TABLE_FORMATS[path.suffix.lower()]
        if format.stream is not None:
            with format.stream(temporary, json.dumps(metadata), lambda: digest.seal(metadata)) as write:

                def write_part(part: Columns) -> None:
                    digest.update(part)
                    write(part)

                yield write_part
        else:
            parts: list[Columns] = []
            yield parts.append
            columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
            digest.update(columns)
            format.write(temporary, columns, json.dumps(metadata | {SEAL: digest.seal(metadata)}))


def write_rejected(table: Path, names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write who was left out of a table, with columns of these ``names``, as ``TABLE.rejected.csv`` beside it.

    Where nobody was there is no such file afterwards. It is written before the table appears, inside of
    `column_writer`: a command that finds its table takes the work for finished.
    """
    path = table.with_name(f"{table.name}.rejected.csv")
    if not rows:
        path.unlink(missing_ok=True)
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    # No folder is ours whose left-overs we could clear: of a kill the next run takes the same name.
    atomic_write(path, text.getvalue(), alone=True)


def read_columns(path: str | Path, strings: tuple[str, ...] = ()) -> tuple[Columns, Metadata]:
    """Read what `write_columns` wrote.

    Args:
        path: The file.
        strings: Columns that are strings even if they look like numbers (in CSV nothing else says so).

    Raises:
        GalkerasError: The file is absent, damaged (which its checksum tells), of an unknown format, or was not written
            by galkeras.
    """
    path = check_format(path)
    if not path.is_file():
        raise GalkerasError(f"{path} does not exist, or is no file")
    try:
        with warnings.catch_warnings():
            # What astropy warns of in a damaged FITS file ends in an error below.
            warnings.simplefilter("ignore")
            columns, note = TABLE_FORMATS[path.suffix.lower()].read(path, strings)
        metadata = json.loads(note)
        if not isinstance(metadata, dict):
            raise ValueError("its metadata are not a JSON object")
    except MemoryError:
        raise
    except Exception as error:
        # Every format fails in ways of its own, down to ArrowInvalid, BadZipFile and yaml's errors.
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise GalkerasError(f"{path} is not a readable galkeras table: {reason}") from None
    if SEAL in metadata:
        check_columns(columns, metadata, metadata.pop(SEAL), path)
    for name in strings:
        if name in columns:
            columns[name] = np.asarray(columns[name]).astype(str)
    return columns, metadata
