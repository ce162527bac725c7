"""NumPy's archive of arrays: the metadata are an array of their own."""

__all__: list[str] = []

from pathlib import Path
from typing import Any

import numpy as np

from galkeras.io.tables import KEY, TABLE_FORMATS, Columns, TableFormat, required


def _write(path: Path, columns: Columns, note: str) -> None:
    arrays: dict[str, Any] = {**columns, KEY: np.array(note)}
    np.savez(path, **arrays)


def _read(path: Path, strings: tuple[str, ...]) -> tuple[Columns, str]:
    # Given a path, numpy leaves a damaged file open.
    with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
        columns = {name: file[name] for name in file.files}
    note = str(required(columns))
    del columns[KEY]
    return columns, note


TABLE_FORMATS.add(".npz", TableFormat(_write, _read), order=-1)
