"""Principal components of pixels: a table like a model's, and what `classify` holds a network against."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table

from galkeras.io.errors import GalkerasError
from galkeras.latents.components import principal_components
from galkeras.morphology import forests as forests_module
from galkeras.morphology.classify import classify
from galkeras.morphology.report import Classification
from galkeras.records.reader import ordered_dataset
from galkeras.records.schema import RecordSet


@pytest.fixture(scope="module")
def table(records):
    return principal_components(RecordSet.load(records), 6)


def test_components_are_uncorrelated_sorted_and_do_not_see_the_window_s_edge(records, table):
    assert table.z.shape == (80, 6) and np.isfinite(table.z).all()
    spread = table.z[table.split == "train"].var(0)
    assert np.all(np.diff(spread) < 0.2 * spread[:-1]) and spread[0] > 3 * spread[-1]
    names = [
        name.decode()
        for batch in ordered_dataset(RecordSet.load(records), batch_size=80)
        for name in batch["id"].numpy()
    ]
    assert table.id.tolist() == names
    again = principal_components(RecordSet.load(records), 6)
    np.testing.assert_allclose(again.z, table.z, atol=1e-4)
    # A narrow window leaves less light to vary.
    narrow = principal_components(RecordSet.load(records), 6, focus=0.1)
    assert narrow.z.var(0).sum() < 0.7 * table.z.var(0).sum()


def test_classify_scores_components_on_the_same_galaxies(records, table, tmp_path, monkeypatch):
    monkeypatch.setitem(forests_module.FOREST, "n_estimators", 10)
    bright = np.where(table.z[:, 0] > np.median(table.z[:, 0]), "bright", "faint")
    catalog = Table({"id": table.id, "light": bright})
    noise = np.random.default_rng(0).normal(size=table.z.shape).astype(np.float32)
    for z, ahead in ((table.z, 0.0), (noise, -0.3)):
        done = classify(
            replace(table, z=z), catalog, tmp_path / f"forests{ahead}", label_column="light", folds=4, records=records
        )
        (result,) = done.results
        assert result.components.balanced_accuracy > 0.85
        assert result.components.gain == pytest.approx(
            result.scores.balanced_accuracy - result.components.balanced_accuracy
        )
        low, high = result.components.interval
        assert low <= result.components.gain <= high and (result.components.gain < -0.2) == (ahead < 0)
        assert Classification.load(tmp_path / f"forests{ahead}").results[0].components == result.components
        assert f"({100 * result.components.gain:+.1f}, " in done.score_table()
    assert classify(table, catalog, tmp_path / "without", label_column="light", folds=4).results[0].components is None


def test_another_record_set_is_named(records, table, tmp_path):
    strange = replace(table, id=np.array([f"other-{name}" for name in table.id]))
    catalog = Table({"id": strange.id, "light": np.arange(80) % 2})
    with pytest.raises(GalkerasError, match="has no galaxy other-.* name the record set that was encoded"):
        classify(strange, catalog, tmp_path / "out", label_column="light", records=records)
    assert not (tmp_path / "out").exists()
