import dataclasses

import numpy as np
import pyarrow.parquet as pq
import pytest
from latents.tables import latent_table

from galkeras.io.columns import FORMATS, column_writer, read_columns, write_columns
from galkeras.io.errors import GalkerasError
from galkeras.latents.table import LatentTable, feature_table, read_latents


def assert_same(one: LatentTable, other: LatentTable) -> None:
    for field in dataclasses.fields(LatentTable):
        a, b = getattr(one, field.name), getattr(other, field.name)
        np.testing.assert_array_equal(a, b, err_msg=field.name)
        if isinstance(a, np.ndarray) and a.dtype.kind == "f":
            assert a.dtype == b.dtype, field.name


@pytest.mark.parametrize("extension", FORMATS)
def test_every_format_gives_back_the_same_bits(tmp_path, extension):
    table = latent_table(views=8)
    # What tables lose: unknown numbers, ids that look like numbers, empty text.
    table.ra[3] = np.nan
    table.id[:3] = ["007", "1e5", "nan"]
    table.survey[2] = ""
    path = tmp_path / f"latents{extension}"
    table.save(path)
    assert_same(read_latents(path), table)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_features_become_rows_named_as_their_galaxies(tmp_path):
    batches = [
        {"id": np.array([b"a", "größer".encode()], object), "split": np.array([b"train"] * 2, object)}
        | {"ra": np.array([1.0, np.nan]), "dec": np.array([-2.0, 3.0]), "pixel_scale": np.ones(2)},
        {"id": np.array([b"c"], object), "split": np.array([b"test"], object), "ra": [4.0], "dec": [5.0]},
    ]
    z = np.arange(6.0).reshape(3, 2)
    table = feature_table(batches, "decals", z, "pixels")
    assert table.id.tolist() == ["a", "größer", "c"] and table.split.tolist() == ["train", "train", "test"]
    assert table.survey.tolist() == ["decals"] * 3 and table.ra[2] == 4 and not table.log_var.any()
    table.save(tmp_path / "features.parquet")
    assert_same(read_latents(tmp_path / "features.parquet"), table)
    assert read_latents(tmp_path / "features.parquet").model == "pixels"


def test_columns_are_those_of_the_contract():
    names = list(latent_table(latent_dim=40).columns())
    assert names[:7] == ["id", "ra", "dec", "survey", "split", "z_00", "z_01"]
    assert names[44:47] == ["z_39", "log_var_00", "log_var_01"]
    assert names[-2:] == ["reconstruction_mse", "ssim"] and len(names) == 87


def test_other_tools_read_parquet_and_fits(tmp_path):
    from astropy.table import Table

    table = latent_table()
    table.save(tmp_path / "l.parquet")
    table.save(tmp_path / "l.fits")
    np.testing.assert_array_equal(pq.read_table(tmp_path / "l.parquet")["z_01"].to_numpy(), table.z[:, 1])
    np.testing.assert_array_equal(Table.read(tmp_path / "l.fits")["z_01"], table.z[:, 1])


@pytest.mark.parametrize("extension", FORMATS)
def test_streamed_rows_equal_rows_written_at_once(tmp_path, extension):
    table = latent_table(rows=100)
    path = tmp_path / f"l{extension}"
    with column_writer(path, table.metadata()) as write:
        for rows in (slice(0, 1), slice(1, 64), slice(64, 100)):
            write({name: column[rows] for name, column in table.columns().items()})
        assert not path.exists()
    assert_same(read_latents(path), table)


def test_parquet_streams_in_row_groups_of_some_size(tmp_path):
    # Row groups as small as the batches would make the file slow, one for everything would need all the memory.
    path = tmp_path / "l.parquet"
    with column_writer(path, {}) as write:
        for _ in range(300):
            write({"x": np.zeros(64)})
    with pq.ParquetFile(path) as file:
        groups = [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]
    assert sum(groups) == 300 * 64 and len(groups) == 3


