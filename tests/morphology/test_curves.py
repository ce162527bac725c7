import numpy as np
import pytest
from astropy.table import MaskedColumn, Table
from latents.tables import latent_table

from galkeras.io.columns import HELD
from galkeras.io.errors import GalkerasError
from galkeras.morphology.classify import classify
from galkeras.morphology.curves import curves, read_values
from galkeras.morphology.report import Classification


def answers(rows: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Sizes, truth, answers and galaxies: guessed where a galaxy is small, right where it is large."""
    rng = np.random.default_rng(0)
    size, truth = rng.uniform(1, 9, rows), rng.integers(2, size=rows)
    named = np.where(size > 5, truth, rng.integers(2, size=rows))
    return size, truth, named, np.arange(rows)


def test_what_is_guessed_of_small_galaxies_stands_apart_from_the_rest():
    size, truth, named, groups = answers()
    size[:40] = np.nan
    found = curves({"size": size, "flux": size**2}, truth, named, ("no", "yes"), groups=groups)
    assert list(found) == ["size", "flux"]
    one = found["size"]
    assert one.rows == (90, 90, 90, 90)
    np.testing.assert_allclose(one.edges, np.nanquantile(size, (0, 0.25, 0.5, 0.75, 1)))
    assert found["flux"].balanced_accuracy == one.balanced_accuracy
    # By hand, of the first and the last part.
    inside = size <= one.edges[1]
    recalls = [np.mean(named[inside & (truth == index)] == index) for index in (0, 1)]
    assert one.balanced_accuracy[0] == pytest.approx(np.mean(recalls)) == pytest.approx(0.5, abs=0.15)
    assert one.balanced_accuracy[3] == 1 and one.intervals[3] == (1, 1)
    low, high = one.intervals[0]
    assert low < one.balanced_accuracy[0] < high < 0.8


def test_few_galaxies_give_fewer_parts_or_none():
    size, truth, named, groups = answers(65)
    assert len(curves({"size": size}, truth, named, ("no", "yes"), groups=groups)["size"].rows) == 2
    assert not curves({"size": size[:59]}, truth[:59], named[:59], ("no", "yes"), groups=groups[:59])
    assert not curves({"same": np.ones(65)}, truth, named, ("no", "yes"), groups=groups)


def test_a_part_without_a_class_has_no_score():
    size, truth, named, groups = answers()
    truth[size > np.quantile(size, 0.7)] = 0
    one = curves({"size": size}, truth, named, ("no", "yes"), groups=groups)["size"]
    assert one.balanced_accuracy[3] is None and one.intervals[3] is None
    assert None not in one.balanced_accuracy[:3]


def test_columns_are_the_known_ones_or_those_that_are_asked_for():
    masked = MaskedColumn([1.0, 2.0], mask=[False, True])
    table = Table({"id": ["a", "b"], "redshift": masked, "mag_r": ["x", "y"], "other": [3, 4]})
    found = read_values(table, None)
    assert list(found) == ["redshift"]
    np.testing.assert_array_equal(found["redshift"], [1, np.nan])
    assert read_values(table, ["other"])["other"].tolist() == [3, 4]
    with pytest.raises(GalkerasError, match=r"no column 'othr'.*other"):
        read_values(table, ["othr"])
    # Of a wide catalog some columns are read, and all are told.
    table.meta[HELD] = ["id", "seeing"]
    with pytest.raises(GalkerasError, match=r"no column 'seing'.*Did you mean 'seeing'"):
        read_values(table, ["seing"])
    with pytest.raises(GalkerasError, match="numbers, and column 'mag_r' holds"):
        read_values(table, ["mag_r"])


@pytest.mark.parametrize("folds", [None, 3])
def test_classify_draws_its_scores_against_the_right_galaxies(tmp_path, folds):
    rng = np.random.default_rng(0)
    table = latent_table(600, 5)
    ring, size = rng.integers(2, size=600), rng.uniform(1, 9, 600)
    # What the latents tell of large galaxies, and of no other.
    table.z[:, 0] += np.where(size > 5, 6 * ring, 3)
    catalog = Table({"id": table.id, "ring": ring, "size": size})[rng.permutation(600)]
    done = classify(table, catalog, tmp_path / "f", label_column="ring", trees=20, folds=folds, by="size")
    (result,) = done.results
    one = result.curves["size"]
    assert sum(one.rows) == result.tested
    assert max(one.balanced_accuracy[:2]) < 0.75 and one.balanced_accuracy[3] > 0.95
    assert Classification.load(tmp_path / "f").results[0].curves == result.curves
    assert (tmp_path / "f" / "curves.png").stat().st_size > 5000
    assert "## By size" in (tmp_path / "f" / "scores.md").read_text()
    bare = classify(table, catalog, tmp_path / "f", label_column="ring", trees=5, overwrite=True)
    assert not bare.results[0].curves and not (tmp_path / "f" / "curves.png").exists()
