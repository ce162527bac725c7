"""Neighbours are the nearest, of the right model, and never the galaxy itself."""

import numpy as np
import pytest
from latents.tables import latent_table
from PIL import Image
from scipy.spatial.distance import cdist
from sky import galaxy, write_fits

from galkeras.discovery.similar import MOSAIC, TABLE, LatentIndex, information, similar
from galkeras.io.columns import read_columns
from galkeras.io.errors import GalkerasError
from galkeras.records.pairs import index_galaxies
from galkeras.records.schema import SPLITS, RecordSet


def test_neighbours_are_those_of_brute_force():
    table = latent_table(500, 6)
    table.log_var[:] -= np.arange(1, 7)
    points = table.z.astype(np.float64) * information(table.log_var)
    distances = cdist(points, points)
    found = similar(table, table.id[:20].tolist(), count=5).columns
    for row in range(20):
        here = found["query"] == table.id[row]
        others = np.argsort(distances[row])[1:6]
        assert found["id"][here].tolist() == table.id[others].tolist()
        np.testing.assert_allclose(found["distance"][here], distances[row, others], rtol=1e-5)
        assert found["neighbour"][here].tolist() == [1, 2, 3, 4, 5]


def test_latents_count_by_what_they_say():
    log_var = np.tile([-6.0, -2.0, 0.0, 0.4], (10, 1)).astype(np.float32)
    np.testing.assert_allclose(information(log_var), [3, 1, 0, 0])
    # Tables without posteriors: plain distances.
    np.testing.assert_array_equal(information(np.zeros((5, 3), np.float32)), np.ones(3))
    table = latent_table(100, 2)
    table.log_var[:] = [-8, -0.02]
    table.z[0] = 0, 0
    table.z[1] = 0, 5
    table.z[2:, 0] = 1
    assert similar(table, ["J000000"], count=1).columns["id"].tolist() == ["J000001"]


def test_typical_distance_is_that_of_random_pairs():
    index = LatentIndex(latent_table(2000, 5, log_var=np.full((2000, 5), -2, np.float32)))
    rows = np.random.default_rng(0).integers(0, 2000, (2, 20_000))
    apart = np.sqrt(((index.table.z[rows[0]] - index.table.z[rows[1]]) ** 2).sum(1).mean())
    assert index.typical_distance == pytest.approx(apart, rel=0.03)


def test_no_galaxy_is_its_own_neighbour_even_among_doubles():
    table = latent_table(40)
    table.z[:39] = table.z[0]
    found = similar(table, table.id.tolist(), count=5).columns
    assert len(found["id"]) == 40 * 5 and not (found["id"] == found["query"]).any()


def test_a_galaxy_of_two_surveys_is_two_queries_and_its_other_image_a_neighbour():
    table = latent_table(60, survey=np.repeat(["decals", "bass-mzls"], 30))
    table.id[30:] = table.id[:30]
    table.z[30:] = table.z[:30] + 0.01
    found = similar(table, ["J000004", "J000004"], count=1).columns
    assert found["query_survey"].tolist() == ["decals", "bass-mzls"]
    assert found["id"].tolist() == ["J000004"] * 2 and found["survey"].tolist() == ["bass-mzls", "decals"]


def test_fewer_galaxies_than_asked_for_are_all_given():
    assert len(similar(latent_table(5), ["J000001"], count=12).columns["id"]) == 4


def test_table_and_mosaic_are_written(tmp_path, records):
    indexed = index_galaxies(RecordSet.load(records), SPLITS)
    table = latent_table(len(indexed), id=indexed.id, survey=np.full(len(indexed), "decals"))
    found = similar(table, indexed.id[:3].tolist(), tmp_path / "out", count=4, records=[records]).columns
    columns, metadata = read_columns(tmp_path / "out" / TABLE, strings=("query", "id"))
    assert metadata["table"] == "similar" and metadata["model"] == table.model
    for name, values in found.items():
        np.testing.assert_array_equal(columns[name], values)
    from galkeras.records.pictures import galaxy_pictures

    with Image.open(tmp_path / "out" / MOSAIC) as picture:
        sheet = np.asarray(picture)
    # Below the mosaic three lines of names.
    assert sheet.shape == (3 * 66 - 2 + 4 + 3 * 13, 5 * 66 - 2, 3)
    first, near = galaxy_pictures([RecordSet.load(records)], [indexed.id[1], found["id"][4 + 2]], ["decals"] * 2)
    np.testing.assert_array_equal(sheet[66:130, :64], first)
    np.testing.assert_array_equal(sheet[66:130, 3 * 66 : 3 * 66 + 64], near)


@pytest.mark.parametrize(
    "ids, options, match",
    [
        (["J00003O"], {}, r"the table has no galaxy 'J00003O'\. Did you mean 'J0000\d\d'\?"),
        (["J"], {}, r"the table has no galaxy 'J'\. Did you mean 'J000000'\?"),
        (["zebra"], {}, r"the table has no galaxy 'zebra'\.$"),
        ([], {}, "nothing to look for"),
        (["J000001"], {"count": 0}, "`count` must be 1 or more. Received: count=0"),
        ([], {"image": "a.fits"}, "`image` needs `model`"),
        (["J000001"], {"records": ["r"]}, "`records` needs `out`"),
    ],
)
def test_what_is_wrong_is_named(ids, options, match):
    with pytest.raises(GalkerasError, match=match):
        similar(latent_table(), ids, **options)


