import numpy as np
import pytest
from sky import galaxy, write_survey

from galkeras.backend import tf
from galkeras.io.errors import GalkerasError
from galkeras.records.make import make_tfrecords
from galkeras.records.reader import ordered_dataset, training_dataset
from galkeras.records.schema import RecordSet


@pytest.fixture(scope="module")
def records(tmp_path_factory) -> RecordSet:
    folder = tmp_path_factory.mktemp("reader")
    # Small shards, so that there are several to interleave.
    return make_tfrecords(*write_survey(folder / "survey", 90, 16), folder / "out", workers=1, shard_megabytes=0.03)


def batches(dataset, count: int) -> list[np.ndarray]:
    return [batch.numpy() for batch in dataset.take(count)]


def keys(epoch: list[np.ndarray]) -> list[bytes]:
    return [image.tobytes() for batch in epoch for image in batch]


def test_ordered_reads_each_galaxy_once(records):
    found = list(ordered_dataset(records, batch_size=32).as_numpy_iterator())
    assert [len(batch["id"]) for batch in found] == [32, 32, 26]
    ids = [name.decode() for batch in found for name in batch["id"]]
    assert sorted(ids) == [f"g{index:04d}" for index in range(90)]
    images = np.concatenate([batch["image"] for batch in found])
    for name, image in zip(ids, images, strict=True):
        np.testing.assert_array_equal(image, galaxy(16, int(name[1:])))
    ra = np.concatenate([batch["ra"] for batch in found])
    assert list(ra) == [180 + 1e-6 * int(name[1:]) for name in ids]
    splits = [split.decode() for batch in found for split in batch["split"]]
    assert [splits.count(split) for split in ("train", "validation", "test")] == [
        records.count(split) for split in ("train", "validation", "test")
    ]


def test_ordered_reads_only_the_splits_asked_for(records):
    dataset = ordered_dataset(records, ("validation",), 64)
    assert sum(len(batch["id"]) for batch in dataset) == records.count("validation")
    assert not list(ordered_dataset(records, (), 64))


def test_an_epoch_has_each_galaxy_at_most_once(records):
    steps = records.count("train") // 8
    epochs = batches(training_dataset(records, "train", 8, seed=0), 2 * steps)
    first, second = keys(epochs[:steps]), keys(epochs[steps:])
    assert len(set(first)) == len(first) == 8 * steps
    assert len(set(second)) == len(second)
    assert first != second
    train = {b.tobytes() for batch in ordered_dataset(records, ("train",)) for b in batch["image"].numpy()}
    assert set(first) | set(second) <= train


def test_an_epoch_follows_from_seed_and_number_alone(records):
    steps = records.count("train") // 8
    straight = keys(batches(training_dataset(records, "train", 8, seed=5), 3 * steps))
    tf.random.set_seed(99)
    resumed = keys(batches(training_dataset(records, "train", 8, seed=5, first_epoch=1), 2 * steps))
    assert straight[8 * steps :] == resumed
    assert resumed != keys(batches(training_dataset(records, "train", 8, seed=6, first_epoch=1), 2 * steps))


def test_shapes_are_static(records):
    assert training_dataset(records, "train", 8, seed=0).element_spec.shape == (8, 16, 16, 3)
    assert ordered_dataset(records).element_spec["image"].shape[1:] == (16, 16, 3)


def test_more_than_the_split_in_a_batch_is_an_error(records):
    with pytest.raises(GalkerasError, match="batch_size=64"):
        training_dataset(records, "validation", 64, seed=0)


def test_float16_and_pictures_come_out_as_float32(tmp_path):
    pair = write_survey(tmp_path / "survey", 20, 16)
    half = make_tfrecords(*pair, tmp_path / "half", workers=1, dtype="float16")
    batch = next(iter(ordered_dataset(half)))
    assert batch["image"].dtype == tf.float32
    expected = galaxy(16, int(batch["id"][0].numpy()[1:])).astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(batch["image"][0], expected)
