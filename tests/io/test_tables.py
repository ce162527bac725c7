import json

import numpy as np
import pytest
from astropy.table import Table
from pyarrow import feather, parquet

from galkeras.io.columns import FORMATS, check_format, column_writer, read_columns, write_columns
from galkeras.io.errors import GalkerasError
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


@pytest.mark.parametrize("end", [".fits", ".ecsv", ".parquet", ".feather"])
def test_units_are_written_where_the_format_holds_them_and_read_without(tmp_path, end):
    path = tmp_path / f"t{end}"
    columns = {"id": np.array(["a", "b"]), "ra": np.array([1.0, np.nan]), "z_00": np.ones(2, np.float32)}
    with column_writer(path, {"table": "some"}) as write:
        write(columns)
    if end in (".fits", ".ecsv"):
        table = Table.read(path)
        units = {name: str(table[name].unit or "") for name in table.colnames}
        # As astropy writes it again, and as it was before there were units.
        bare = Table(table, meta=dict(table.meta))
        bare["ra"].unit = None
        bare.write(tmp_path / f"bare{end}")
        read, _ = read_columns(tmp_path / f"bare{end}")
        np.testing.assert_array_equal(read["ra"], columns["ra"])
    else:
        schema = parquet.read_schema(path) if end == ".parquet" else feather.read_table(path).schema
        units = {one.name: (one.metadata or {}).get(b"unit", b"").decode() for one in schema}
    assert units == {"id": "", "ra": "deg", "z_00": ""}
    read, metadata = read_columns(path)
    assert metadata == {"table": "some"}
    for name, values in columns.items():
        np.testing.assert_array_equal(read[name], values)


@pytest.mark.parametrize("end", FORMATS)
@pytest.mark.parametrize("name", ["#7", "a\rb", "a\x0bb", "a\u2028b", "a\nb", 'a,"b', "a\tb"])
def test_odd_names_come_back_or_are_not_written(tmp_path, end, name):
    path = tmp_path / f"t{end}"
    try:
        write_columns(path, {"id": np.array([name, "b"])}, {})
    except GalkerasError as error:
        assert "write .parquet instead" in str(error) and not path.exists() and end in (".fits", ".ecsv")
    else:
        assert read_columns(path, ("id",))[0]["id"].tolist() == [name, "b"]
