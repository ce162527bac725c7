"""Latent tables made to harm whoever reads them."""

import io
import json
import os
import pickle
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from latents.tables import latent_table

from galkeras.io.columns import FORMATS, write_columns
from galkeras.io.errors import GalkerasError
from galkeras.latents.table import read_latents


class Marker:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.9])
def test_truncated_file_is_one_line(tmp_path, extension, keep):
    path = tmp_path / f"l{extension}"
    latent_table(rows=200).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
    try:
        table = read_latents(path)
    except GalkerasError as error:
        assert "\n" not in str(error) and path.name in str(error)
    else:
        # Text cut at the end of a line is a shorter table, and nothing in it says otherwise.
        assert extension in (".csv", ".ecsv") and len(table) < 200


@pytest.mark.parametrize("extension", FORMATS)
def test_noise_is_one_line(tmp_path, extension):
    path = tmp_path / f"l{extension}"
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    with pytest.raises(GalkerasError, match="not a readable galkeras table") as error:
        read_latents(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("extension", FORMATS)
def test_pickle_under_another_name_is_not_opened(tmp_path, extension):
    marker = tmp_path / "built"
    path = tmp_path / f"l{extension}"
    path.write_bytes(pickle.dumps(Marker(str(marker))))
    with pytest.raises(GalkerasError):
        read_latents(path)
    assert not marker.exists()


def test_pickled_column_of_npz_is_not_opened(tmp_path):
    marker = tmp_path / "built"
    path = tmp_path / "l.npz"
    table = latent_table()
    write_columns(path, table.columns(), table.metadata())
    buffer = io.BytesIO()
    np.save(buffer, np.array([Marker(str(marker))] * 50, object), allow_pickle=True)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, buffer.getvalue() if name == "z_00.npy" else data)
    with pytest.raises(GalkerasError, match=r"l\.npz is not a readable"):
        read_latents(path)
    assert not marker.exists()


def test_yaml_of_ecsv_builds_no_objects(tmp_path):
    marker = tmp_path / "built"
    path = tmp_path / "l.ecsv"
    latent_table().save(path)
    lines = path.read_text().split("\n")
    at = next(index for index, line in enumerate(lines) if "meta:" in line)
    lines.insert(at, f"# evil: !!python/object/apply:os.system ['touch {marker}']")
    path.write_text("\n".join(lines))
    with pytest.raises(GalkerasError, match=r"l\.ecsv is not a readable"):
        read_latents(path)
    assert not marker.exists()


def test_nested_and_ragged_columns_are_refused(tmp_path):
    table = latent_table(rows=3, latent_dim=1)
    columns = {k: pa.array(v.tolist()) for k, v in table.columns().items()}
    columns["z_00"] = pa.array([[1.0], [2.0, 3.0], []])
    path = tmp_path / "l.parquet"
    pq.write_table(pa.table(columns).replace_schema_metadata({"GALKERAS": json.dumps(table.metadata())}), path)
    with pytest.raises(GalkerasError, match=r"l\.parquet"):
        read_latents(path)
    columns = table.columns() | {"z_00": np.zeros(2, np.float32)}
    write_columns(tmp_path / "l.npz", columns, table.metadata())
    with pytest.raises(GalkerasError, match="column 'z_00' must hold one value a row"):
        read_latents(tmp_path / "l.npz")


def test_metadata_that_promise_a_billion_latents_cost_nothing(tmp_path):
    table = latent_table()
    write_columns(tmp_path / "l.parquet", table.columns(), table.metadata() | {"latent_dim": 10**9})
    with pytest.raises(GalkerasError, match="1000000000 latents, and its columns"):
        read_latents(tmp_path / "l.parquet")
