"""Cutouts in every format that surveys hand out, read into one convention."""

__all__ = [
    "FORMATS",
    "MAX_SIDE",
    "Cutout",
    "CutoutError",
    "Format",
    "check_scale",
    "check_size",
    "extension_of",
    "extensions",
    "format_of",
    "one_line",
    "read_cutout",
    "survey_of",
]

import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

from galkeras.io.errors import GalkerasError
from galkeras.io.registry import Registry
from galkeras.surveys.facts import recognise
from galkeras.surveys.image import BANDS, MAX_SCALE, MAX_SIDE, NANOMAGGY, PICTURE

# Sky is never exactly zero in calibrated images, so zeros are pixels nobody observed. In pictures, dark sky is
# clipped to black: up to 13 % of the pixels in good SDSS pictures.
_MAX_ZERO = {NANOMAGGY: 0.2, PICTURE: 0.5}


class CutoutError(GalkerasError):
    """A cutout that cannot be used; the message is the reason."""


@dataclass(frozen=True)
class Cutout:
    """An image of one galaxy.

    Attributes:
        image: (height, width, band) with row 0 south; float32 nanomaggies or uint8 pictures.
        units: ``nanomaggy`` or ``picture``.
        pixel_scale: arcsec a pixel, None where the file does not say.
        survey: The header's SURVEY, None where the file does not say.
        version: The header's VERSION.
        bands: The bands of the planes, in lower case.
        wcs: What the header says of its celestial coordinates (`galkeras.surveys.position`), None if nothing.
    """

    image: np.ndarray
    units: str
    pixel_scale: float | None = None
    survey: str | None = None
    version: str | None = None
    bands: tuple[str, ...] = BANDS
    wcs: dict[str, Any] | None = None


@dataclass(frozen=True)
class Format:
    """A kind of file that holds cutouts.

    Attributes:
        extensions: Ends of the file names, the best first.
        read: From a file and the bands that are wanted (None: those of its survey, or all it names) to a `Cutout`;
            None where a file holds the images of many galaxies.
        read_row: From such a file, the row of an image and the bands that are wanted to a `Cutout`.

    What cannot be read must be a `CutoutError` with the reason, whatever is in the file.
    """

    extensions: tuple[str, ...]
    read: Callable[[Path, tuple[str, ...] | None], Cutout] | None = None
    read_row: Callable[[Path, int, tuple[str, ...] | None], Cutout] | None = None


FORMATS: Registry[Format] = Registry("cutout format", package=__name__)
"""The formats by name, each in a file of its own beside this one."""


def extensions() -> tuple[str, ...]:
    """Return the ends of the names of files that hold one cutout each, the best first."""
    return tuple(end for kind in FORMATS.values() if kind.read for end in kind.extensions)


def extension_of(name: str) -> str | None:
    """Return which of `extensions` a file name has, None for none of them."""
    return next((end for end in extensions() if name.lower().endswith(end)), None)


def format_of(path: str | Path) -> Format:
    """Return the format of a file by its name; FITS where the name does not tell."""
    name = Path(path).name.lower()
    return next((kind for kind in FORMATS.values() if name.endswith(kind.extensions)), FORMATS["fits"])


def survey_of(cutout: Cutout) -> str | None:
    """Return our name of the survey that a cutout's header names, None where it leaves that open."""
    known = recognise(cutout.survey, cutout.version)
    return known and known.name


def read_cutout(path: str | Path, row: int | None = None, bands: Sequence[str] | None = None) -> Cutout:
    """Read one cutout: a file of any of `FORMATS`, or row ``row`` of a file of many images.

    Args:
        path: The file.
        row: Which of many images.
        bands: The bands to read, in this order; by default those of the survey that the file names, or else all that
            the file names.

    Raises:
        CutoutError: It is no image, truncated, too large, of the wrong shape, mostly zero or not finite.
    """
    path = Path(path)
    bands = None if bands is None else tuple(bands)
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        raise CutoutError(f"not readable: {error.strerror}") from None
    if not regular:
        raise CutoutError("not a file")
    kind = format_of(path)
    if row is not None and kind.read_row is None:
        raise CutoutError("no image: the file holds no rows of images")
    if row is None and kind.read is None:
        raise CutoutError("no image: the file holds the images of many galaxies, each in a row")
    try:
        cutout = kind.read(path, bands) if row is None else kind.read_row(path, row, bands)
    except (GalkerasError, MemoryError):
        raise
    except Exception as error:  # Whatever a format's reader did not expect costs one galaxy, not the run.
        raise CutoutError(f"no image: {one_line(error)}") from None
    if cutout.pixel_scale is not None:
        check_scale(cutout.pixel_scale)
    _check_pixels(cutout)
    return cutout


def check_scale(scale: float) -> None:
    """Raise a `CutoutError` for a pixel scale that no image has."""
    if not 0 < scale < MAX_SCALE:
        raise CutoutError(f"wrong pixel scale: {scale:g} arcsec a pixel")


def check_size(height: int, width: int) -> None:
    """Raise a `CutoutError` for an image that is empty or larger than `MAX_SIDE` a side."""
    if max(height, width) > MAX_SIDE:
        raise CutoutError(f"too large: {height} x {width} pixels, at most {MAX_SIDE} a side")
    if min(height, width) < 1:
        raise CutoutError(f"wrong shape: {height} x {width} pixels")


def one_line(error: Exception) -> str:
    """Return what an exception says in one line of at most 200 characters."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def _check_pixels(cutout: Cutout) -> None:
    image = cutout.image
    if not np.isfinite(image).all():
        share = 100 * np.mean(~np.isfinite(image))
        raise CutoutError(f"not finite: {share:.1f} % of the pixels are NaN or infinite")
    if cutout.units == PICTURE:
        planes = (image[..., band] for band in range(image.shape[-1]))
        zero, what = np.mean(reduce(np.bitwise_or, planes) == 0), "the pixels are black"
    else:
        empty = image == 0
        # A mean over rows and columns takes nearly ten times as long.
        most = max(np.count_nonzero(empty[..., band]) for band in range(image.shape[-1]))
        zero, what = most / empty[..., 0].size, "a band's pixels are 0"
    if zero > _MAX_ZERO[cutout.units]:
        raise CutoutError(f"mostly zero: {100 * zero:.0f} % of {what}")
