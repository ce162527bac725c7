"""From a catalog and a folder of cutouts to a record set."""

__all__ = ["make_tfrecords"]

import csv
import errno
import io
import logging
import math
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.table import Table
from tqdm import tqdm

from galkeras.io.calls import Call
from galkeras.io.cluster import on_cluster
from galkeras.io.columns import write_columns
from galkeras.io.errors import GalkerasError
from galkeras.io.files import atomic_write
from galkeras.io.folders import OutputFolder
from galkeras.io.processes import cores, in_parallel
from galkeras.io.schedulers import check_cluster
from galkeras.io.text import counted, readable_bytes
from galkeras.records.plan import CATALOG_COLUMNS, plan_rows, plan_settings, plan_tasks, record_bytes
from galkeras.records.schema import (
    DATASET_FILE,
    REJECTED_FILE,
    SHARD_NAME,
    SPLITS,
    RecordSet,
)
from galkeras.records.wanted import wanted
from galkeras.records.write import STATE_FOLDER, Reject, Settings, ShardResult, ShardTask, write_shard
from galkeras.surveys.gather import LABEL, gather
from galkeras.surveys.image import band_text

_log = logging.getLogger(__name__)

CATALOG_FILE = "catalog.csv"
"""What the cutouts' files say of the galaxies, where there was no other catalog."""

# MB, as the command line has it.
_SMALLEST_SHARD = 0.001
# Relative spread of pixel scales that is told.
_MIXED = 0.01
_OURS = rf"{DATASET_FILE}|{REJECTED_FILE}|{CATALOG_FILE}|mosaic\.png|{re.escape(STATE_FOLDER)}|{SHARD_NAME.pattern}"


def make_tfrecords(
    catalog: str | Path | None,
    cutouts: str | Path | None,
    out: str | Path,
    *,
    survey: str | None = None,
    bands: str | Sequence[str] | None = None,
    crop: int | None = None,
    image_size: int | None = None,
    pixel_scale: float | None = None,
    width_arcsec: float | None = None,
    like: str | Path | None = None,
    dtype: str | None = None,
    label_from: str | None = None,
    id_column: str | None = None,
    position: bool = True,
    shard_megabytes: float = 128,
    workers: int | None = None,
    dask: str | Path | None = None,
) -> RecordSet:
    """Write a catalog's cutouts as sharded TFRecords, the food of every model.

    The same input gives the same bytes. Shards are written by several processes, each whole or not at all;
    after an interruption the same call goes on, keeping the shards that check out. Cutouts that cannot be used
    are listed with the reason in ``rejected.csv``.

    Args:
        catalog: One row a galaxy, see `galkeras.surveys.catalog.read_catalog`; None takes all cutouts, named as their
            files, and writes what the files say of them to ``catalog.csv`` (see `galkeras.surveys.gather.gather`).
        cutouts: Folder of FITS, PNG or JPEG files (see `galkeras.surveys.locate.locate_cutouts`); or a file of many
            images: HDF5, npz, Parquet, or a folder that Hugging Face's ``datasets`` wrote.
        out: Folder of the record set, by custom ``tfrecords/NAME``.
        survey: Name of the survey; read from FITS headers where they tell.
        bands: Bands to keep, as ``grz``, ``vis,y,j,h`` or names in their order; by default those of the survey, or else
            all that the files name. Pictures of a survey show its three.
        crop: Keep only the central ``crop`` x ``crop`` pixels.
        image_size: Resample to this side, conserving flux, after any crop. Without ``crop`` and ``image_size`` all
            cutouts must have one size.
        pixel_scale: Resample each cutout from its own pixel scale, as file or catalog says, to this one in arcsec.
            Needs ``image_size`` or ``width_arcsec``.
        width_arcsec: Take the central part of the sky so many arcsec wide. Needs ``image_size`` or ``pixel_scale``.
        like: A model folder or a record set: size, units, bands and preparation are those of its images. Cutouts of
            another pixel scale are resampled to its own, where it is known.
        dtype: ``uint8``, ``float16`` or ``float32``; by default uint8 for pictures and float32 for FITS.
        label_from: Without a catalog, ``name`` reads each galaxy's class off its folder, or off its file's name where
            all are in one folder, into the column ``label`` of ``catalog.csv``.
        id_column: Column that names the galaxies.
        position: Whether the catalog must know ra and dec.
        shard_megabytes: Size of a shard at which to start another.
        workers: Processes; by default one a core. 1 works in this process.
        dask: Have the workers of a Dask cluster write, a shard each at a time: ``tcp://HOST:PORT`` of its scheduler, or
            a scheduler file. They must see cutouts and ``out`` by the same paths. Needs ``galkeras[dask]``.

    Returns:
        The finished record set.

    Raises:
        GalkerasError: Bad input, an output folder that holds something else, a full disk, or no such cluster.
    """
    out = Path(out)
    asked = wanted(survey, bands, crop, image_size, pixel_scale, width_arcsec, dtype, like)
    told = locals() | {"bands": bands if bands is None or isinstance(bands, str) else band_text(bands)}
    if not _SMALLEST_SHARD <= shard_megabytes < math.inf:
        raise GalkerasError(
            f"`shard_megabytes` must be {_SMALLEST_SHARD} or more. Received: shard_megabytes={shard_megabytes}"
        )
    call = Call.of(make_tfrecords, told, {"shard_megabytes": "shard-size"})
    if cutouts is None:
        catalog, cutouts = None, catalog
    if cutouts is None:
        raise GalkerasError("`cutouts` must be a folder or a file of images. Received: nothing")
    if dask is not None:
        if workers is not None:
            raise GalkerasError("`workers` are processes of this machine, and `dask` has its own: say one of them")
        check_cluster(dask)
    table, sources = gather(catalog, cutouts, id_column, position, CATALOG_COLUMNS, label_from)
    rows, rejects = plan_rows(table, sources)
    settings, preparation = plan_settings(rows, cutouts, asked)
    earlier = _check_folder(out, settings)
    tasks = plan_tasks(out, rows, settings, shard_megabytes)
    _announce(out, tasks, settings, len(rejects))
    if earlier is not None:
        held = counted(earlier.written, "galaxy", "galaxies")
        _log.info(f"{out} holds a finished record set of {held}; what is different now is written anew")
    with _folder(out).writing(), _full_disk_told(out):
        results = _write(tasks, workers or cores(), dask, Path(cutouts))
        if dask is not None:
            _folder(out).clear()  # of what lost workers had begun
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
            bands=settings.bands,
            preparation=preparation,
            call=call,
        )
        _remove_others(out, {task.name for task in tasks})
        _write_rejects(out / REJECTED_FILE, rejects)
        if catalog is None:
            _write_catalog(out / CATALOG_FILE, table)
        else:
            (out / CATALOG_FILE).unlink(missing_ok=True)
        records.save()
    _report(records, rejects, results)
    if catalog is None:
        _report_catalog(out / CATALOG_FILE, table)
    return records


