"""From a catalog and a folder of cutouts to a record set."""

__all__ = ["make_tfrecords"]

import csv
import errno
import hashlib
import io
import math
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from astropy.table import Table
from tqdm import tqdm

from galkeras.io.errors import GalkerasError, did_you_mean
from galkeras.io.files import atomic_write
from galkeras.io.folders import OutputFolder
from galkeras.io.processes import cores, in_parallel
from galkeras.io.text import counted
from galkeras.records.schema import (
    DATASET_FILE,
    DTYPES,
    ITEM_SIZES,
    REJECTED_FILE,
    SHARD_NAME,
    SPLITS,
    RecordSet,
    split_of,
)
from galkeras.records.write import STATE_FOLDER, Reject, Row, Settings, ShardResult, ShardTask, prepare, write_shard
from galkeras.surveys.catalog import read_catalog
from galkeras.surveys.cutouts import MAX_SIDE, Cutout, CutoutError, read_cutout, survey_of
from galkeras.surveys.facts import SURVEYS
from galkeras.surveys.locate import Source, locate_cutouts
from galkeras.surveys.pictures import NANOMAGGY, PICTURE

# Cutouts read before the start to learn their units, size and survey.
_PROBES = 16

# Several shards to interleave, but none with only a handful of galaxies.
_FEWEST_SHARDS = 4
_FEWEST_IN_SHARD = 16

# A record's id, numbers and framing.
_OVERHEAD = 160

_PIXEL_SCALES = ("pixel_scale", "pxscale", "pixscale")
_OURS = rf"{DATASET_FILE}|{REJECTED_FILE}|mosaic\.png|{re.escape(STATE_FOLDER)}|{SHARD_NAME.pattern}"


def make_tfrecords(
    catalog: str | Path,
    cutouts: str | Path,
    out: str | Path,
    *,
    survey: str | None = None,
    crop: int | None = None,
    image_size: int | None = None,
    dtype: str | None = None,
    id_column: str | None = None,
    position: bool = True,
    shard_megabytes: float = 128,
    workers: int | None = None,
) -> RecordSet:
    """Write a catalog's cutouts as sharded TFRecords, the food of every model.

    The same input gives the same bytes. Shards are written by several processes, each whole or not at all;
    after an interruption the same call goes on, keeping the shards that check out. Cutouts that cannot be used
    are listed with the reason in ``rejected.csv``.

    Args:
        catalog: One row a galaxy, see `galkeras.surveys.catalog.read_catalog`.
        cutouts: Folder of FITS, PNG or JPEG files (see `galkeras.surveys.locate.locate_cutouts`) or an HDF5 file.
        out: Folder of the record set, by custom ``tfrecords/NAME``.
        survey: Name of the survey; read from FITS headers where they tell.
        crop: Keep only the central ``crop`` x ``crop`` pixels.
        image_size: Resample to this side, conserving flux, after any crop. Without ``crop`` and ``image_size`` all
            cutouts must have one size.
        dtype: ``uint8``, ``float16`` or ``float32``; by default uint8 for pictures and float32 for FITS.
        id_column: Column that names the galaxies.
        position: Whether the catalog must know ra and dec.
        shard_megabytes: Size of a shard at which to start another.
        workers: Processes; by default one a core. 1 works in this process.

    Returns:
        The finished record set.

    Raises:
        GalkerasError: Bad input, an output folder that holds something else, or a full disk.
    """
    out = Path(out)
    _check_options(survey, crop, image_size, dtype)
    keep = ("file", "row", "petro_th50", "petro_th90", *_PIXEL_SCALES)
    table = read_catalog(catalog, id_column, position, columns=keep)
    rows, rejects = _rows(table, locate_cutouts(table, cutouts, catalog))
    settings = _settings(rows, cutouts, survey, crop, image_size, dtype)
    _check_folder(out, settings)
    tasks = _tasks(out, rows, settings, shard_megabytes)
    _announce(out, tasks, settings, len(rejects), crop)
    with _folder(out).writing(), _full_disk_told(out):
        results = _write(tasks, workers or cores())
        rejects = sorted(rejects + [reject for result in results for reject in result.rejects])
        records = RecordSet(
            path=out,
            survey=settings.survey,
            image_size=settings.image_size,
            pixel_scale=_common_scale(results),
            units=settings.units,
            dtype=settings.dtype,
            shards=tuple(result.shard for result in results),
            read=len(table),
            written=sum(result.shard.examples for result in results),
            rejected=len(rejects),
        )
        _remove_others(out, {task.name for task in tasks})
        _write_rejects(out / REJECTED_FILE, rejects)
        records.save()
    _report(records, rejects, sum(result.kept for result in results))
    return records


