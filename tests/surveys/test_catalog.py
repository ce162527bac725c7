import numpy as np
import pytest
from astropy.table import Table
from sky import write_csv

from galkeras.galaxyzoo.trees import canonical_names, recognized
from galkeras.io.errors import GalkerasError
from galkeras.surveys.catalog import position_of, read_catalog, rows_in


def small() -> dict[str, list]:
    return {"iauname": ["J1", "J2", "J3"], "ra": [0.0, 180.25, 360.0], "dec": [-90.0, 0.5, 90.0], "n": [1, 2, 3]}


@pytest.mark.parametrize("extension", ["csv", "ecsv", "fits", "parquet"])
def test_every_format_reads_the_same(tmp_path, extension):
    path = tmp_path / f"cat.{extension}"
    Table(small()).write(path, **({"format": "ascii.csv"} if extension == "csv" else {}))
    table = read_catalog(path)
    assert list(table["id"]) == ["J1", "J2", "J3"]
    assert table["ra"].dtype == table["dec"].dtype == np.float64
    assert list(table["ra"]) == [0.0, 180.25, 360.0]
    assert list(table["n"]) == [1, 2, 3] and read_catalog(table) is table
    assert table.colnames[:3] == ["id", "ra", "dec"]


@pytest.mark.parametrize("extension", ["csv", "fits", "parquet"])
def test_long_integer_ids_keep_every_digit(tmp_path, extension):
    ids = [587739505552785605, 587739505552785606]
    path = tmp_path / f"cat.{extension}"
    table = Table({"objid": ids, "ra": [1.0, 2.0], "dec": [1.0, 2.0]})
    table.write(path, **({"format": "ascii.csv"} if extension == "csv" else {}))
    assert list(read_catalog(path)["id"]) == [str(value) for value in ids]


def test_long_integers_beside_gaps_keep_every_digit(tmp_path):
    long = 587739505552785605
    path = write_csv(tmp_path / "c.csv", {"id": ["a", "b"], "ra": [1, 2], "dec": [1, 2], "dr7objid": [long, ""]})
    column = read_catalog(path)["dr7objid"]
    assert column[0] == long and column.mask[1]


def test_ids_with_leading_zeros_stay_text(tmp_path):
    path = write_csv(tmp_path / "c.csv", {"name": ["007", "08"], "ra": [1, 2], "dec": [1, 2]})
    assert list(read_catalog(path, id_column="name")["id"]) == ["007", "08"]


def test_float_ids_are_refused(tmp_path):
    path = tmp_path / "c.parquet"
    Table({"objid": [5.877e17], "ra": [1.0], "dec": [1.0]}).write(path)
    with pytest.raises(GalkerasError, match="objid.*floating-point"):
        read_catalog(path)


def test_a_column_type_follows_from_all_rows(tmp_path):
    # More than pyarrow's usual megabyte of integers before the first fraction.
    count = 200_000
    values = ["1"] * (count - 1) + ["0.5"]
    path = write_csv(tmp_path / "c.csv", {"id": list(range(count)), "ra": [1] * count, "dec": [1] * count, "v": values})
    assert read_catalog(path)["v"][-1] == 0.5


@pytest.mark.parametrize(
    "change, message",
    [
        ({"iauname": ["J1", "J1", "J3"]}, "1 ids of column 'iauname' appear more than once: J1"),
        ({"iauname": ["J1", "", "J3"]}, "no id in column 'iauname' of row 2"),
        ({"ra": [1, 2, 400]}, "ra must be 0 to 360.*J3"),
        ({"dec": [1, 2, ""]}, "dec -90 to 90.*J3"),
        ({"dec": [1, 2, "north"]}, "column 'dec' must be numbers"),
    ],
)
def test_bad_rows_are_named(tmp_path, change, message):
    with pytest.raises(GalkerasError, match=message):
        read_catalog(write_csv(tmp_path / "c.csv", {**small(), **change}))


def test_no_position(tmp_path):
    path = write_csv(tmp_path / "c.csv", {"id": ["a", "b"], "rra": [1, 2]})
    with pytest.raises(GalkerasError, match="no column ra and dec.*'rra'"):
        read_catalog(path)
    assert np.isnan(read_catalog(path, position=False)["ra"]).all()


def test_positions_come_from_iau_names(tmp_path):
    path = write_csv(tmp_path / "c.csv", {"iauname": ["J004544.11-005037.5", "J120000.00+300000.0"]})
    table = read_catalog(path)
    assert np.allclose(table["ra"], [11.4337917, 180]) and np.allclose(table["dec"], [-0.8437500, 30])


def test_southern_positions_within_a_degree_of_the_equator_stay_south():
    assert position_of("J000000.00-000036.0")[1] == pytest.approx(-0.01)
    assert position_of("NGC 1300") is None


@pytest.mark.parametrize("id_column, message", [("iaunam", "Did you mean 'iauname'"), ("xyz", "no column 'xyz'")])
def test_a_wrong_id_column_suggests_the_nearest(tmp_path, id_column, message):
    with pytest.raises(GalkerasError, match=message):
        read_catalog(write_csv(tmp_path / "c.csv", small()), id_column=id_column)


