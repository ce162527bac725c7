"""What a record set will hold: its galaxies in order, what their images have in common, and its shards."""

__all__ = ["CATALOG_COLUMNS", "PIXEL_SCALES", "plan_rows", "plan_settings", "plan_tasks", "record_bytes"]

import hashlib
import logging
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.table import Table

from galkeras.io.errors import GalkerasError
from galkeras.records.schema import ITEM_SIZES, SPLITS, split_of
from galkeras.records.wanted import Wanted
from galkeras.records.write import Reject, Row, Settings, ShardTask, pixel_scale, prepare, same_scale
from galkeras.surveys.cutouts import FORMATS, Cutout, CutoutError, format_of, read_cutout, survey_of
from galkeras.surveys.facts import SURVEYS
from galkeras.surveys.image import NANOMAGGY, PICTURE, ImageSpec, Preparation
from galkeras.surveys.locate import Source

_log = logging.getLogger(__name__)

PIXEL_SCALES = ("pixel_scale", "pxscale", "pixscale")
"""Columns of a catalog that may hold the pixel scale in arcsec, the best first."""

CATALOG_COLUMNS = ("file", "row", "petro_th50", "petro_th90", *PIXEL_SCALES)
"""Columns of a catalog that say where a cutout is and how large its pixels are."""

# Cutouts read before the start to learn their units, size and survey.
_PROBES = 16

# Planes of a colour picture, and the brightest that they show.
_RGB, _WHITE = 3, 255

# Several shards to interleave, but none with only a handful of galaxies.
_FEWEST_SHARDS = 4
_FEWEST_IN_SHARD = 16

# A record's id, numbers and framing.
_OVERHEAD = 160


def plan_rows(table: Table, sources: list[Source | str]) -> tuple[list[Row], list[Reject]]:
    """Return the galaxies to write in the order of the shards, and those that have no cutout."""
    scale = next((_numbers(table, name) for name in PIXEL_SCALES if name in table.colnames), None)
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


def plan_settings(
    rows: list[Row],
    cutouts: str | Path,
    asked: Wanted,
) -> tuple[Settings, Preparation]:
    """Return what all images of the record set have in common, from what is asked for and the first cutouts.

    Raises:
        GalkerasError: What is asked for does not fit the cutouts, or none of the first cutouts can be used.
    """
    survey, bands, dtype = asked.survey, asked.bands, asked.dtype
    probed = _probe(rows, cutouts, bands)
    probes = [cutout for _, cutout in probed]
    units = _most_common(probe.units for probe in probes)
    if units == NANOMAGGY and dtype == "uint8":
        raise GalkerasError("`dtype` must be float16 or float32 for FITS cutouts. Received: dtype='uint8'")
    if units == NANOMAGGY and (range_of := _of_pictures(probed)):
        _log.warning(
            f"the images in {cutouts} are floats, {range_of}, as pictures often are, and were taken for nanomaggies"
            f" (bluest band first): pictures must be uint8, 0 to 255, red first. Save them so if these are pictures"
        )
    headers = [name for name in map(survey_of, probes) if name]
    if survey is None:
        if not headers:
            raise GalkerasError(
                f"the cutouts in {cutouts} do not say of which survey they are: say `survey`"
                f" ({', '.join(SURVEYS)}, or a name of your own)"
            )
        survey = _most_common(headers)
    elif headers and survey in SURVEYS and survey not in headers:
        raise GalkerasError(f"the cutouts in {cutouts} are of survey {headers[0]} by their headers, not {survey}")
    if asked.like is not None:
        asked = _alike(asked, asked.like, probed, survey)
    crop, image_size = asked.crop, asked.image_size
    side = None
    if crop is None and image_size is None:
        square = [probe.image.shape[0] for probe in probes if probe.image.shape[0] == probe.image.shape[1]]
        if not square:
            raise GalkerasError(f"the cutouts in {cutouts} are not square: say `crop`")
        side = _most_common(square)
    default = "uint8" if units == PICTURE else "float32"
    bands = bands or _bands_of(survey, units, _most_common(probe.bands for probe in probes))
    settings = Settings(survey, units, dtype or default, image_size or crop or side, crop, side, bands, asked.scale)
    fits = [_fit(row, settings) for row, _ in probed]
    reasons = [fit for fit in fits if isinstance(fit, str)]
    if len(reasons) == len(fits):
        raise GalkerasError(f"none of the first {len(probed)} cutouts in {cutouts} fits; {_most_common(reasons)}")
    preparation = _preparation(settings, {probe.image.shape[0] for probe in probes})
    if asked.like is not None:
        scales = {round(fit, 6) for fit in fits if isinstance(fit, float)}
        scale = scales.pop() if len(scales) == 1 else None
        got = ImageSpec(settings.image_size, units, bands, scale if scale == scale else None, preparation)
        asked.like.check(got, cutouts, taker=asked.whose)
    return settings, preparation


