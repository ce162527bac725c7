"""Record sets as tf.data pipelines: shuffled and endless for training, ordered and exact for everything else."""

__all__ = ["by_id", "damage_named", "example_spec", "ordered_dataset", "parse_examples", "training_dataset"]

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from galkeras.backend import tf
from galkeras.io.errors import GalkerasError
from galkeras.records.inspect import damages
from galkeras.records.schema import SPLITS, RecordSet, Shard

# Shards read at once, and the memory that the training shuffle may take.
_INTERLEAVED = 8
_SHUFFLE_BYTES = 256_000_000
_SHUFFLE_MOST = 10_000

_THREADS = 4


def training_dataset(
    records: RecordSet,
    split: str,
    batch_size: int,
    *,
    seed: int,
    first_epoch: int = 0,
    beside: tuple[np.ndarray, np.ndarray] | None = None,
    named: bool = False,
    share: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Return an endless stream of (batch_size, side, side, band) float32 images in the units of the record set.

    With ``beside``, (rows,) ids and (rows, n) numbers of theirs, a batch is a pair of images and the (batch_size, n)
    numbers of their galaxies: zeros for those that ``beside`` does not name. With ``named`` a batch is the names of
    its galaxies alone. With ``share``, which of how many equal parts of every batch, the images of the
    others are not parsed.

    An epoch is ``records.count(split) // batch_size`` batches; the few galaxies left over differ from epoch to
    epoch. Its order follows from ``seed`` and the epoch's number alone, so a stream that starts at
    ``first_epoch`` goes on exactly as an uninterrupted one would. The shards are shuffled and interleaved, then
    their records shuffled in a buffer.

    Raises:
        GalkerasError: A shard is missing or truncated, or the split has less than one batch.
    """
    if records.count(split) < batch_size:
        raise GalkerasError(
            f"{records.path}: split {split!r} has {records.count(split)} galaxies, less than one batch."
            f" Received: batch_size={batch_size}"
        )
    shards = [shard for shard in records.in_split(split) if shard.examples]
    paths = tf.constant(_paths(records, shards))
    buffer = min(records.count(split), _SHUFFLE_MOST, max(batch_size, _SHUFFLE_BYTES // records.image_bytes))

    def epoch(number):
        order = tf.random.experimental.stateless_shuffle(paths, seed=[seed, number])
        files = tf.data.Dataset.from_tensor_slices(order)
        examples = files.interleave(
            tf.data.TFRecordDataset,
            cycle_length=min(_INTERLEAVED, len(shards)),
            num_parallel_calls=min(_THREADS, len(shards)),
            deterministic=True,
        )
        # In this graph alone, so that the program's global seed does not change the order.
        tf.compat.v1.set_random_seed(1)
        # A function of seed and epoch; a plain sum would give seed 1 the epochs of seed 0, one later.
        mixed = tf.random.stateless_uniform([], [seed, number], maxval=tf.int64.max, dtype=tf.int64)
        examples = examples.shuffle(buffer, seed=mixed, reshuffle_each_iteration=False)
        return examples.batch(batch_size, drop_remainder=True).map(lambda batch: part_of(batch, batch_size, share))

    numbers = None if beside is None else by_id(*beside)
    rows = batch_size // share[1]

    def images(serialized):
        parsed = parse_examples(serialized, records)
        if named:
            return parsed["id"]
        batch = tf.ensure_shape(parsed["image"], (rows, *parsed["image"].shape[1:]))
        return batch if numbers is None else (batch, tf.ensure_shape(numbers(parsed["id"]), (rows, beside[1].shape[1])))

    epochs = tf.data.Dataset.range(first_epoch, tf.int64.max)
    batches = epochs.flat_map(epoch).map(images, num_parallel_calls=_THREADS, deterministic=True)
    return _configured(batches)


def ordered_dataset(
    records: RecordSet,
    splits: Sequence[str] | None = None,
    batch_size: int = 64,
    shards: Sequence[Shard] | None = None,
    share: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Return every galaxy of the named splits (default: all) once, shard by shard, the last batch as it comes.

    With ``shards`` it is the galaxies of these, and no batch has galaxies of two: the last one of each is as it comes.

    Each batch is a dict: ``id`` (string), ``image`` ((batch, side, side, 3) float32 in the units of the record
    set), ``ra`` and ``dec`` (degrees, float64), ``pixel_scale`` (arcsec, float32; unknown numbers are NaN) and
    ``split`` (string). With ``share``, as in `training_dataset`, it has that part's rows, of the last batch maybe
    none. Iterate inside `damage_named` to be told which shard is damaged.

    Raises:
        GalkerasError: An unknown split, or a shard that is missing or truncated.
    """
    apart = shards is not None
    if shards is None:
        shards = [shard for split in (SPLITS if splits is None else splits) for shard in records.in_split(split)]
    count = sum(math.ceil(shard.examples / batch_size) if apart else shard.examples for shard in shards)

    def read(path, split):
        serialized = tf.data.TFRecordDataset(path)
        if apart:
            return serialized.batch(batch_size).map(lambda batch: (batch, tf.fill(tf.shape(batch), split)))
        return serialized.map(lambda one: (one, split))

    def parse(serialized, split):
        return {**parse_examples(serialized, records), "split": split}

    paths = tf.constant(_paths(records, shards), tf.string)
    files = tf.data.Dataset.from_tensor_slices((paths, tf.constant([shard.split for shard in shards], tf.string)))
    galaxies = files.flat_map(read).apply(tf.data.experimental.assert_cardinality(count))
    batches = galaxies if apart else galaxies.batch(batch_size)
    parts = batches.map(lambda *batch: tuple(part_of(one, batch_size, share) for one in batch))
    return _configured(parts.map(parse, num_parallel_calls=_THREADS, deterministic=True))


def part_of(batch: tf.Tensor, batch_size: int, share: tuple[int, int]) -> tf.Tensor:
    """Return the rows of a batch, the last of which may be short, that fall to one of its equal shares."""
    index, count = share
    rows = batch_size // count
    return batch if count == 1 else batch[index * rows : (index + 1) * rows]


def example_spec() -> dict[str, tf.io.FixedLenFeature]:
    """Return what `tf.io.parse_example` must know of a record."""
    spec = {name: tf.io.FixedLenFeature([], tf.string) for name in ("id", "image", "ra", "dec")}
    return {**spec, "pixel_scale": tf.io.FixedLenFeature([], tf.float32)}


def parse_examples(serialized: tf.Tensor, records: RecordSet) -> dict[str, tf.Tensor]:
    """Parse a batch of serialised records, shape (batch,), into the tensors that `ordered_dataset` documents.

    An image that is not of the record set's size is an error, not padded or cut. Standard TensorFlow operations
    only, so that it can be part of a SavedModel.
    """
    parsed = tf.io.parse_example(serialized, example_spec())
    # decode_raw alone would pad or cut an image of another size in silence.
    tf.debugging.assert_equal(
        tf.strings.length(parsed["image"]),
        records.image_bytes,
        f"a record holds an image of another size than {records.image_size}",
    )
    # decode_raw of a fixed length knows no float16.
    raw_dtype = "uint16" if records.dtype == "float16" else records.dtype
    raw = tf.bitcast(tf.io.decode_raw(parsed["image"], raw_dtype, fixed_length=records.image_bytes), records.dtype)
    side = records.image_size
    image = tf.cast(tf.reshape(raw, (-1, side, side, len(records.bands))), tf.float32)
    degrees = {
        name: tf.reshape(tf.io.decode_raw(parsed[name], tf.float64, fixed_length=8), [-1]) for name in ("ra", "dec")
    }
    return {"id": parsed["id"], "image": image, **degrees, "pixel_scale": parsed["pixel_scale"]}


def by_id(ids: np.ndarray, numbers: np.ndarray) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return a function, for use in a pipeline, from (batch,) ids to their (batch, n) numbers, zeros for others.

    Args:
        ids: (rows,) names of galaxies.
        numbers: (rows, n) what belongs to them.
    """
    places = tf.lookup.KeyValueTensorInitializer(tf.constant(ids.astype(object)), tf.range(1, len(ids) + 1))
    table = tf.lookup.StaticHashTable(places, default_value=0)
    rows = tf.constant(np.concatenate([np.zeros_like(numbers[:1]), numbers]).astype(np.float32))
    return lambda names: tf.gather(rows, table.lookup(names))


@contextmanager
def damage_named(records: RecordSet) -> Iterator[None]:
    """Turn TensorFlow's error about a damaged record into one line that names the shard and the record."""
    try:
        yield
    except (
        tf.errors.DataLossError,
        tf.errors.InvalidArgumentError,
        tf.errors.FailedPreconditionError,
        tf.errors.NotFoundError,
    ) as error:
        first = next(damages(records), None)
        if first is None:
            raise
        raise GalkerasError(first) from error


def _paths(records: RecordSet, shards: Sequence[Shard]) -> list[str]:
    """Return the shards' files, having seen that they are there in full."""
    paths = []
    for shard in shards:
        path = records.path / shard.name
        size = path.stat().st_size if path.is_file() else None
        if size != shard.bytes:
            what = "is missing" if size is None else f"has {size} bytes, not {shard.bytes}"
            raise GalkerasError(f"{path} {what}: run make-tfrecords again, which rebuilds damaged shards")
        paths.append(str(path))
    return paths


def _configured(dataset: tf.data.Dataset) -> tf.data.Dataset:
    options = tf.data.Options()
    # An autotuned iterator can block for seconds when it is torn down.
    options.autotune.enabled = False
    options.deterministic = True
    return dataset.prefetch(2).with_options(options)
