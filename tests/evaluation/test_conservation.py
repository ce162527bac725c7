import numpy as np
import pytest
from astropy.table import Table

from galkeras.evaluation.shift.conservation import recovered, table_4
from galkeras.galaxyzoo.trees.gzd5 import GZD5
from galkeras.latents.table import LatentTable
from galkeras.morphology.forests import Forest, Forests, fit_forest

COUNT = 400
RNG = np.random.default_rng(0)
EDGE_ON = RNG.random(COUNT) < 0.4
IDS = np.array([f"g{i}" for i in range(COUNT)])
SPLIT = np.where(np.arange(COUNT) < 250, "train", "test")


@pytest.fixture(scope="module")
def catalog():
    """All galaxies are featured; some are edge-on, and on nothing else do volunteers agree."""
    columns = {"id": IDS}
    for question in GZD5.questions.values():
        for answer in question.answers:
            columns[f"{question.name}_{answer}_fraction"] = np.full(COUNT, 1 / len(question.answers))
    for answer in ("smooth", "artifact"):
        columns[f"smooth-or-featured_{answer}_fraction"] = np.zeros(COUNT)
    columns["smooth-or-featured_featured-or-disk_fraction"] = np.ones(COUNT)
    columns["disk-edge-on_yes_fraction"] = np.where(EDGE_ON, 0.95, 0.05)
    columns["disk-edge-on_no_fraction"] = np.where(EDGE_ON, 0.05, 0.95)
    return Table(columns)


def latents(shift=0.0):
    z = RNG.normal(size=(COUNT, 4)) * 0.5
    z[:, 1] += 2 * EDGE_ON + shift
    blank = np.zeros(COUNT)
    return LatentTable(IDS, blank, blank, IDS, SPLIT, z.astype("f"), z.astype("f"), blank, blank, "model")


def rows_of(table, split):
    keep = table.split == split
    values = {name: getattr(table, name)[keep] for name in ("id", "ra", "dec", "survey", "split", "z", "log_var")}
    return LatentTable(**values, reconstruction_mse=table.ra[keep], ssim=table.ra[keep], model=table.model)


@pytest.fixture(scope="module")
def tables():
    """A shift of the target that ruins forests of the source, and an adapted model without it."""
    shifts = {"source before": 0.0, "target before": 2.0, "source after": 0.0, "target after": 0.0}
    return {name: latents(shift) for name, shift in shifts.items()}


def test_table_4_tells_a_shift_from_lost_information(tables, catalog):
    tested, learned = ({k: rows_of(t, split) for k, t in tables.items()} for split in ("test", "train"))
    (row,) = table_4(tested, learned, {}, catalog)
    assert row.name == "disk-edge-on" and row.galaxies == 150
    assert row.accuracy["source before"] > 0.9
    assert row.accuracy["target before"] < 0.75
    assert row.accuracy["target before, refitted"] > 0.9
    assert row.accuracy["target after"] > 0.9
    for column, (low, high) in row.interval.items():
        assert low <= row.accuracy[column] <= high and high - low < 0.25
    recovery = recovered([row])
    assert 0.8 < recovery.recovered < 1.3
    assert recovery.interval["recovered"][0] < recovery.recovered < recovery.interval["recovered"][1]
    assert abs(recovery.source_lost) < 0.05
    drop = row.accuracy["source before"] - row.accuracy["target before"]
    np.testing.assert_allclose(recovery.drop, drop)


def test_given_forests_are_used_as_they_are(tables, catalog):
    tested = {name: rows_of(table, "test") for name, table in tables.items()}
    # These say the opposite of the truth.
    fitted = fit_forest(tables["source before"].z, EDGE_ON.astype(int), 0)
    forest = Forest("Edge on?", ("yes", "no"), (1, 1), fitted)
    given = {
        stage: Forests("model", 4, 1, 0, {"disk-edge-on": forest}, (0.0,) * 4, (1.0,) * 4)
        for stage in ("before", "after")
    }
    (row,) = table_4(tested, {}, given, catalog)
    assert row.accuracy["source before"] < 0.1
    assert row.accuracy["target after, refitted"] > 0.9
    # Without forests and without galaxies to fit them on, nothing is left but cross-validation.
    (row,) = table_4(tested, {}, {}, catalog)
    assert set(row.accuracy) == {"target before, refitted", "target after, refitted"}


def test_a_question_with_few_galaxies_is_left_out(tables, catalog):
    few = {name: rows_of(table, "test") for name, table in tables.items()}
    only = catalog[np.flatnonzero(~EDGE_ON)]
    assert table_4(few, few, {}, only) == []
    assert recovered([]) is None
