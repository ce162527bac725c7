"""Formats of tables by their extension: one file a format."""

__all__ = ["KEY", "TABLE_FORMATS", "UNITS", "Columns", "Seal", "TableFormat", "required"]

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from galkeras.io.registry import Registry

Columns = dict[str, np.ndarray]
Seal = dict[str, Any]

KEY = "GALKERAS"
"""Where a format keeps the metadata, as one JSON string: in Parquet's schema, a FITS keyword, an array of NPZ, …."""

UNITS = {"ra": "deg", "dec": "deg", "position_angle": "deg"}
"""Units of columns by their name, whatever table they are in. Formats that hold units write them; readers need none."""


@dataclass(frozen=True)
class TableFormat:
    """How tables of one extension are written and read.

    Attributes:
        write: Writes a file, given its path, the columns and the metadata as a JSON string.
        read: Returns the columns and the metadata of a file, given its path and the names of columns that are text
            even where they look like numbers. What it raises of a damaged file is told in one line by the caller.
        stream: Opens a file, given its path, the metadata and a function that returns their seal (see
            `galkeras.io.checksums`) when all rows are written, as a context that gives a function to append rows by;
            None where a format can only be written whole.
    """

    write: Callable[[Path, Columns, str], None]
    read: Callable[[Path, tuple[str, ...]], tuple[Columns, str]]
    stream: Callable[[Path, str, Callable[[], Seal]], AbstractContextManager[Callable[[Columns], None]]] | None = None


TABLE_FORMATS: Registry[TableFormat] = Registry("table format", package=__name__)
"""Extension, with its dot, to format; in the order in which they are named to the user."""


def required(container: Mapping[Any, Any], key: Any = KEY) -> Any:
    """Return the metadata that a file holds under ``key``; a file without was not written by galkeras."""
    if key not in container:
        raise ValueError("it has no galkeras metadata; only tables that galkeras wrote can be read here")
    return container[key]
