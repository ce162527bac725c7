"""What `adapt` reads: batches of the same galaxies in two surveys or more, or of different ones side by side."""

__all__ = ["adaptation_dataset", "adaptation_ids", "scoring_dataset"]

from collections.abc import Iterator

import numpy as np

from galkeras.backend import tf
from galkeras.records.pairs import Galaxies
from galkeras.records.reader import parse_examples

_THREADS = 2


def adaptation_dataset(
    parts: dict[str, Galaxies],
    batch_size: int,
    *,
    paired: bool,
    seed: int,
    first_step: int,
    share: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Return an endless stream of dicts of (batch_size, side, side, 3) images in survey units.

    Each part goes through its galaxies in an order of its own, drawn anew each time round; with ``paired`` the rows of
    ``source`` and ``target``, of ``source_2`` and ``target_2`` and so on, are the same galaxies and stay side by side.
    What a step holds follows from ``seed`` and
    its number alone, so a stream from ``first_step`` goes on as an uninterrupted one would.
    With ``share``, which of how many equal parts of every batch, no others are read.
    """
    order, mine = _orders(parts, paired), _part(batch_size, share)

    def batches():
        streams = [
            galaxies.read(rows[mine] for rows in _rows(len(galaxies), batch_size, (seed, order[name]), first_step))
            for name, galaxies in parts.items()
        ]
        yield from (dict(zip(parts, batch, strict=True)) for batch in zip(*streams, strict=True))

    return _dataset(batches, parts, batch_size // share[1], {})


def adaptation_ids(
    parts: dict[str, Galaxies], batch_size: int, *, paired: bool, seed: int, step: int
) -> dict[str, list[str]]:
    """Return the names of the galaxies of one step of `adaptation_dataset`, part by part."""
    order = _orders(parts, paired)
    return {
        name: galaxies.id[next(_rows(len(galaxies), batch_size, (seed, order[name]), step))].tolist()
        for name, galaxies in parts.items()
    }


def _orders(parts: dict[str, Galaxies], paired: bool) -> dict[str, int]:
    """Return the number of the order that each part is drawn in; pairs are drawn alike."""
    order = {name: number for number, name in enumerate(parts)}
    if paired:
        for name in parts:
            if name.startswith("target"):
                order[name] = order[name.replace("target", "source")]
    return order


def scoring_dataset(parts: dict[str, Galaxies], batch_size: int, share: tuple[int, int] = (0, 1)) -> tf.data.Dataset:
    """Return all galaxies of each part once, in order, in dicts with ``source_weights``, ``target_weights`` and so on.

    What a batch lacks is filled up with its part's first galaxy, of weight 0. ``share`` is as in `adaptation_dataset`.
    """
    count = -(-max(map(len, parts.values())) // batch_size)

    def batches():
        rows = {name: np.full((count, batch_size), -1) for name in parts}
        for name, galaxies in parts.items():
            rows[name].flat[: len(galaxies)] = np.arange(len(galaxies))
            rows[name] = rows[name][:, _part(batch_size, share)]
        streams = {name: galaxies.read(np.maximum(rows[name], 0)) for name, galaxies in parts.items()}
        for number in range(count):
            weights = {f"{name}_weights": (rows[name][number] >= 0).astype(np.float32) for name in parts}
            yield {name: next(stream) for name, stream in streams.items()} | weights

    size = batch_size // share[1]
    weights = {f"{name}_weights": tf.TensorSpec((size,), tf.float32) for name in parts}
    return _dataset(batches, parts, size, weights).apply(tf.data.experimental.assert_cardinality(count))


def _part(batch_size: int, share: tuple[int, int]) -> slice:
    rows = batch_size // share[1]
    return slice(share[0] * rows, (share[0] + 1) * rows)


def _rows(count: int, batch_size: int, seed: tuple[int, ...], first_step: int) -> Iterator[np.ndarray]:
    """Yield the rows of each step: shuffled rounds over ``count`` galaxies, one after the other."""
    position = first_step * batch_size
    number = position // count
    rest = np.random.default_rng((*seed, number)).permutation(count)[position % count :]
    while True:
        while len(rest) < batch_size:
            number += 1
            rest = np.concatenate([rest, np.random.default_rng((*seed, number)).permutation(count)])
        yield rest[:batch_size]
        rest = rest[batch_size:]


def _dataset(batches, parts: dict[str, Galaxies], batch_size: int, others: dict[str, tf.TensorSpec]) -> tf.data.Dataset:
    spec = {name: tf.TensorSpec((batch_size,), tf.string) for name in parts} | others

    def parse(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        images = {name: parse_examples(batch[name], galaxies.records)["image"] for name, galaxies in parts.items()}
        return batch | {
            name: tf.ensure_shape(values, (batch_size, *values.shape[1:])) for name, values in images.items()
        }

    options = tf.data.Options()
    # An autotuned iterator can block for seconds when it is torn down.
    options.autotune.enabled = False
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    dataset = tf.data.Dataset.from_generator(batches, output_signature=spec)
    return dataset.map(parse, num_parallel_calls=_THREADS, deterministic=True).prefetch(2).with_options(options)