def _announce(out: Path, tasks: list[ShardTask], settings: Settings, missing: int) -> None:
    """Print what will be written; too little space is an error before anything is."""
    count = sum(len(task.rows) for task in tasks)
    size = count * record_bytes(settings)
    side = settings.image_size
    crop, scale = settings.crop, settings.scale
    taken = f"central {side * scale:.4g} arcsec at {scale:g} arcsec a pixel" if scale else ""
    taken = f"central {crop} x {crop} pixels" if crop else taken
    steps = [taken, f"{side} x {side} x {len(settings.bands)}"]
    _log.info(
        f"{out}: {counted(count, 'galaxy', 'galaxies')} of {settings.survey} ({missing:,} without cutout), "
        f"{' to '.join(filter(None, steps))} {settings.dtype} {settings.units}, "
        f"{counted(len(tasks), 'shard')}, about {readable_bytes(size)}"
    )
    existing = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    there = sum(path.stat().st_size for path in out.glob("*.tfrecord"))
    if size > free + there:
        raise GalkerasError(
            f"{out} needs about {readable_bytes(size)}, and {readable_bytes(free)} are free: choose another disk,"
            " a smaller `image_size` or `crop`, or `dtype=float16`"
        )


# --- the folder ---


def _folder(out: Path) -> OutputFolder:
    # While shards change the record set is not finished.
    state = rf"{re.escape(STATE_FOLDER)}/[\w.-]+\.json"
    return OutputFolder(out, "make-tfrecords", _OURS, within=state, marker=DATASET_FILE, lock=f"{STATE_FOLDER}/lock")


