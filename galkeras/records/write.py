"""One shard of a record set: its galaxies decoded, resized and written, whole or not at all."""

__all__ = [
    "Reject",
    "Row",
    "Settings",
    "ShardResult",
    "ShardTask",
    "pixel_scale",
    "prepare",
    "same_scale",
    "write_shard",
]

import hashlib
import json
import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from galkeras.io.errors import GalkerasError
from galkeras.io.files import atomic_path, read_json, sha256_of, write_json
from galkeras.records.example import Galaxy, encode_example
from galkeras.records.schema import Shard
from galkeras.records.tfrecord import frame
from galkeras.surveys.cutouts import Cutout, CutoutError, check_scale, read_cutout, survey_of
from galkeras.surveys.facts import SURVEYS
from galkeras.surveys.image import BANDS, band_text
from galkeras.surveys.locate import Source
from galkeras.surveys.position import sky_position
from galkeras.surveys.resample import crop, rebin

STATE_FOLDER = ".shards"
"""Holds, for each finished shard, what it was made from: a rerun keeps the shards whose input is the same."""

# Relative error of pixel scales that passes for rounding.
_ROUNDING = 1e-4

# Relative difference of pixel scales that are the same.
_SAME = 0.01

# Side of the pictures of the Galaxy Zoo DECaLS release, whose pixel scale follows from the galaxy's size.
_GZD_SIDE = 424


class Row(NamedTuple):
    """A galaxy to write: its place in the catalog, and where its pixels are."""

    number: int
    id: str
    ra: float
    dec: float
    pixel_scale: float
    petro_scale: float
    source: Source


class Reject(NamedTuple):
    """A galaxy left out."""

    number: int
    id: str
    file: str
    reason: str


@dataclass(frozen=True)
class Settings:
    """What every image of a record set has in common.

    Attributes:
        survey: Name of the survey.
        units: ``nanomaggy`` or ``picture``.
        dtype: Storage dtype.
        image_size: Side of the stored images.
        crop: Side of the central square that is taken first, or None.
        side: Side that cutouts must have, or None where ``image_size`` was asked for and any will do.
        bands: Bands of the images, in the order of their planes.
        scale: arcsec a pixel that each cutout is resampled to from its own pixel scale, or None. Where there is a crop
            too, that is taken of cutouts that it brings to this scale.
    """

    survey: str
    units: str
    dtype: str
    image_size: int
    crop: int | None
    side: int | None
    bands: tuple[str, ...] = BANDS
    scale: float | None = None


@dataclass(frozen=True)
class ShardTask:
    """A shard to write: its folder, name and split, its galaxies in order, and where relative paths of theirs start."""

    folder: Path
    name: str
    split: str
    settings: Settings
    rows: list[Row]
    base: Path = Path()


@dataclass(frozen=True)
class ShardResult:
    """A finished shard: who was left out, the range of pixel scales that are known, and of how many galaxies none is.

    ``kept`` says whether it was there already.
    """

    shard: Shard
    rejects: list[Reject]
    scales: tuple[float, float]
    unknown: int
    kept: bool = False


def write_shard(task: ShardTask, tick: Callable[[int], None] = lambda count: None) -> ShardResult:
    """Write one shard, or keep it where it is there already, made from the same input and undamaged.

    ``tick`` is called with the number of galaxies done since the last call; what it raises ends the work.
    """
    fingerprint = _fingerprint(task)
    path, state = task.folder / task.name, task.folder / STATE_FOLDER / f"{task.name}.json"
    kept = _finished(path, state, fingerprint)
    if kept:
        tick(len(task.rows))
        return kept
    state.unlink(missing_ok=True)
    rejects, scales = [], []
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        for row in task.rows:
            try:
                source, number = row.source
                cutout = read_cutout(task.base / source, number, task.settings.bands)
                galaxy = prepare(cutout, row, task.settings)
                file.write(frame(encode_example(galaxy)))
                scales.append(galaxy.pixel_scale)
            except CutoutError as error:
                rejects.append(Reject(row.number, row.id, row.source.path, str(error)))
            tick(1)
        file.flush()
    shard = Shard(task.name, task.split, len(scales), path.stat().st_size, sha256_of(path))
    known = [scale for scale in scales if not math.isnan(scale)]
    unknown = len(scales) - len(known)
    scale_range = (min(known), max(known)) if known else (math.nan, math.nan)
    # JSON has no NaN.
    found = {"scales": scale_range if known else None, "unknown": unknown}
    write_json(state, {"fingerprint": fingerprint, "shard": asdict(shard), "rejects": rejects, **found})
    return ShardResult(shard, rejects, scale_range, unknown)


