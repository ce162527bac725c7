"""Outliers are ranked first, and the paper's rule is the paper's."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from latents.tables import latent_table

from galkeras.discovery.outliers import MOSAIC, TABLE, outliers, unusualness
from galkeras.discovery.rules import RULES, Rule
from galkeras.io.columns import read_columns
from galkeras.io.errors import GalkerasError
from galkeras.io.files import read_json, write_json
from galkeras.latents.table import LatentTable
from galkeras.records.pairs import index_galaxies
from galkeras.records.schema import SPLITS, RecordSet


def table_of(records, **changes) -> LatentTable:
    """Random latents of the galaxies of a record set."""
    indexed = index_galaxies(RecordSet.load(records), SPLITS)
    return latent_table(len(indexed), id=indexed.id, survey=np.full(len(indexed), "decals"), **changes)


def test_paper_rule_is_the_largest_deviation_of_a_latent():
    table = latent_table(400, 4)
    table.z[7, 2] = 30
    table.z[11, 0] = -25
    done = outliers(table, sigma=8)
    z = table.z.astype(np.float64)
    largest = (np.abs(z - z.mean(0)) / z.std(0)).max(1)
    row = {name: index for index, name in enumerate(done.columns["id"].tolist())}
    order = [row[name] for name in table.id.tolist()]
    np.testing.assert_allclose(done.columns["sigma"][order], largest)
    assert done.beyond_sigma == 2
    fired = done.columns["beyond_sigma"] == 1
    assert dict(zip(done.columns["id"][fired], done.columns["sigma_latent"][fired], strict=True)) == {
        "J000007": 2,
        "J000011": 0,
    }
    assert outliers(table, sigma=1e6).beyond_sigma == 0


def test_no_row_is_lost_and_ranks_fall_with_the_score():
    table = latent_table(300, 4)
    columns = outliers(table).columns
    assert sorted(columns["id"]) == sorted(table.id)
    assert columns["rank"].tolist() == list(range(1, 301))
    assert (np.diff(columns["score"]) <= 0).all()
    place = {name: index for index, name in enumerate(table.id.tolist())}
    rows = [place[name] for name in columns["id"].tolist()]
    np.testing.assert_array_equal(columns["ra"], table.ra[rows])
    np.testing.assert_array_equal(columns["reconstruction_mse"], table.reconstruction_mse[rows].astype(float))


def test_a_galaxy_between_correlated_latents_is_found_where_each_alone_is_ordinary():
    table = latent_table(1000, 4)
    table.z[:, 1] = table.z[:, 0] + 0.05 * table.z[:, 1]
    table.z[5, :2] = 1.5, -1.5
    columns = outliers(table).columns
    assert columns["id"][0] == "J000005" and columns["because"][0] == "mahalanobis"
    assert columns["sigma"][0] < 3


def test_a_crowd_of_outliers_does_not_hide_itself():
    # Ten per cent that lie together pull a mean and covariance towards themselves, but not the robust ones.
    table = latent_table(1000, 4)
    table.z[:100] = 0.3 * table.z[:100] + 12
    columns = outliers(table).columns
    assert set(columns["id"][np.argsort(-columns["mahalanobis"])[:100]]) == set(table.id[:100])


def test_a_wide_posterior_and_a_bad_reconstruction_are_unusual():
    table = latent_table(600, 4)
    table.log_var[3] += 12
    table.reconstruction_mse[9] = 50
    columns = outliers(table).columns
    assert set(columns["id"][:2]) == {"J000003", "J000009"}
    because = dict(zip(columns["id"], columns["because"], strict=True))
    assert because["J000003"] == "mahalanobis" and because["J000009"] == "reconstruction_mse"


def test_unusualness_is_in_units_of_the_99th_percentile():
    values = np.arange(1, 1001) / 1000
    assert unusualness(values)[989] == pytest.approx(1, rel=1e-3)
    assert not unusualness(np.zeros(5)).any()
    assert unusualness(np.array([0, 0, 0, 0.2]), least=0.1)[3] < 2.1


def test_table_and_mosaic_are_written(tmp_path, records):
    table = table_of(records)
    done = outliers(table, tmp_path / "out", records=[records])
    columns, metadata = read_columns(tmp_path / "out" / TABLE, strings=("id", "survey", "because"))
    assert list(columns)[:6] == ["id", "survey", "ra", "dec", "rank", "score"]
    for name, values in done.columns.items():
        np.testing.assert_array_equal(columns[name], values)
    assert metadata["table"] == "outliers" and metadata["model"] == table.model and metadata["sigma"] == 8
    assert {"streak", "empty"} <= set(columns)
    from PIL import Image

    with Image.open(tmp_path / "out" / MOSAIC) as picture:
        # Below the mosaic six lines of six names each.
        assert picture.size == (6 * 66 - 2, 6 * 66 - 2 + 4 + 6 * 13)
    without = outliers(table, tmp_path / "without")
    assert not {"streak", "empty"} & set(without.columns)
    assert [path.name for path in (tmp_path / "without").iterdir()] == [TABLE]


def test_image_scores_belong_to_their_galaxies(records, tmp_path):
    # Neither the order of the table nor that of the surveys is that of the records.
    table = table_of(records)
    scores = outliers(table, records=[records]).columns
    of = dict(zip(scores["id"], scores["streak"], strict=True))
    assert len(set(of.values())) > 70
    other = tmp_path / "other"
    shutil.copytree(records, other)
    write_json(other / "dataset.json", read_json(other / "dataset.json") | {"survey": "bass-mzls"})
    mixed = table[np.random.default_rng(0).permutation(len(table))]
    mixed = replace(mixed, survey=np.where(np.arange(len(mixed)) % 3 == 0, "bass-mzls", "decals"))
    both = outliers(mixed, records=[records, other]).columns
    assert set(both["survey"]) == {"decals", "bass-mzls"}
    assert dict(zip(both["id"], both["streak"], strict=True)) == of


@pytest.mark.parametrize("sigma", [0, -1, float("nan"), float("inf")])
def test_threshold_must_be_positive(sigma):
    with pytest.raises(GalkerasError, match="`sigma` must be a positive number"):
        outliers(latent_table(), sigma=sigma)


def test_one_galaxy_is_no_sample(tmp_path):
    path = tmp_path / "one.parquet"
    latent_table(rows=1).save(path)
    with pytest.raises(GalkerasError, match=r"one\.parquet has 1 galaxy"):
        outliers(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("rows", [2, 20, 100])
def test_few_galaxies_are_ranked(rows):
    done = outliers(latent_table(rows, 40))
    assert len(done) == rows and np.isfinite(done.columns["score"]).all()
    assert done.largest_possible_sigma == pytest.approx((rows - 1) / np.sqrt(rows))


def test_constant_and_repeated_latents_are_no_trouble():
    table = latent_table(200, 4)
    table.z[:, 1] = 3.0
    table.z[:, 2] = table.z[:, 0]
    table.log_var[:] = 0
    columns = outliers(table).columns
    assert np.isfinite(columns["score"]).all() and not (columns["sigma_latent"] == 1).any()
    table.z[:] = 0
    columns = outliers(table).columns
    assert not columns["sigma"].any() and not columns["mahalanobis"].any() and columns["beyond_sigma"].sum() == 0


def test_tables_that_know_no_reconstruction_are_ranked_by_the_rest(caplog):
    # Of principal components, say.
    columns = outliers(latent_table(200, reconstruction_mse=np.full(200, np.nan, np.float32))).columns
    assert set(columns["because"]) == {"mahalanobis"} and "reconstruction_mse" not in columns
    assert "200 of 200 galaxies have no reconstruction error" in caplog.text


def test_errors_of_a_sample_rank_nothing_and_it_is_said(caplog):
    table = latent_table(200)
    outliers(table)
    assert not caplog.text
    table.reconstruction_mse[::2] = np.nan
    table.reconstruction_mse[1] = 50
    assert set(outliers(table).columns["because"]) == {"mahalanobis"}
    assert "100 of 200 galaxies have no reconstruction error" in caplog.text


def test_records_of_other_galaxies_and_a_file_for_out_are_refused(tmp_path, records):
    with pytest.raises(GalkerasError, match=r"no image of J000000 .*: 50 of 50 galaxies are missing"):
        outliers(latent_table(), tmp_path / "out", records=[records])
    (tmp_path / "file").write_text("")
    with pytest.raises(GalkerasError, match="is a file: choose a folder"):
        outliers(latent_table(), tmp_path / "file")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("far", [12, 1e20])
def test_in_a_small_table_a_far_galaxy_does_not_set_the_scale(far):
    table = latent_table(50, 12)
    table.z[31, 5] = far
    assert outliers(table).columns["id"][0] == "J000031"


def test_a_rule_is_one_entry(monkeypatch):
    table = latent_table(300, 4)
    odd = np.isin(table.id, ["J000041", "J000042"])
    monkeypatch.setitem(RULES, "odd", Rule(latents=lambda table: 1e6 * odd, least=1.0))
    monkeypatch.setitem(RULES, "image", Rule(images=lambda images, units: np.zeros(len(images))))
    monkeypatch.setitem(RULES, "absent", Rule(latents=lambda table: None))
    columns = outliers(table).columns
    assert columns["id"][:2].tolist() == ["J000041", "J000042"] and set(columns["because"][:2]) == {"odd"}
    assert "odd" in columns and "image" not in columns and "absent" not in columns
