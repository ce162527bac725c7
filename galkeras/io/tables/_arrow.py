"""Columns as Arrow tables, which Parquet and CSV are written from."""

__all__ = ["arrow", "from_arrow"]

from typing import Any

import numpy as np

from galkeras.io.tables import UNITS, Columns


def arrow(columns: Columns) -> Any:
    """Return columns as an Arrow table, whose fields have the columns' units for metadata."""
    import pyarrow as pa

    # numpy's fixed-width strings go through a list: Arrow has no such type.
    table = pa.table({k: pa.array(v.tolist(), pa.string()) if v.dtype.kind == "U" else v for k, v in columns.items()})
    fields = [one.with_metadata({"unit": UNITS[one.name]}) if one.name in UNITS else one for one in table.schema]
    return pa.Table.from_arrays(table.columns, schema=pa.schema(fields))


def from_arrow(table: Any) -> Columns:
    """Return the columns of an Arrow table."""

    def numpy(column: Any) -> np.ndarray:
        values: np.ndarray = column.to_numpy()
        return values.astype(str) if values.dtype == object else values

    return {name: numpy(table[name]) for name in table.column_names}