def _check_options(survey: str | None, crop: int | None, image_size: int | None, dtype: str | None) -> None:
    for name, value in (("crop", crop), ("image_size", image_size)):
        if value is not None and not 1 <= value <= MAX_SIDE:
            raise GalkerasError(f"`{name}` must be 1 to {MAX_SIDE} pixels. Received: {name}={value}")
    if dtype is not None and dtype not in DTYPES:
        raise GalkerasError(
            f"`dtype` must be one of {', '.join(DTYPES)}.{did_you_mean(dtype, DTYPES)} Received: dtype={dtype!r}"
        )
    if survey is not None and not re.fullmatch(r"[\w.+-]+", survey):
        raise GalkerasError(f"`survey` must be letters, digits, dots and hyphens. Received: survey={survey!r}")


# --- the plan ---


def _rows(table: Table, sources: list[Source | str]) -> tuple[list[Row], list[Reject]]:
    scale = next((_numbers(table, name) for name in _PIXEL_SCALES if name in table.colnames), None)
    if scale is None:
        scale = np.full(len(table), np.nan)
    petro = np.full(len(table), np.nan)
    if {"petro_th50", "petro_th90"} <= set(table.colnames):
        small = np.minimum(0.04 * _numbers(table, "petro_th50"), 0.02 * _numbers(table, "petro_th90"))
        petro = np.maximum(small, 0.1)
    files = table["file"] if "file" in table.colnames else [""] * len(table)
    rows, rejects = [], []
    columns = zip(table["id"], table["ra"], table["dec"], scale, petro, files, sources, strict=True)
    for number, (name, ra, dec, pixels, by_size, file, source) in enumerate(columns):
        if isinstance(source, Source):
            rows.append(Row(number, str(name), float(ra), float(dec), float(pixels), float(by_size), source))
        else:
            rejects.append(Reject(number, str(name), str(file or ""), source))
    # The order is that of a hash: every shard is a fair sample, whatever the catalog is sorted by.
    rows.sort(key=lambda row: hashlib.sha256(f"galkeras order {row.id}".encode()).digest())
    return rows, rejects


def _numbers(table: Table, name: str) -> np.ndarray:
    column = table[name]
    if hasattr(column, "filled"):
        column = column.astype(float).filled(np.nan)
    try:
        return np.asarray(column, float)
    except (TypeError, ValueError):
        raise GalkerasError(f"the catalog's column {name!r} must be numbers") from None


def _settings(
    rows: list[Row],
    cutouts: str | Path,
    survey: str | None,
    crop: int | None,
    image_size: int | None,
    dtype: str | None,
) -> Settings:
    probed = _probe(rows, cutouts)
    probes = [cutout for _, cutout in probed]
    units = _most_common(probe.units for probe in probes)
    if units == NANOMAGGY and dtype == "uint8":
        raise GalkerasError("`dtype` must be float16 or float32 for FITS cutouts. Received: dtype='uint8'")
    headers = [name for name in map(survey_of, probes) if name]
    if survey is None:
        if not headers:
            raise GalkerasError(
                f"the cutouts in {cutouts} do not say of which survey they are: say --survey"
                f" ({', '.join(SURVEYS)}, or a name of your own)"
            )
        survey = _most_common(headers)
    elif headers and survey in SURVEYS and survey not in headers:
        raise GalkerasError(f"the cutouts in {cutouts} are of survey {headers[0]} by their headers, not {survey}")
    side = None
    if crop is None and image_size is None:
        square = [probe.image.shape[0] for probe in probes if probe.image.shape[0] == probe.image.shape[1]]
        if not square:
            raise GalkerasError(f"the cutouts in {cutouts} are not square: say --crop")
        side = _most_common(square)
    default = "uint8" if units == PICTURE else "float32"
    settings = Settings(survey, units, dtype or default, image_size or crop or side, crop, side)
    reasons = [_misfit(cutout, row, settings) for row, cutout in probed]
    if all(reasons):
        raise GalkerasError(f"none of the first {len(probed)} cutouts in {cutouts} fits; {_most_common(reasons)}")
    return settings


def _misfit(cutout: Cutout, row: Row, settings: Settings) -> str | None:
    try:
        prepare(cutout, row, settings)
    except CutoutError as error:
        return str(error)


def _probe(rows: list[Row], cutouts: str | Path) -> list[tuple[Row, Cutout]]:
    probes, reasons = [], Counter()
    for row in rows:
        try:
            probes.append((row, read_cutout(*row.source)))
        except CutoutError as error:
            reasons[str(error)] += 1
        if len(probes) == _PROBES:
            break
    if not probes:
        reason, count = reasons.most_common(1)[0]
        raise GalkerasError(f"none of {len(rows)} cutouts in {cutouts} can be used; {count} times: {reason}")
    return probes