def test_one_galaxy_has_no_neighbour(tmp_path):
    latent_table(1).save(tmp_path / "l.parquet")
    with pytest.raises(GalkerasError, match=r"l\.parquet has 1 galaxy, and nothing to compare it with"):
        similar(tmp_path / "l.parquet", ["J000000"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unknown_name_is_sought_near_it_in_a_large_table():
    table = latent_table(30_000, 2)
    with pytest.raises(GalkerasError, match=r"Did you mean 'J017777'\?"):
        similar(table, ["J0177777"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from galkeras.models.config import PAPER, ModelConfig
    from galkeras.models.folder import WEIGHTS_FILE, write_config, write_weights
    from galkeras.models.vae import VAE

    folder = tmp_path_factory.mktemp("model")
    vae = VAE(
        ModelConfig(
            64, "nanomaggy", ("decals",), (5.0,) * 3, softening=(0.1,) * 3, latent_dim=6, pixel_scale=0.262, **PAPER
        )
    )
    write_config(folder, vae.config, {})
    write_weights(folder / WEIGHTS_FILE, vae)
    return folder


@pytest.fixture(scope="module")
def encoded(folder, records, tmp_path_factory):
    from galkeras.latents.encode import encode

    out = tmp_path_factory.mktemp("latents") / "l.parquet"
    encode(folder, records, out)
    return out


def test_the_cutout_of_a_galaxy_finds_that_galaxy(folder, encoded, records, tmp_path):
    # `records` is made of such cutouts (tests/sky.py).
    cutout = write_fits(tmp_path / "new.fits", galaxy(64, 17))
    options = {"image": cutout, "model": folder, "records": [records]}
    found = similar(encoded, ["g0003"], tmp_path / "o", count=3, **options).columns
    new = found["query"] == "new.fits"
    assert found["id"][new][0] == "g0017" and found["query_survey"][new][0] == "decals"
    assert found["distance"][new][0] < 1e-3 * found["distance"][new][1]
    with Image.open(tmp_path / "o" / MOSAIC) as picture:
        sheet = np.asarray(picture)
    # The second row is of the image, which is the same picture as its first neighbour.
    np.testing.assert_array_equal(sheet[66:130, :64], sheet[66:130, 66:130])


def test_eight_views_find_a_turned_galaxy(folder, records, tmp_path):
    from galkeras.latents.encode import encode

    encode(folder, records, tmp_path / "l.parquet", views=8)
    turned = write_fits(tmp_path / "turned.fits", np.ascontiguousarray(np.rot90(galaxy(64, 17))))
    found = similar(tmp_path / "l.parquet", image=turned, model=folder, count=2).columns
    assert found["id"][0] == "g0017" and found["distance"][0] < 1e-2 * found["distance"][1]


def test_a_larger_cutout_is_cropped_at_the_same_scale(folder, encoded, tmp_path):
    large = np.random.default_rng(0).normal(0, 0.02, (100, 100, 3)).astype(np.float32)
    large[18:82, 18:82] = galaxy(64, 17)
    path = write_fits(tmp_path / "large.fits", large)
    assert similar(encoded, image=path, model=folder, count=1).columns["id"].tolist() == ["g0017"]


def test_a_cutout_of_finer_pixels_is_resampled(folder, encoded, tmp_path):
    fine = np.pad(np.repeat(np.repeat(galaxy(64, 17), 2, 0), 2, 1) / 4, ((9, 9), (9, 9), (0, 0)), constant_values=0.1)
    path = write_fits(tmp_path / "fine.fits", fine, scale=0.131)
    found = similar(encoded, image=path, model=folder, count=2).columns
    assert found["id"][0] == "g0017" and found["distance"][0] < 1e-3 * found["distance"][1]


def test_another_model_is_refused(folder, tmp_path):
    latent_table(50, 6).save(tmp_path / "l.parquet")
    cutout = write_fits(tmp_path / "new.fits", galaxy(64, 17))
    with pytest.raises(GalkerasError, match=r"l\.parquet is of model aaaaaaaaaaaa, and .* is model"):
        similar(tmp_path / "l.parquet", image=cutout, model=folder)


def test_an_image_that_does_not_fit_is_named_with_the_reason(folder, encoded, tmp_path):
    scale = write_fits(tmp_path / "scale.fits", galaxy(100, 1), scale=0.4)
    small = write_fits(tmp_path / "small.fits", galaxy(100, 1), scale=0.1)
    with pytest.raises(GalkerasError, match=r"small\.fits: wrong shape: 10 arcsec wide, less than the 16\.77"):
        similar(encoded, image=small, model=folder)
    with pytest.raises(GalkerasError, match=r"scale\.fits: wrong pixel scale"):
        similar(encoded, image=scale, model=folder, crop=64)
    (tmp_path / "no.fits").write_text("no")
    with pytest.raises(GalkerasError, match=r"no\.fits: no image"):
        similar(encoded, image=tmp_path / "no.fits", model=folder)
    with pytest.raises(GalkerasError, match=r"none\.fits: not readable"):
        similar(encoded, image=tmp_path / "none.fits", model=folder)


def test_a_collapsed_table_is_refused():
    table = latent_table(20, 3)
    table.z[:] = 0.5
    with pytest.raises(GalkerasError, match="same latents"):
        LatentIndex(table)
