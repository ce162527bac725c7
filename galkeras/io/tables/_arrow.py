"""Columns as Arrow tables, which Parquet and CSV are written from."""

__all__ = ["arrow", "from_arrow"]

from typing import Any

import numpy as np

from galkeras.io.tables import Columns


def arrow(columns: Columns) -> Any:
    """Return columns as an Arrow table."""
    import pyarrow as pa

    # numpy's fixed-width strings go through a list: Arrow has no such type.
    return pa.table({k: pa.array(v.tolist(), pa.string()) if v.dtype.kind == "U" else v for k, v in columns.items()})


def from_arrow(table: Any) -> Columns:
    """Return the columns of an Arrow table."""

    def numpy(column: Any) -> np.ndarray:
        values: np.ndarray = column.to_numpy()
        return values.astype(str) if values.dtype == object else values

    return {name: numpy(table[name]) for name in table.column_names}