def _most_common(values: Iterable):
    return Counter(values).most_common(1)[0][0]


def _tasks(out: Path, rows: list[Row], settings: Settings, megabytes: float) -> list[ShardTask]:
    tasks, by_split = [], {split: [] for split in SPLITS}
    for row in rows:
        by_split[split_of(row.id)].append(row)
    for split, members in by_split.items():
        count = math.ceil(len(members) * _record_bytes(settings) / (megabytes * 1e6))
        count = max(count, min(_FEWEST_SHARDS, math.ceil(len(members) / _FEWEST_IN_SHARD)))
        edges = [index * len(members) // max(count, 1) for index in range(count + 1)]
        for index, (start, end) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
            name = f"{split}-{index:05d}-of-{count:05d}.tfrecord"
            tasks.append(ShardTask(out, name, split, settings, members[start:end]))
    return tasks


def _record_bytes(settings: Settings) -> int:
    return settings.image_size**2 * 3 * ITEM_SIZES[settings.dtype] + _OVERHEAD


def _announce(out: Path, tasks: list[ShardTask], settings: Settings, missing: int, crop: int | None) -> None:
    """Print what will be written; too little space is an error before anything is."""
    count = sum(len(task.rows) for task in tasks)
    size = count * _record_bytes(settings)
    side = settings.image_size
    steps = [f"central {crop} x {crop} pixels" if crop else "", f"{side} x {side} x 3"]
    print(
        f"{out}: {counted(count, 'galaxy', 'galaxies')} of {settings.survey} ({missing:,} without cutout), "
        f"{' to '.join(filter(None, steps))} {settings.dtype} {settings.units}, "
        f"{counted(len(tasks), 'shard')}, about {_readable(size)}"
    )
    existing = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    there = sum(path.stat().st_size for path in out.glob("*.tfrecord"))
    if size > free + there:
        raise GalkerasError(
            f"{out} needs about {_readable(size)}, and {_readable(free)} are free: choose another disk,"
            " a smaller --image-size or --crop, or --dtype float16"
        )


def _readable(size: float) -> str:
    for unit in ("kB", "MB"):
        size /= 1000
        if size < 1000:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} GB"


# --- the folder ---


def _folder(out: Path) -> OutputFolder:
    # While shards change the record set is not finished.
    return OutputFolder(out, "make-tfrecords", _OURS, marker=DATASET_FILE, lock=f"{STATE_FOLDER}/lock")


def _check_folder(out: Path, settings: Settings) -> None:
    _folder(out).check()
    try:
        other = RecordSet.load(out)
    except GalkerasError:  # Unfinished or damaged: that is what a rerun mends.
        return
    for name in ("survey", "image_size", "units", "dtype"):
        old, new = getattr(other, name), getattr(settings, name)
        if old != new:
            raise GalkerasError(f"{out} holds the record set of {name} {old}, not {new}: choose another --out")


@contextmanager
def _full_disk_told(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise GalkerasError(
            f"{out}: {error.strerror}. Make room and run the same command again: finished shards are kept"
        ) from error


def _remove_others(out: Path, names: set[str]) -> None:
    """Remove shards of an earlier run that divided the galaxies differently."""
    for path in out.glob("*.tfrecord"):
        if path.name not in names:
            path.unlink()
            (out / STATE_FOLDER / f"{path.name}.json").unlink(missing_ok=True)


def _write_rejects(path: Path, rejects: list[Reject]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "file", "reason"])
    writer.writerows(reject[1:] for reject in rejects)
    atomic_write(path, text.getvalue())


def _common_scale(results: list[ShardResult]) -> float | None:
    low, high = np.array([result.scales for result in results if result.shard.examples]).T
    return float(low.min()) if high.max() - low.min() <= 1e-4 * low.min() else None


def _report(records: RecordSet, rejects: list[Reject], kept: int) -> None:
    counts = ", ".join(f"{split} {records.count(split):,}" for split in SPLITS)
    print(f"{records.path}: {records.written:,} of {records.read:,} galaxies written ({counts})", end="")
    print(f"; {kept} of {len(records.shards)} shards were there already" if kept else "")
    if rejects:
        reasons = Counter(reject.reason.split(":")[0] for reject in rejects).most_common(3)
        why = ", ".join(f"{count:,} {reason}" for reason, count in reasons)
        print(f"{records.path / REJECTED_FILE}: {len(rejects):,} rejected ({why})")


# --- the work ---


def _write(tasks: list[ShardTask], workers: int) -> list[ShardResult]:
    total = sum(len(task.rows) for task in tasks)
    with tqdm(total=total, unit="galaxy", disable=None, desc="writing") as bar:
        return in_parallel(write_shard, tasks, workers, bar.update)