def prepare(cutout: Cutout, row: Row, settings: Settings) -> Galaxy:
    """Return the galaxy as it is stored. What does not fit the record set is a `CutoutError`."""
    if cutout.units != settings.units:
        raise CutoutError(f"wrong units: a {cutout.units} among {settings.units} images")
    if cutout.bands != settings.bands:
        raise CutoutError(f"wrong bands: {band_text(cutout.bands)} among {band_text(settings.bands)} images")
    header = survey_of(cutout)
    if header and settings.survey in SURVEYS and header != settings.survey:
        raise CutoutError(f"wrong survey: the header says {header}, not {settings.survey}")
    image, scale = cutout.image, pixel_scale(cutout, row, settings.survey)
    if not math.isnan(scale):
        check_scale(scale)
    height, width = image.shape[:2]
    ra, dec = _position(cutout, row)
    if settings.scale and not (
        settings.crop and same_scale(scale * settings.crop / settings.image_size, settings.scale)
    ):
        return Galaxy(row.id, _rescaled(image, scale, settings), ra, dec, settings.scale)
    if settings.crop:
        if min(height, width) < settings.crop:
            raise CutoutError(f"wrong shape: {height} x {width} pixels, less than the crop of {settings.crop}")
        image = crop(image, settings.crop)
    elif height != width:
        raise CutoutError(f"wrong shape: {height} x {width} pixels, not square")
    elif settings.side and height != settings.side:
        raise CutoutError(f"wrong shape: {height} x {width} pixels, not {settings.side} x {settings.side}")
    scale *= image.shape[0] / settings.image_size
    if not math.isnan(scale):
        check_scale(scale)
    # Scales that agree differ by rounding.
    return Galaxy(row.id, _stored(image, settings), ra, dec, settings.scale or scale)


def _position(cutout: Cutout, row: Row) -> tuple[float, float]:
    """Return right ascension and declination by the catalog, or else by the file; NaN where neither says."""
    if math.isnan(row.ra) or math.isnan(row.dec):
        return sky_position(cutout.wcs) or (row.ra, row.dec)
    return row.ra, row.dec


def same_scale(one: float | None, other: float | None) -> bool:
    """Tell whether two pixel scales are the same but for rounding; an unknown one is like no other."""
    return bool(one and other and abs(one / other - 1) < _SAME)


def _rescaled(image: np.ndarray, scale: float, settings: Settings) -> np.ndarray:
    """Return the central part of a cutout at ``scale`` arcsec a pixel as it is stored at that of the record set."""
    if math.isnan(scale):
        raise CutoutError(
            f"no pixel scale: neither file nor catalog has one to resample from to {settings.scale:g} arcsec"
        )
    width, side = settings.image_size * settings.scale / scale, min(image.shape[:2])
    # Scales in files and catalogs are rounded.
    if width > side * (1 + _ROUNDING):
        asked = settings.image_size * settings.scale
        raise CutoutError(f"wrong shape: {side * scale:.4g} arcsec wide, less than the {asked:.4g} asked for")
    return _stored(image, settings, min(width, side))


def _stored(image: np.ndarray, settings: Settings, width: float | None = None) -> np.ndarray:
    with np.errstate(over="ignore"):
        image = rebin(image, settings.image_size, settings.units, width).astype(settings.dtype)
    if not np.isfinite(image).all():
        raise CutoutError(f"not finite: pixels too bright for {settings.dtype}, use float32")
    return image


def pixel_scale(cutout: Cutout, row: Row, survey: str) -> float:
    """Return arcsec a pixel of a cutout, by its file or else the catalog; NaN where neither says."""
    if cutout.pixel_scale is not None:
        return cutout.pixel_scale
    if not math.isnan(row.pixel_scale):
        return row.pixel_scale
    galaxy_zoo = survey == "decals" and cutout.image.shape[:2] == (_GZD_SIDE, _GZD_SIDE)
    return row.petro_scale if galaxy_zoo else math.nan


def _fingerprint(task: ShardTask) -> str:
    """Return a digest of all that decides a shard's bytes: a cutout counts by its name, size and time."""

    @lru_cache(maxsize=8)
    def state_of(path: str) -> tuple[int, int] | None:
        try:
            found = os.stat(path)
        except OSError:
            return None
        return found.st_size, found.st_mtime_ns

    settings = asdict(task.settings)
    if settings["scale"] is None:  # As it was before there was one: shards of before are kept.
        del settings["scale"]
    digest = hashlib.sha256(json.dumps([task.name, settings]).encode())
    for row in task.rows:
        digest.update(json.dumps([row, state_of(os.path.join(task.base, row.source.path))]).encode())
    return digest.hexdigest()


def _finished(path: Path, state: Path, fingerprint: str) -> ShardResult | None:
    try:
        known = read_json(state)
        if known["fingerprint"] != fingerprint or sha256_of(path) != known["shard"]["sha256"]:
            return None
        rejects = [Reject(*reject) for reject in known["rejects"]]
        shard, scales = Shard(**known["shard"]), tuple(known["scales"] or (math.nan, math.nan))
        # Of before this was counted: a range, where all scales were known.
        unknown = known.get("unknown", 0 if known["scales"] else shard.examples)
        return ShardResult(shard, rejects, scales, unknown, kept=True)
    except (GalkerasError, OSError, KeyError, TypeError):
        return None
