from types import SimpleNamespace

import numpy as np
import pytest
from sky import galaxy, write_csv, write_fits

from galkeras.io.errors import GalkerasError
from galkeras.records.example import decode_example
from galkeras.records.make import make_tfrecords
from galkeras.records.pairs import index_galaxies, join
from galkeras.records.schema import SPLITS, RecordSet, split_of

ARCSEC = 1 / 3600


def placed(ids, ra, dec, split=None):
    ids = np.array(list(ids))
    return SimpleNamespace(
        id=ids, ra=np.array(ra, float), dec=np.array(dec, float), split=np.array(split or ["train"] * len(ids))
    )


def test_galaxies_are_joined_by_id():
    pairs = join(placed("abc", [1, 2, 3], [0, 0, 0]), placed("cxa", [3, 9, 1], [0, 0, 0]))
    assert list(zip(pairs.source.tolist(), pairs.target.tolist(), strict=True)) == [(0, 2), (2, 0)]
    assert pairs.left_out["in one survey alone"] == 2


def test_the_same_id_elsewhere_on_the_sky_is_no_pair():
    a = placed("abcd", [10, 20, 30, 40], [60, 60, 60, 60])
    # At declination 60 a degree of right ascension is half a degree on the sky.
    b = placed("abcd", [10 + 1.9 * ARCSEC, 20 + 2.1 * ARCSEC, 30, np.nan], [60, 60, 60 + 1.1 * ARCSEC, 60])
    pairs = join(a, b)
    assert pairs.source.tolist() == pairs.target.tolist() == [0]
    assert [count for count in pairs.left_out.values()] == [0, 2, 1, 0]
    assert "1 pairs; left out: 2 of one id but centres more than 1 arcsec apart, 1 of one id" in str(pairs)


def test_galaxies_of_other_names_are_joined_by_position():
    a = placed(["a", "b", "same"], [0.00001, 180, 90], [0, 45, -30])
    b = placed(["same", "y", "z", "far"], [90, 359.99999, 180, 181], [-30, 0, 45 + 0.9 * ARCSEC, 45])
    pairs = join(a, b)
    assert list(zip(pairs.source.tolist(), pairs.target.tolist(), strict=True)) == [(0, 1), (1, 2), (2, 0)]


def test_two_names_of_one_place_on_different_sides_of_the_split_are_left_out():
    pairs = join(placed("a", [5], [5], ["train"]), placed("b", [5], [5], ["test"]))
    assert len(pairs) == 0
    assert pairs.left_out["on different sides of the split"] == 1


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("survey")
    ids = [f"g{i:03d}" for i in range(40)]
    for i, name in enumerate(ids):
        write_fits(folder / "cutouts" / f"{name}.fits", galaxy(32, i))
    write_csv(folder / "catalog.csv", {"id": ids, "ra": list(range(40)), "dec": [0.5] * 40})
    make_tfrecords(folder / "catalog.csv", folder / "cutouts", folder / "records", workers=1, shard_megabytes=0.1)
    return RecordSet.load(folder / "records")


def test_galaxies_are_read_in_any_order(records):
    galaxies = index_galaxies(records, SPLITS)
    assert sorted(galaxies.id) == [f"g{i:03d}" for i in range(40)]
    assert [split_of(name) for name in galaxies.id] == galaxies.split.tolist()
    rows = np.random.default_rng(0).permutation(40)
    (batch,) = galaxies.read([rows])
    for row, data in zip(rows, batch, strict=True):
        read = decode_example(data, 32, records.dtype)
        assert read.id == galaxies.id[row] and read.ra == galaxies.ra[row] == int(read.id[1:])
        np.testing.assert_allclose(read.image, galaxy(32, int(read.id[1:])), rtol=1e-6)
    np.testing.assert_array_equal(galaxies[rows].images()[0], decode_example(batch[0], 32, records.dtype).image)
    test = index_galaxies(records, ("test",))
    assert sorted(test.id) == sorted(galaxies[galaxies.split == "test"].id)


def test_a_damaged_shard_is_named(records, tmp_path):
    shard = records.path / records.shards[0].name
    whole = shard.read_bytes()
    try:
        shard.write_bytes(whole[:100] + b"?" + whole[101:])
        with pytest.raises(GalkerasError, match=shard.name):
            index_galaxies(records, SPLITS)
    finally:
        shard.write_bytes(whole)
