"""What is in a record set, and whether it is still as it was written."""

__all__ = ["damages", "inspect"]

import hashlib
import logging
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

import numpy as np
from tqdm import tqdm

from galkeras.io.errors import GalkerasError
from galkeras.io.files import sha256_of
from galkeras.io.text import counted
from galkeras.records.example import Galaxy, decode_example
from galkeras.records.schema import SPLITS, RecordSet, Shard, split_of
from galkeras.records.tfrecord import Damage, walk
from galkeras.surveys.image import band_text
from galkeras.surveys.pictures import save_mosaic, to_rgb

_log = logging.getLogger(__name__)


def inspect(
    path: str | Path, *, verify: bool = False, mosaic: str | Path | None = None, galaxies: int = 36
) -> RecordSet:
    """Say what a record set holds and draw some of it.

    What it says goes to the log, as all that galkeras tells (docs/python.md); `describe` returns it.

    Args:
        path: Folder of the record set.
        verify: Read everything and compare checksums, counts, ids and splits.
        mosaic: Picture to write, ``mosaic.png`` in the folder by default.
        galaxies: How many galaxies to draw, the first in the order of the shards (which is that of a hash).

    Returns:
        The record set.

    Raises:
        GalkerasError: No record set, or a damaged one; the message names every damaged shard and record.
    """
    records = RecordSet.load(path)
    _log.info(describe(records))
    if verify:
        found = list(damages(records))
        if found:
            raise GalkerasError("\n".join([f"{records.path} is damaged", *found]))
        _log.info(f"verified: {records.written:,} records in {len(records.shards)} shards are as they were written")
    mosaic = Path(mosaic or records.path / "mosaic.png")
    shown = list(islice(read_galaxies(records), galaxies))
    images = [galaxy.image for galaxy in shown]
    pictures = to_rgb(np.stack(images), records.units, records.pixel_scale, records.bands)
    save_mosaic(mosaic, pictures, names=[galaxy.id for galaxy in shown], legend=False)
    _log.info(f"{mosaic}: {counted(len(images), 'galaxy', 'galaxies')}")
    return records


def describe(records: RecordSet) -> str:
    """Return a few lines that say what a record set holds."""
    scale = "not one for all" if records.pixel_scale is None else f"{records.pixel_scale:.4g} arcsec"
    side = records.image_size
    lines = [
        f"{records.path}: {counted(records.written, 'galaxy', 'galaxies')} of {records.survey}",
        f"  images       {side} x {side} x {band_text(records.bands)}, {records.dtype} {records.units}",
        f"  pixel scale  {scale}",
        f"  rejected     {records.rejected:,} of {records.read:,}",
        "  split        galaxies  shards        MB",
    ]
    for split in SPLITS:
        shards = records.in_split(split)
        size = sum(shard.bytes for shard in shards) / 1e6
        lines.append(f"  {split:<11}{records.count(split):>10,}{len(shards):>8}{size:>10,.1f}")
    return "\n".join(lines)


def read_galaxies(records: RecordSet) -> Iterator[Galaxy]:
    """Yield every galaxy, shard by shard; damage is a `GalkerasError` that names shard and record."""
    for shard in records.shards:
        for index, galaxy in _decoded(records, shard):
            if isinstance(galaxy, str):
                raise GalkerasError(f"{records.path / shard.name}: record {index}: {galaxy}")
            yield galaxy


def damages(records: RecordSet) -> Iterator[str]:
    """Yield a line for each thing that is wrong with the shards: file, record, and what it is."""
    # 8 bytes of a hash instead of the id: sets of millions fit.
    seen: set[int] = set()
    with tqdm(total=records.written, unit="galaxy", disable=None, desc="verifying") as bar:
        for shard in records.shards:
            for line in chain(_shard_damages(records, shard), _record_damages(records, shard, seen, bar)):
                yield f"{records.path / shard.name}: {line}"


def _shard_damages(records: RecordSet, shard: Shard) -> Iterator[str]:
    path = records.path / shard.name
    if not path.is_file():
        yield "is missing"
    elif path.stat().st_size != shard.bytes:
        yield f"has {path.stat().st_size} bytes, not {shard.bytes}"
    elif sha256_of(path) != shard.sha256:
        yield "does not match its checksum"


def _record_damages(records: RecordSet, shard: Shard, seen: set[int], bar: tqdm) -> Iterator[str]:
    if not (records.path / shard.name).is_file():
        return
    count = 0
    for index, galaxy in _decoded(records, shard):
        count += 1
        bar.update(1)
        if isinstance(galaxy, str):
            yield f"record {index}: {galaxy}"
            continue
        if split_of(galaxy.id) != shard.split:
            yield f"record {index}: {galaxy.id!r} belongs to the {split_of(galaxy.id)} split"
        if not np.isfinite(galaxy.image).all():
            yield f"record {index}: {galaxy.id!r} has pixels that are not finite"
        key = int.from_bytes(hashlib.sha256(galaxy.id.encode()).digest()[:8], "big")
        if key in seen:
            yield f"record {index}: {galaxy.id!r} is there twice"
        seen.add(key)
    if count != shard.examples:
        yield f"holds {count} records, not {shard.examples}"


def _decoded(records: RecordSet, shard: Shard) -> Iterator[tuple[int, Galaxy | str]]:
    """Yield each record's index and its galaxy, or what is wrong with it."""
    for index, data in enumerate(walk(records.path / shard.name)):
        if isinstance(data, Damage):
            yield index, str(data)
            continue
        try:
            yield index, decode_example(data, records.image_size, records.dtype, len(records.bands))
        except ValueError as error:
            yield index, str(error)