def _check_folder(out: Path, settings: Settings) -> RecordSet | None:
    """Return the finished record set that is in the folder, if there is one; one of other images is an error."""
    _folder(out).check()
    try:
        other = RecordSet.load(out)
    except GalkerasError:  # Unfinished or damaged: that is what a rerun mends.
        return None
    for name in ("survey", "image_size", "units", "dtype", "bands"):
        old, new = getattr(other, name), getattr(settings, name)
        if old != new:
            old, new = (band_text(value) if name == "bands" else value for value in (old, new))
            raise GalkerasError(f"{out} holds the record set of {name} {old}, not {new}: choose another `out`")
    return other


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
            # By the shard a run that was killed here is gone on with, so its state goes first.
            (out / STATE_FOLDER / f"{path.name}.json").unlink(missing_ok=True)
            path.unlink()


def _write_rejects(path: Path, rejects: list[Reject]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "file", "reason"])
    writer.writerows(reject[1:] for reject in rejects)
    atomic_write(path, text.getvalue())


def _write_catalog(path: Path, table: Table) -> None:
    """Write what is known of the galaxies besides their images."""
    columns = {}
    for name in table.colnames:
        values = np.ma.getdata(table[name])
        if values.dtype.kind == "O":
            values = np.array(["" if value is None else str(value) for value in values.tolist()])
        if values.dtype.kind in "iufbU" and values.ndim == 1:
            columns[name] = np.asarray(values)
    write_columns(path, columns, {"table": "catalog"})


def _report_catalog(path: Path, table: Table) -> None:
    names = [name for name in table.colnames if name not in ("id", "ra", "dec", "file", "row")]
    _log.info(f"{path}: what the files say of the galaxies{': ' if names else ''}{', '.join(names[:12])}")
    if LABEL in names:
        counts = sorted(Counter(table[LABEL].tolist()).items())
        _log.info(f"  {LABEL}: {', '.join(f'{count:,} {name or chr(34) * 2}' for name, count in counts)}")


def _common_scale(results: list[ShardResult]) -> float | None:
    low, high = _scale_range(results)
    unknown = any(result.unknown for result in results)
    return low if not unknown and high - low <= 1e-4 * low else None


def _scale_range(results: list[ShardResult]) -> tuple[float, float]:
    """Return the smallest and the largest pixel scale that is known, NaN where none is."""
    known = [result.scales for result in results if result.shard.examples > result.unknown]
    return (min(low for low, _ in known), max(high for _, high in known)) if known else (math.nan, math.nan)


def _report(records: RecordSet, rejects: list[Reject], results: list[ShardResult]) -> None:
    kept = sum(result.kept for result in results)
    counts = ", ".join(f"{split} {records.count(split):,}" for split in SPLITS)
    there = f"; {kept} of {len(records.shards)} shards were there already" if kept else ""
    _log.info(f"{records.path}: {records.written:,} of {records.read:,} galaxies written ({counts}){there}")
    if rejects:
        reasons = Counter(reject.reason.split(":")[0] for reject in rejects).most_common(3)
        why = ", ".join(f"{count:,} {reason}" for reason, count in reasons)
        _log.info(f"{records.path / REJECTED_FILE}: {len(rejects):,} rejected ({why})")
    side = records.image_size
    others = sum(reject.reason.endswith(f" pixels, not {side} x {side}") for reject in rejects)
    if others:
        _log.warning(
            f"{counted(others, 'cutout')} left out for being of another size than most: `image_size={side}` resamples"
            f" all to {side} pixels, `crop` takes as many pixels of each"
        )
    low, high = _scale_range(results)
    if high > low * (1 + _MIXED):
        unknown = sum(result.unknown for result in results)
        more = f", and those of {counted(unknown, 'galaxy', 'galaxies')} are not known" if unknown else ""
        _log.warning(
            f"pixel scales run from {low:.3g} to {high:.3g} arcsec{more}: how large a galaxy looks says little"
            f" of its size on the sky. `pixel_scale={high:.3g}` or `width_arcsec={low * records.image_size:.3g}`, each"
            f" with `image_size`, resamples every cutout from its own scale"
        )


# --- the work ---


def _write(tasks: list[ShardTask], workers: int, dask: str | Path | None, cutouts: Path) -> list[ShardResult]:
    total = sum(len(task.rows) for task in tasks)
    with tqdm(total=total, unit="galaxy", disable=None, desc="writing") as bar:
        if dask is None or not tasks:
            return in_parallel(write_shard, tasks, workers, bar.update)
        # Workers may have been started anywhere. What is written must not tell.
        out, here = tasks[0].folder, Path.cwd()
        away = [replace(task, folder=out.absolute(), base=here) for task in tasks]
        return on_cluster(write_shard, away, dask, out / STATE_FOLDER, [cutouts], bar.update)
