import numpy as np
import pytest

from galkeras.io.columns import read_columns, write_columns
from galkeras.io.errors import GalkerasError

COLUMNS = {"id": np.array(["007", "éa"]), "z": np.array([0.1, np.nan], "f"), "bar": np.array([True, False])}


def test_other_software_reads_it_and_its_metadata(tmp_path):
    from pyarrow import feather

    write_columns(tmp_path / "table.feather", COLUMNS, {"model": "m"})
    table = feather.read_table(str(tmp_path / "table.feather"))
    assert table.column_names == list(COLUMNS) and table["id"].to_pylist() == ["007", "éa"]
    assert b'"model": "m"' in table.schema.metadata[b"GALKERAS"]
    columns, metadata = read_columns(tmp_path / "table.feather")
    assert metadata == {"model": "m"}
    for name, values in COLUMNS.items():
        assert columns[name].dtype.kind == values.dtype.kind
        np.testing.assert_array_equal(columns[name], values)


def test_a_file_of_others_and_offsets_that_lead_nowhere(tmp_path):
    import pyarrow as pa
    from pyarrow import feather

    path = tmp_path / "table.feather"
    feather.write_feather(pa.table({"id": ["a"]}), str(path))
    with pytest.raises(GalkerasError, match="table.feather.*no galkeras metadata"):
        read_columns(path)
    table = pa.table({"id": ["ab", "c"]}).replace_schema_metadata({"GALKERAS": "{}"})
    feather.write_feather(table, str(path), compression="uncompressed")
    offsets = np.array([0, 2, 3], "i4").tobytes()
    data = path.read_bytes()
    assert data.count(offsets) == 1
    path.write_bytes(data.replace(offsets, np.array([0, 2, 1 << 30], "i4").tobytes()))
    with pytest.raises(GalkerasError, match=r"table.feather.*offset"):
        read_columns(path)
