import json

import numpy as np

from galkeras.io.columns import FORMATS, check_format, column_writer, read_columns, write_columns
from galkeras.io.tables import TABLE_FORMATS, TableFormat


def test_the_formats_are_named_in_one_order():
    assert FORMATS == (".parquet", ".fits", ".ecsv", ".csv", ".npz", ".feather")


def test_a_format_is_one_entry(tmp_path, monkeypatch):
    def write(path, columns, note):
        path.write_text(json.dumps([note, {name: values.tolist() for name, values in columns.items()}]))

    def read(path, strings):
        note, columns = json.loads(path.read_text())
        return {name: np.array(values) for name, values in columns.items()}, note

    monkeypatch.setitem(TABLE_FORMATS, ".toy", TableFormat(write, read))
    path = check_format(tmp_path / "table.TOY")
    write_columns(path, {"id": np.array(["a", "b"]), "ra": np.array([1.5, 2.5])}, {"model": "m"})
    columns, metadata = read_columns(path)
    assert metadata == {"model": "m"} and columns["id"].tolist() == ["a", "b"] and columns["ra"].sum() == 4


def test_parquet_is_the_same_file_however_many_rows_come_at_a_time(tmp_path):
    values = np.arange(20_000)
    for rows in (100, 9_000, 20_000):
        with column_writer(tmp_path / f"{rows}.parquet", {}) as write:
            for start in range(0, len(values), rows):
                write({"number": values[start : start + rows], "id": values[start : start + rows].astype(str)})
    files = {path.read_bytes() for path in tmp_path.glob("*.parquet")}
    assert len(files) == 1
    np.testing.assert_array_equal(read_columns(tmp_path / "100.parquet")[0]["number"], values)
