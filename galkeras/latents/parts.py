"""Latents of a record set shard by shard: of all here, or of each by a worker of a Dask cluster."""

__all__ = ["Sampling", "latents_of", "parts_on_cluster"]

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from galkeras.io.checksums import digest_of
from galkeras.io.cluster import on_cluster
from galkeras.io.errors import GalkerasError
from galkeras.io.files import atomic_path
from galkeras.io.locks import locked
from galkeras.latents.step import Made, latent_rows, latent_step
from galkeras.latents.table import LatentTable, joined, named_rows, read_latents
from galkeras.models.folder import load_model
from galkeras.models.vae import VAE
from galkeras.records.reader import damage_named, ordered_dataset
from galkeras.records.schema import RecordSet, Shard


@dataclass(frozen=True)
class Sampling:
    """How galaxies are taken.

    Attributes:
        batch_size: Images at a time.
        views: Over how many views the posterior is averaged.
        every: One galaxy of so many is scored.
    """

    batch_size: int
    views: int
    every: int

    def scored(self, first: int, count: int) -> np.ndarray:
        """Return which rows are scored of ``count`` galaxies before which ``first`` stand, whatever the batches are."""
        return np.flatnonzero((first + np.arange(count)) % self.every == self.every - 1)


def latents_of(
    vae: VAE,
    made: Made,
    records: RecordSet,
    shards: Iterable[Shard],
    how: Sampling,
    tick: Callable[[int], object],
    first: int = 0,
) -> Iterator[tuple[LatentTable, np.ndarray]]:
    """Yield the latents of some shards, batch by batch, and which of the batch's rows were scored.

    A batch has galaxies of one shard, so latents are the same bits whether shards are taken together or one by one.

    Args:
        vae: The model.
        made: What the rows say of it.
        records: The record set.
        shards: Shards of it, in order.
        how: How galaxies are taken.
        tick: Called with how many galaxies a batch had, when it has been dealt with.
        first: How many galaxies stand before these shards.
    """
    step = latent_step(vae, records.survey, how.views)
    for batch in ordered_dataset(records, batch_size=how.batch_size, shards=tuple(shards)):
        count = len(batch["id"])
        rows = how.scored(first, count)
        yield latent_rows(step(batch["image"], rows), made, **named_rows(batch, records.survey)), rows
        first += count
        tick(count)


@dataclass(frozen=True)
class _Part:
    """A shard to encode: a record set that has no other, how many galaxies stand before it, and where latents go."""

    model: Path
    made: Made
    records: RecordSet
    how: Sampling
    first: int
    path: Path


@contextmanager
def parts_on_cluster(
    model: Path,
    made: Made,
    records: RecordSet,
    shards: Iterable[Shard],
    how: Sampling,
    tick: Callable[[int], object],
    out: Path,
    dask: str | Path,
) -> Iterator[Iterator[tuple[LatentTable, np.ndarray]]]:
    """Have the workers of a cluster encode shards, and yield what `latents_of` does, a shard at a time.

    Each shard's latents stand as a table in a hidden folder beside ``out``, by which a rerun keeps them, until the
    block ends well.

    Raises:
        GalkerasError: As `galkeras.io.cluster.on_cluster`, or another process writes the same parts.
    """
    folder = out.absolute().with_name(f".{out.name}.parts")
    where, known = model.absolute(), replace(records, path=records.path.absolute())
    tasks, first = [], 0
    for shard in (one for one in shards if one.examples):
        alone = replace(known, shards=(shard,), read=shard.examples, written=shard.examples, rejected=0, call=None)
        # By the name nobody takes latents for those of another model, order or shard.
        name = digest_of([made.model, made.votes, asdict(how), first, shard.sha256])[:16]
        tasks.append(_Part(where, made, alone, how, first, folder / f"{shard.name}.{name}.parquet"))
        first += shard.examples
    with locked(folder / "lock", "encode", out):
        on_cluster(_encode_shard, tasks, dask, folder, (where, known.path), tick)
        yield (_read(task) for task in tasks)
        shutil.rmtree(folder)


def _read(task: _Part) -> tuple[LatentTable, np.ndarray]:
    table = read_latents(task.path)
    return table, task.how.scored(task.first, len(table))


def _encode_shard(task: _Part, tick: Callable[[int], object]) -> None:
    (shard,) = task.records.shards
    if _finished(task):
        tick(shard.examples)
        return
    vae = _loaded(task.model, task.made)
    with damage_named(task.records):
        latents = latents_of(vae, task.made, task.records, (shard,), task.how, tick, task.first)
        tables = [table for table, _ in latents]
    # Under a name of this writer's until it is whole: a worker that was given up may still be at it.
    with atomic_path(task.path) as temporary:
        joined(tables).save(temporary)
        tick(0)


def _finished(task: _Part) -> bool:
    try:
        return len(read_latents(task.path)) == task.records.written
    except GalkerasError:
        return False


@lru_cache(maxsize=1)
def _loaded(model: Path, made: Made) -> VAE:
    vae = load_model(model)
    if vae.digest != made.model:
        raise GalkerasError(f"{model} is not the model that it was when this began: run the same command again")
    return vae
