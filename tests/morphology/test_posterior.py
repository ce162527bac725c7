import numpy as np
import pytest
from astropy.table import Table
from latents.tables import latent_table

from galkeras.io.columns import read_columns
from galkeras.io.errors import GalkerasError
from galkeras.morphology import forests as forests_module
from galkeras.morphology.classify import classify
from galkeras.morphology.forests import Forests
from galkeras.morphology.posterior import draw_latents
from galkeras.morphology.predict import predict
from galkeras.morphology.predictions import read_predictions


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Latents of which the first tells rings, forests fitted on them, and the catalog."""
    patch = pytest.MonkeyPatch()
    patch.setitem(forests_module.FOREST, "n_estimators", 20)
    folder = tmp_path_factory.mktemp("forests")
    rng = np.random.default_rng(0)
    ring = rng.integers(2, size=300)
    table = latent_table(300, 3)
    table.z[:, 0] += 3 * ring
    catalog = Table({"id": table.id, "ring": ring})
    classify(table, catalog, folder / "rings", label_column="ring")
    yield table, Forests.load(folder / "rings"), catalog
    patch.undo()


def test_draws_are_those_of_the_posterior():
    table = latent_table(30, 4)
    z = draw_latents(table, 4000, 0)
    assert z.shape == (30, 4000, 4) and z.dtype == np.float32
    deviation = np.exp(0.5 * table.log_var)
    assert np.max(np.abs(z.mean(1) - table.z) / deviation) < 0.08
    np.testing.assert_allclose(z.std(1) / deviation, 1, atol=0.06)


def test_draws_of_a_galaxy_do_not_hang_on_the_table_it_is_in():
    table = latent_table(40, 4)
    order = np.random.default_rng(0).permutation(40)
    z, shuffled = draw_latents(table, 5, 0), draw_latents(table[order], 5, 0)
    np.testing.assert_array_equal(z[order], shuffled)
    assert not np.array_equal(z, draw_latents(table, 5, 1))
    # Two galaxies' noise differs.
    noise = (z - table.z[:, None]) / np.exp(0.5 * table.log_var)[:, None]
    assert np.abs(noise[0] - noise[1]).min() > 0


def test_many_samples_add_columns_and_probabilities_still_add_up(fitted):
    table, forests, _ = fitted
    columns = predict(table, forests, samples=16)
    assert list(columns)[4:] == ["ring_0", "ring_1", "ring_0_std", "ring_1_std", "ring", "ring_probability"]
    np.testing.assert_allclose(columns["ring_0"] + columns["ring_1"], 1)
    # Of two classes what one gains the other loses.
    np.testing.assert_allclose(columns["ring_0_std"], columns["ring_1_std"])
    assert columns["ring_1_std"].max() > 0.1


def test_a_file_of_averages_is_read_as_any_other(fitted, tmp_path):
    table, forests, _ = fitted
    columns = predict(table, forests, tmp_path / "p.parquet", samples=4, seed=7)
    _, metadata = read_columns(tmp_path / "p.parquet")
    assert (metadata["samples"], metadata["seed"]) == (4, 7)
    read = read_predictions(tmp_path / "p.parquet")
    np.testing.assert_array_equal(read.probabilities["ring"], np.stack([columns["ring_0"], columns["ring_1"]], -1))


def test_samples_of_a_point_are_the_point(fitted):
    table, forests, _ = fitted
    table.log_var[:] = -60
    columns, means = predict(table, forests, samples=3), predict(table, forests)
    np.testing.assert_allclose(columns["ring_1"], means["ring_1"], atol=1e-12)
    np.testing.assert_allclose(columns["ring_1_std"], 0, atol=1e-12)
    table.log_var[:] = 0


def test_a_wider_posterior_leaves_more_open(fitted):
    table, forests, _ = fitted
    sure = np.abs(predict(table, forests)["ring_1"] - 0.5)
    table.log_var[:] = 2
    wide = predict(table, forests, samples=64)
    table.log_var[:] = -4
    narrow = predict(table, forests, samples=64)
    table.log_var[:] = 0
    assert wide["ring_1_std"].mean() > 2 * narrow["ring_1_std"].mean()
    assert np.abs(wide["ring_1"] - 0.5).mean() < sure.mean() - 0.1


def test_same_seed_same_probabilities_on_any_number_of_rows(fitted):
    table, forests, _ = fitted
    a, b, c = (predict(table, forests, samples=4, seed=seed)["ring_1"] for seed in (0, 0, 1))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)
    few = predict(table[7:9], forests, samples=4)["ring_1"]
    np.testing.assert_allclose(few, a[7:9], atol=1e-12)


@pytest.mark.parametrize("wrong", [{"samples": 0}, {"samples": -1}, {"seed": -1}])
def test_wrong_draws_are_refused(fitted, tmp_path, wrong):
    table, forests, catalog = fitted
    name = next(iter(wrong))
    with pytest.raises(GalkerasError, match=f"`{name}` must"):
        predict(table, forests, tmp_path / "p.csv", **wrong)
    with pytest.raises(GalkerasError, match=f"`{name}` must"):
        classify(table, catalog, tmp_path / "f", label_column="ring", **wrong)
    assert not list(tmp_path.iterdir())


def test_classify_scores_the_samples_and_says_so(fitted, tmp_path):
    table, _, catalog = fitted
    done = classify(table, catalog, tmp_path / "f", label_column="ring", samples=8)
    means = classify(table, catalog, tmp_path / "g", label_column="ring")
    ways = done.results[0].calibration
    assert list(ways) == ["posterior means", "posterior samples"]
    assert list(means.results[0].calibration) == ["posterior means"]
    # The way of old is the same with and without, and the samples are what is scored.
    assert ways["posterior means"] == means.results[0].calibration["posterior means"]
    right = sum(r * n for r, n in zip(ways["posterior samples"].right, ways["posterior samples"].rows, strict=True))
    assert right / done.results[0].tested == pytest.approx(done.results[0].scores.accuracy)
    assert "8 draws" in (tmp_path / "f" / "scores.md").read_text()
    assert (tmp_path / "f" / "calibration.png").stat().st_size > 5000
    # The forests are the same.
    a, b = (predict(table, tmp_path / name)["ring_1"] for name in "fg")
    np.testing.assert_array_equal(a, b)