def test_id_columns_have_an_order(tmp_path):
    columns = {"id": [1, 2], "objid": [3, 4], "ra": [1, 2], "dec": [1, 2]}
    assert list(read_catalog(write_csv(tmp_path / "c.csv", columns))["id"]) == ["3", "4"]
    with pytest.raises(GalkerasError, match="none of the id columns.*`id_column`"):
        read_catalog(write_csv(tmp_path / "d.csv", {"name": [1], "ra": [1], "dec": [1]}))


@pytest.mark.parametrize("content", [b"", b"id,ra,dec\n", b"\x00\xff" * 500, b"id,ra,dec\na,1\n"])
@pytest.mark.parametrize("extension", ["csv", "fits", "parquet", "ecsv", "h5", "txt"])
def test_broken_files_are_one_clear_line(tmp_path, content, extension):
    path = tmp_path / f"cat.{extension}"
    path.write_bytes(content)
    with pytest.raises(GalkerasError, match="cat") as caught:
        read_catalog(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name, canonical",
    [
        ("smooth-or-featured_featured-or-disk_fraction", "smooth-or-featured_featured-or-disk_fraction"),
        ("smooth_or_featured_featured_or_disk_fraction", "smooth-or-featured_featured-or-disk_fraction"),
        ("smooth-or-featured-dr5_featured-or-disk_fraction", "smooth-or-featured_featured-or-disk_fraction"),
        ("bar-dr8_total-votes", "bar_total-votes"),
        ("spiral_arm_count_dr12_total_votes", "spiral-arm-count_total-votes"),
        ("merging_total", "merging_total-votes"),
        ("spiral_arm_count_more_than_4_debiased", "spiral-arm-count_more-than-4_debiased"),
        ("bar_proportion_volunteers_asked", "bar_proportion_volunteers_asked"),
        ("disk_edge_on_yes", "disk-edge-on_yes"),
        ("edge_on_bulge_none_fraction", "edge-on-bulge_none_fraction"),
        ("barium", "barium"),
        ("petro_th50", "petro_th50"),
    ],
)
def test_votes_have_one_spelling(name, canonical):
    assert canonical_names([name]) == [canonical]


def test_votes_of_several_releases_side_by_side_keep_their_names():
    names = ["bar-dr5_no_fraction", "bar-dr8_no_fraction", "bar-dr5_strong_fraction"]
    assert canonical_names(names) == [*names[:2], "bar_strong_fraction"]


def test_only_asked_columns_are_kept(tmp_path):
    columns = {**small(), "bar_no_fraction-x": [1, 2, 3], "has_spiral_arms_yes_fraction": [0.1, 0.2, 0.3]}
    table = read_catalog(write_csv(tmp_path / "c.csv", columns), columns=["has-spiral-arms_yes_fraction"])
    assert table.colnames == ["id", "ra", "dec", "iauname", "has-spiral-arms_yes_fraction"]


@pytest.mark.parametrize(
    "name, tree",
    [("volunteers_5", "gzd-5"), ("auto_posteriors", "gzd-5"), ("volunteers_1_and_2", "gzd-1-2")],
)
def test_published_catalogs_work_unedited(real_data, name, tree):
    table = read_catalog(real_data / "gz_decals_sample" / f"gz_decals_{name}.csv")
    assert len(table) == 6 and recognized(table).name == tree
    assert "smooth-or-featured_featured-or-disk_fraction" in table.colnames
    listed = (real_data / "gzd5_catalogue" / f"columns_{name}.txt").read_text().split()
    assert set(listed) - {"ra", "dec"} <= set(table.colnames)


def test_real_votes(real_data):
    table = read_catalog(real_data / "gzd5_catalogue" / "full_tree_1418.csv")
    assert len(table) == 1418
    assert table["smooth-or-featured_smooth_fraction"][0] == 0.875
    from_names = np.array([position_of(name) for name in table["id"]])
    # A few published names are up to an arcminute off the published positions.
    assert np.median(np.abs(from_names - np.c_[table["ra"], table["dec"]]), axis=0).max() < 1e-4


def test_a_csv_with_the_metadata_line_of_galkeras_is_a_catalog(tmp_path):
    plain = write_csv(tmp_path / "plain.csv", {"id": ["007", "b"], "ra": [1, 2], "dec": [1, 2], "ring": [0, 1]})
    own = tmp_path / "own.csv"
    own.write_text('# galkeras {"table": "latents", "note": "a, b"}\n' + plain.read_text())
    table = read_catalog(own)
    assert list(table["id"]) == ["007", "b"] and list(table["ring"]) == [0, 1]


def test_ids_in_messages_are_plain_text():
    with pytest.raises(GalkerasError, match="their ids are like 'x1', those of the catalog like 'a'"):
        rows_in(Table({"id": np.array(["a"])}), np.array(["x1", "x2"]))