@pytest.mark.parametrize("extension", FORMATS)
def test_interrupted_writing_leaves_what_was_there(tmp_path, extension):
    path = tmp_path / f"l{extension}"
    before = latent_table(seed=1)
    before.save(path)
    with pytest.raises(KeyboardInterrupt), column_writer(path, {}) as write:
        write({"x": np.zeros(20_000)})
        raise KeyboardInterrupt
    assert_same(read_latents(path), before)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", ["latents.txt", "latents", "latents.pkl"])
def test_unknown_extension_is_refused(tmp_path, name):
    with pytest.raises(GalkerasError, match=r"extension must be one of \.parquet, \.fits"):
        latent_table().save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_fits_says_that_it_knows_ascii_only(tmp_path):
    with pytest.raises(GalkerasError, match="ASCII only, and column 'survey'"):
        latent_table(survey=np.full(50, "señal")).save(tmp_path / "l.fits")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["id", "split", "z_02", "log_var_03", "ssim", "ra"])
def test_missing_column_is_named(tmp_path, name):
    table = latent_table()
    columns = table.columns()
    del columns[name]
    path = tmp_path / "l.parquet"
    write_columns(path, columns, table.metadata())
    with pytest.raises(GalkerasError, match=r"l\.parquet") as error:
        read_latents(path)
    assert name in str(error.value) or name.startswith("z_")


@pytest.mark.parametrize("extension", FORMATS)
def test_latent_that_is_not_finite_is_named(tmp_path, extension):
    table = latent_table()
    table.z[7, 2] = np.nan
    path = tmp_path / f"l{extension}"
    table.save(path)
    with pytest.raises(GalkerasError, match="column 'z_02' is nan in row 8"):
        read_latents(path)


@pytest.mark.filterwarnings("error")
def test_latent_that_is_too_large_a_number_is_named(tmp_path):
    table = latent_table()
    write_columns(tmp_path / "l.npz", table.columns() | {"z_01": np.full(50, 1e300)}, table.metadata())
    with pytest.raises(GalkerasError, match=r"column 'z_01' is 1e\+300 in row 1"):
        read_latents(tmp_path / "l.npz")


def test_text_in_a_column_of_numbers_is_named(tmp_path):
    table = latent_table()
    columns = table.columns() | {"z_01": np.full(50, "much")}
    write_columns(tmp_path / "l.csv", columns, table.metadata())
    with pytest.raises(GalkerasError, match="column 'z_01' must hold numbers"):
        read_latents(tmp_path / "l.csv")


@pytest.mark.parametrize("change", [{"model": None}, {"latent_dim": 3}, {"latent_dim": "4"}, {"table": "predictions"}])
def test_wrong_metadata_are_refused(tmp_path, change):
    table = latent_table()
    write_columns(tmp_path / "l.parquet", table.columns(), table.metadata() | change)
    with pytest.raises(GalkerasError, match="metadata"):
        read_latents(tmp_path / "l.parquet")


def test_catalog_is_no_latent_table(tmp_path):
    (tmp_path / "catalog.csv").write_text("id,ra,dec\n1,2,3\n")
    with pytest.raises(GalkerasError, match=r"catalog\.csv is not a readable galkeras table"):
        read_latents(tmp_path / "catalog.csv")
    with pytest.raises(GalkerasError, match="does not exist"):
        read_latents(tmp_path / "none.csv")


def test_no_table_without_rows(tmp_path):
    latent_table(rows=1).save(tmp_path / "one.parquet")
    assert len(read_latents(tmp_path / "one.parquet")) == 1
    table = latent_table()
    write_columns(tmp_path / "l.npz", {k: v[:0] for k, v in table.columns().items()}, table.metadata())
    with pytest.raises(GalkerasError, match="no rows"):
        read_latents(tmp_path / "l.npz")


def test_strings_of_any_table_come_back(tmp_path):
    columns = {"name": np.array(["a", "bb"]), "n": np.array([1, 2])}
    for extension in FORMATS:
        write_columns(tmp_path / f"t{extension}", columns, {"k": [1, {"a": None}], "long": "x" * 500})
        back, metadata = read_columns(tmp_path / f"t{extension}", strings=("name",))
        assert back["name"].tolist() == ["a", "bb"] and back["n"].tolist() == [1, 2]
        assert metadata == {"k": [1, {"a": None}], "long": "x" * 500}
