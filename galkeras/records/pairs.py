"""Two record sets as one: the same galaxies in two surveys, or different ones side by side."""

__all__ = ["MATCH_RADIUS", "Galaxies", "Pairs", "index_galaxies", "join"]

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from tqdm import tqdm

from galkeras.io.errors import GalkerasError
from galkeras.records.example import decode_example
from galkeras.records.schema import RecordSet
from galkeras.records.tfrecord import Damage, walk

MATCH_RADIUS = 1.0
"""arcsec within which the centres of two cutouts must agree to be of the same galaxy."""

# What frames the bytes of a TFRecord: length and its checksum before, a checksum after.
_HEADER, _FOOTER = 12, 4


class Placed(Protocol):
    """Rows of galaxies that have names, positions in degrees (NaN where unknown) and a split."""

    id: np.ndarray
    ra: np.ndarray
    dec: np.ndarray
    split: np.ndarray


@dataclass(frozen=True, eq=False)
class Galaxies:
    """Galaxies of a record set that can be read in any order.

    Attributes:
        records: The record set.
        id: (rows,) names.
        ra: (rows,) degrees, NaN where unknown.
        dec: (rows,) degrees, NaN where unknown.
        split: (rows,) train, validation or test.
        shard: (rows,) index into ``records.shards``.
        start: (rows,) where the bytes of the record start in its shard.
        length: (rows,) how many they are.
    """

    records: RecordSet
    id: np.ndarray
    ra: np.ndarray
    dec: np.ndarray
    split: np.ndarray
    shard: np.ndarray
    start: np.ndarray
    length: np.ndarray

    def __len__(self) -> int:
        return len(self.id)

    def __getitem__(self, rows: np.ndarray) -> "Galaxies":
        """Return some of the galaxies, by index or by a boolean for each."""
        columns = (self.id, self.ra, self.dec, self.split, self.shard, self.start, self.length)
        return Galaxies(self.records, *(column[rows] for column in columns))

    def read(self, batches: Iterable[np.ndarray]) -> Iterator[list[bytes]]:
        """Yield the serialised records of each batch of rows."""
        files: dict[int, int] = {}
        try:
            for rows in batches:
                batch = []
                for shard, start, length in zip(self.shard[rows], self.start[rows], self.length[rows], strict=True):
                    if shard not in files:
                        files[shard] = os.open(self.records.path / self.records.shards[shard].name, os.O_RDONLY)
                    batch.append(os.pread(files[shard], length, start))
                yield batch
        finally:
            for file in files.values():
                os.close(file)

    def images(self) -> np.ndarray:
        """Return (rows, side, side, 3) images in the units of the record set: all of them, so not of too many."""
        size, dtype, bands = self.records.image_size, self.records.dtype, len(self.records.bands)
        (batch,) = self.read([np.arange(len(self))])
        return np.stack([decode_example(data, size, dtype, bands).image for data in batch]).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Which rows of two lists of galaxies are the same galaxy.

    Attributes:
        source: (pairs,) rows of the first list.
        target: (pairs,) rows of the second list.
        left_out: Number of galaxies without a partner, by reason.
    """

    source: np.ndarray
    target: np.ndarray
    left_out: dict[str, int]

    def __len__(self) -> int:
        return len(self.source)

    def __str__(self) -> str:
        reasons = [f"{count:,} {reason}" for reason, count in self.left_out.items() if count]
        return f"{len(self):,} pairs" + (f"; left out: {', '.join(reasons)}" if reasons else "")


def index_galaxies(records: RecordSet, splits: Sequence[str]) -> Galaxies:
    """Read a record set once and note what is where.

    Raises:
        GalkerasError: A shard is missing or damaged.
    """
    rows = []
    count = records.count(*splits)
    with tqdm(total=count, desc=f"index {records.survey}", unit="image", disable=None, leave=False) as bar:
        for number, shard in enumerate(records.shards):
            if shard.split not in splits:
                continue
            path = records.path / shard.name
            if not path.exists():
                raise GalkerasError(f"{path} is missing: run make-tfrecords again, which rebuilds damaged shards")
            start = 0
            for data in walk(path):
                if isinstance(data, Damage):
                    raise GalkerasError(f"{path}: {data}: run make-tfrecords again, which rebuilds damaged shards")
                try:
                    galaxy = decode_example(data, records.image_size, records.dtype, len(records.bands))
                except ValueError as error:
                    raise GalkerasError(f"{path}: {error}") from None
                rows.append((galaxy.id, galaxy.ra, galaxy.dec, shard.split, number, start + _HEADER, len(data)))
                start += _HEADER + len(data) + _FOOTER
                bar.update()
    if not rows:
        raise GalkerasError(f"{records.path} has no galaxies in {', '.join(splits)}")
    names, ra, dec, split, shards, starts, lengths = zip(*rows, strict=True)
    return Galaxies(
        records,
        np.array(names),
        np.array(ra),
        np.array(dec),
        np.array(split),
        np.array(shards),
        np.array(starts, np.int64),
        np.array(lengths, np.int64),
    )


def join(source: Placed, target: Placed) -> Pairs:
    """Join the galaxies of two surveys by id, and those whose ids differ by position.

    A pair is a pair only where the two centres agree within `MATCH_RADIUS` and both images are on the same side
    of the split, which follows from the id.
    """
    place = {name: row for row, name in enumerate(target.id.tolist())}
    rows = np.array([place.get(name, -1) for name in source.id.tolist()], np.int64)
    same_id = np.flatnonzero(rows >= 0)
    left, right = same_id, rows[same_id]
    distance = _separation(source, left, target, right)
    near = distance <= MATCH_RADIUS
    unknown = np.isnan(distance)
    by_place = _match_by_position(
        source,
        np.setdiff1d(np.arange(len(source.id)), left),
        target,
        np.setdiff1d(np.arange(len(target.id)), right),
    )
    left, right = np.concatenate([left[near], by_place[0]]), np.concatenate([right[near], by_place[1]])
    together = source.split[left] == target.split[right]
    alone = len(source.id) + len(target.id) - 2 * (len(left) + int(np.sum(~near)))
    order = np.argsort(left[together])
    return Pairs(
        left[together][order],
        right[together][order],
        {
            "in one survey alone": alone,
            f"of one id but centres more than {MATCH_RADIUS:g} arcsec apart": int(np.sum(~near & ~unknown)),
            "of one id but unknown position": int(np.sum(unknown)),
            "on different sides of the split": int(np.sum(~together)),
        },
    )


def _separation(a: Placed, rows: np.ndarray, b: Placed, others: np.ndarray) -> np.ndarray:
    """Return the distance on the sky in arcsec of row by row, NaN where a position is unknown."""
    ra, dec, other_ra, other_dec = (np.radians(x) for x in (a.ra[rows], a.dec[rows], b.ra[others], b.dec[others]))
    # Haversine: exact for small angles.
    chord = np.sin((dec - other_dec) / 2) ** 2 + np.cos(dec) * np.cos(other_dec) * np.sin((ra - other_ra) / 2) ** 2
    return np.degrees(2 * np.arcsin(np.sqrt(np.minimum(chord, 1)))) * 3600


def _match_by_position(a: Placed, rows: np.ndarray, b: Placed, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return those of two lists of rows that are each other's nearest neighbours within `MATCH_RADIUS`."""
    from scipy.spatial import cKDTree

    def known(galaxies: Placed, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        which = which[np.isfinite(galaxies.ra[which] + galaxies.dec[which])]
        ra, dec = np.radians(galaxies.ra[which]), np.radians(galaxies.dec[which])
        return which, np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], -1)

    (rows, here), (others, there) = known(a, rows), known(b, others)
    if not len(rows) or not len(others):
        return rows[:0], others[:0]
    _, nearest = cKDTree(there).query(here)
    _, back = cKDTree(here).query(there)
    mutual = back[nearest] == np.arange(len(rows))
    rows, others = rows[mutual], others[nearest[mutual]]
    near = _separation(a, rows, b, others) <= MATCH_RADIUS
    return rows[near], others[near]
