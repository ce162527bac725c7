"""Columns of astropy's tables, as FITS and ECSV give them."""

__all__ = ["columns_of", "table_of"]

from typing import Any

import numpy as np

from galkeras.io.tables import KEY, UNITS, Columns, required


def table_of(columns: Columns, note: str) -> Any:
    """Return columns as an astropy table with their units, and with its metadata."""
    from astropy.table import Table

    table = Table(columns, meta={KEY: note})
    for name in UNITS.keys() & columns.keys():
        table[name].unit = UNITS[name]
    return table


def columns_of(table: Any) -> tuple[Columns, str]:
    """Return the columns of an astropy table, and its metadata."""
    return {name: _native(table[name].data) for name in table.colnames}, required(table.meta)


def _native(values: Any) -> np.ndarray:
    """Return values without a mask (astropy masks empty text), in this machine's byte order."""
    if np.ma.isMaskedArray(values):
        fill: Any = {"f": np.nan, "U": ""}.get(values.dtype.kind)
        values = values.filled(fill)
    array: np.ndarray = values.astype(values.dtype.newbyteorder("=")) if values.dtype.kind in "iuf" else values
    return array