def _of_pictures(probed: list[tuple[Row, Cutout]]) -> str:
    """Return in what range the first images are if that is one of pictures; nothing if they are no arrays of floats.

    Images of the sky have noise, and with it pixels below 0. FITS files are not asked: they hold fluxes.
    """
    images = [
        cutout.image
        for row, cutout in probed
        if cutout.units == NANOMAGGY and format_of(row.source.path) is not FORMATS["fits"]
    ]
    if not images or any(image.shape[-1] != _RGB or image.min() < 0 for image in images):
        return ""
    highest = max(float(image.max()) for image in images)
    if highest <= 1:
        return "all of 0 to 1"
    whole = highest <= _WHITE and all((image == np.rint(image)).all() for image in images)
    return f"all whole numbers of 0 to {_WHITE}" if whole else ""


def _alike(asked: Wanted, like: ImageSpec, probed: list[tuple[Row, Cutout]], survey: str) -> Wanted:
    """Return how the cutouts become images such as those that they must be like."""
    crop = None if like.preparation is None else like.preparation.crop
    if like.pixel_scale:
        # The same crop of cutouts of the same pixels; where there are others, these are resampled to the same scale.
        side = crop or like.size
        scales = [pixel_scale(cutout, row, survey) * side / like.size for row, cutout in probed]
        if crop is None or not all(same_scale(scale, like.pixel_scale) for scale in scales if scale == scale):
            return replace(asked, image_size=like.size, crop=crop, scale=like.pixel_scale)
    sides = {min(cutout.image.shape[:2]) for _, cutout in probed}
    if like.of_differing_sides and asked.crop is None and len(sides) == 1 and sides != {like.size}:
        side = sides.pop()
        raise GalkerasError(
            f"the cutouts are all of {side} pixels, and {asked.whose} was made of cutouts of differing sides, each cut"
            f" to its galaxy: say `crop`, the side in pixels of the part that they showed ({side} for all of it)"
        )
    return replace(asked, image_size=like.size, crop=crop or asked.crop)


def _bands_of(survey: str, units: str, held: tuple[str, ...]) -> tuple[str, ...]:
    """Return the bands to keep where nobody says: the survey's, or else those that files name."""
    known = SURVEYS.get(survey)
    if known is None:
        return held
    if units == PICTURE:
        return known.picture_bands
    return tuple(known.bands) if set(known.bands) <= set(held) else held


def _preparation(settings: Settings, sides: set[int]) -> Preparation:
    """Return how images are made, from the ``sides`` of the first cutouts where all is taken of them."""
    if settings.scale:
        return Preparation(None, "scale")
    taken = settings.crop or settings.side or (sides.pop() if len(sides) == 1 else None)
    return Preparation(taken, "none" if taken == settings.image_size else "area")


def _fit(row: Row, settings: Settings) -> float | str:
    """Return the pixel scale of the image that a cutout becomes, or the reason why it becomes none."""
    try:
        return prepare(read_cutout(*row.source, bands=settings.bands), row, settings).pixel_scale
    except CutoutError as error:
        return str(error)


def _probe(rows: list[Row], cutouts: str | Path, bands: tuple[str, ...] | None) -> list[tuple[Row, Cutout]]:
    probes, reasons = [], Counter()
    for row in rows:
        try:
            probes.append((row, read_cutout(*row.source, bands=bands)))
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


def plan_tasks(out: Path, rows: list[Row], settings: Settings, megabytes: float) -> list[ShardTask]:
    """Return the shards to write, split by split."""
    tasks, by_split = [], {split: [] for split in SPLITS}
    for row in rows:
        by_split[split_of(row.id)].append(row)
    for split, members in by_split.items():
        # No more shards than galaxies.
        count = min(math.ceil(len(members) * record_bytes(settings) / (megabytes * 1e6)), len(members))
        count = max(count, min(_FEWEST_SHARDS, math.ceil(len(members) / _FEWEST_IN_SHARD)))
        edges = [index * len(members) // max(count, 1) for index in range(count + 1)]
        for index, (start, end) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
            name = f"{split}-{index:05d}-of-{count:05d}.tfrecord"
            tasks.append(ShardTask(out, name, split, settings, members[start:end]))
    return tasks


def record_bytes(settings: Settings) -> int:
    """Return about how many bytes a record takes."""
    return settings.image_size**2 * len(settings.bands) * ITEM_SIZES[settings.dtype] + _OVERHEAD
