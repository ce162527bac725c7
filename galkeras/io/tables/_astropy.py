"""Columns of astropy's tables, as FITS and ECSV give them."""

__all__ = ["columns_of"]

from typing import Any

import numpy as np

from galkeras.io.tables import Columns, required


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
