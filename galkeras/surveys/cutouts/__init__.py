"""Cutouts in every format that surveys hand out, read into one convention."""

__all__ = ["Cutout", "CutoutError", "EXTENSIONS", "open_images", "read_cutout", "survey_of"]

import re
import stat
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from astropy.io import fits
from PIL import Image

from galkeras.io.errors import GalkerasError
from galkeras.surveys.facts import BANDS
from galkeras.surveys.pictures import NANOMAGGY, PICTURE

EXTENSIONS = (".fits", ".fit", ".fits.fz", ".png", ".jpg", ".jpeg")
"""File names of cutouts, the best first."""

MAX_SIDE = 4096
"""Cutouts wider or higher than this many pixels are rejected unread."""

# Sky is never exactly zero in calibrated images, so zeros are pixels nobody observed. In pictures, dark sky is
# clipped to black: up to 13 % of the pixels in good SDSS pictures.
_MAX_ZERO = {NANOMAGGY: 0.2, PICTURE: 0.5}

# Planes that come along with images.
_NOT_IMAGES = ("invvar", "ivar", "mask", "weight", "psf", "model", "resid")


class CutoutError(GalkerasError):
    """A cutout that cannot be used; the message is the reason."""


@dataclass(frozen=True)
class Cutout:
    """An image of one galaxy.

    Attributes:
        image: (height, width, 3) with bands g, r, z and row 0 south; float32 nanomaggies or uint8 pictures.
        units: ``nanomaggy`` or ``picture``.
        pixel_scale: arcsec a pixel, None where the file does not say.
        survey: The header's SURVEY, None where the file does not say.
        version: The header's VERSION.
    """

    image: np.ndarray
    units: str
    pixel_scale: float | None = None
    survey: str | None = None
    version: str | None = None


def survey_of(cutout: Cutout) -> str | None:
    """Return our name of the survey that a cutout's header names, None where it leaves that open.

    VERSION tells: the service writes SURVEY = DECaLS for both halves of DR9, and ``DR9`` alone for a mixture that
    changes source with declination. Before DR8 there were no halves.
    """
    version, survey = (cutout.version or "").lower(), (cutout.survey or "").lower()
    if version.endswith("-south"):
        return "decals"
    if version.endswith("-north") or "bass" in survey or "mzls" in survey:
        return "bass-mzls"
    return "decals" if survey == "decals" and re.fullmatch(r"(dr[1-7]\b.*)?", version) else None


def read_cutout(path: str | Path, row: int | None = None) -> Cutout:
    """Read one cutout: FITS, PNG or JPEG, or row ``row`` of an HDF5 file of images.

    Raises:
        CutoutError: It is no image, truncated, too large, of the wrong shape, mostly zero or not finite.
    """
    path = Path(path)
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        raise CutoutError(f"not readable: {error.strerror}") from None
    if not regular:
        raise CutoutError("not a file")
    if row is not None:
        cutout = _read_row(path, row)
    elif path.suffix.lower() in (".png", ".jpg", ".jpeg"):
        cutout = _read_picture(path)
    else:
        cutout = _read_fits(path)
    _check_pixels(cutout)
    return cutout


def _check_size(height: int, width: int) -> None:
    if max(height, width) > MAX_SIDE:
        raise CutoutError(f"too large: {height} x {width} pixels, at most {MAX_SIDE} a side")
    if min(height, width) < 1:
        raise CutoutError(f"wrong shape: {height} x {width} pixels")


def _check_pixels(cutout: Cutout) -> None:
    image = cutout.image
    if not np.isfinite(image).all():
        share = 100 * np.mean(~np.isfinite(image))
        raise CutoutError(f"not finite: {share:.1f} % of the pixels are NaN or infinite")
    if cutout.units == PICTURE:
        zero, what = np.mean((image[..., 0] | image[..., 1] | image[..., 2]) == 0), "the pixels are black"
    else:
        zero, what = (image == 0).mean((0, 1)).max(), "a band's pixels are 0"
    if zero > _MAX_ZERO[cutout.units]:
        raise CutoutError(f"mostly zero: {100 * zero:.0f} % of {what}")


# --- pictures ---


def _read_picture(path: Path) -> Cutout:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Our own limit on pixels is below Pillow's.
            with Image.open(path, formats=("PNG", "JPEG")) as picture:
                width, height = picture.size
                _check_size(height, width)
                rgb = _rgb(picture)
    except CutoutError:
        raise
    except Image.DecompressionBombError:
        raise CutoutError(f"too large: at most {MAX_SIDE} pixels a side") from None
    except Image.UnidentifiedImageError:
        raise CutoutError("no image: neither PNG nor JPEG inside") from None
    except Exception as error:  # Decoders of hostile bytes fail in many ways.
        kind = "truncated" if "truncated" in str(error).lower() else "no image"
        raise CutoutError(f"{kind}: {_one_line(error)}") from None
    return Cutout(_from_rgb(rgb), PICTURE)


def _rgb(picture: Image.Image) -> np.ndarray:
    if picture.mode == "RGB":
        return np.asarray(picture)
    if picture.mode not in ("RGBA", "P"):
        raise CutoutError(f"wrong shape: a picture of mode {picture.mode}, not red, green and blue")
    pixels = np.asarray(picture.convert("RGBA"))
    if (pixels[..., 3] != 255).any():
        raise CutoutError("wrong shape: a picture with transparent pixels")
    return pixels[..., :3]


def _from_rgb(rgb: np.ndarray) -> np.ndarray:
    """Planes R = z, G = r, B = g with row 0 north become g, r, z with row 0 south."""
    cutout = np.empty_like(rgb)
    # Plane by plane, because numpy copies a reversed last axis pixel by pixel.
    for band in range(3):
        cutout[..., band] = rgb[::-1, :, 2 - band]
    return cutout


# --- FITS ---


def _read_fits(path: Path) -> Cutout:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", message=".*may have been truncated.*")
            with fits.open(path, memmap=False, lazy_load_hdus=True) as hdus:
                headers, planes = _fits_planes(hdus)
    except CutoutError:
        raise
    except Warning:
        raise CutoutError("truncated: the file ends before its pixels do") from None
    except Exception as error:  # Decoders of hostile bytes fail in many ways.
        kind = "truncated" if "too small" in str(error) else "no image"
        raise CutoutError(f"{kind}: {_one_line(error)}") from None
    with np.errstate(over="ignore"):
        image = np.stack([planes[band] for band in BANDS], -1).astype(np.float32)
    if _first(headers, "CD2_2", "CDELT2", default=1) < 0:
        image = np.ascontiguousarray(image[::-1])
    return Cutout(image, NANOMAGGY, _pixel_scale(headers), _text(headers, "SURVEY"), _text(headers, "VERSION"))


def _fits_planes(hdus: fits.HDUList) -> tuple[list[fits.Header], dict[str, np.ndarray]]:
    """Return the headers to ask, the image's first, and a plane for each band."""
    primary = hdus[0].header
    planes: dict[str, np.ndarray] = {}
    headers = [primary]
    for hdu in _image_hdus(hdus):
        header, shape = hdu.header, hdu.shape
        units = str(header.get("BUNIT", "")).strip().lower()
        if units and not units.startswith(("nanomagg", "nmgy")):
            raise CutoutError(f"wrong units: BUNIT is {units!r}, not nanomaggy")
        _check_size(*shape[-2:])
        if len(shape) == 3:
            bands = str(header.get("BANDS", primary.get("BANDS", "grz"))).strip().lower()
            if len(bands) != shape[0] or shape[0] > 16:
                raise CutoutError(f"wrong shape: {shape[0]} planes for bands {bands!r}")
            found = dict(zip(bands, range(shape[0]), strict=True))
            _need_bands(found)
            data = hdu.data
            return [header, *headers], {band: data[found[band]] for band in BANDS}
        band = str(header.get("BAND", header.get("FILTER", ""))).strip().lower()
        if band in BANDS and band not in planes:
            planes[band] = hdu.data
            headers.insert(0, header)
    if not planes:
        raise CutoutError("no image: no image of bands g, r, z in the file")
    _need_bands(planes)
    if len({plane.shape for plane in planes.values()}) > 1:
        raise CutoutError("wrong shape: the bands differ in size")
    return headers, planes


def _image_hdus(hdus: fits.HDUList) -> Iterator[Any]:
    for hdu in hdus:
        kind = f"{hdu.header.get('IMAGETYP', '')} {hdu.header.get('IMTYPE', '')} {hdu.name}".lower()
        if hdu.is_image and len(hdu.shape) in (2, 3) and not any(word in kind for word in _NOT_IMAGES):
            yield hdu


def _need_bands(found) -> None:
    missing = [band for band in BANDS if band not in found]
    if missing:
        raise CutoutError(f"wrong shape: band {', '.join(missing)} is missing, the file has {', '.join(found)}")


def _pixel_scale(headers: list[fits.Header]) -> float | None:
    """Return arcsec a pixel from the area of a pixel in the WCS."""
    if "CD1_1" in headers[0]:
        matrix = [[_number(headers, f"CD{i}_{j}", 0.0) for j in (1, 2)] for i in (1, 2)]
    elif "CDELT1" in headers[0]:
        matrix = [
            [_number(headers, f"CDELT{i}", 0.0) * _number(headers, f"PC{i}_{j}", float(i == j)) for j in (1, 2)]
            for i in (1, 2)
        ]
    else:
        return None
    scale = 3600 * float(np.sqrt(abs(np.linalg.det(matrix))))
    # To a microarcsecond: the headers' decimals stop there, and equal scales should compare equal.
    return round(scale, 6) if np.isfinite(scale) and scale > 0 else None


def _first(headers: list[fits.Header], *names: str, default: Any = None) -> Any:
    return next((header[name] for name in names for header in headers if name in header), default)


def _number(headers: list[fits.Header], name: str, default: float) -> float:
    value = _first(headers[:1], name, default=default)
    return float(value) if isinstance(value, int | float) else default


def _text(headers: list[fits.Header], name: str) -> str | None:
    return str(_first(headers, name, default="")).strip() or None


# --- HDF5 ---


def open_images(path: Path, file: h5py.File) -> h5py.Dataset:
    """Return the images of an HDF5 file, (count, height, width, 3) uint8 or (count, 3, height, width) floats."""
    images = file.get("images")
    if not isinstance(images, h5py.Dataset):
        raise GalkerasError(f"{path} holds no dataset 'images'. It has: {', '.join(list(file)[:10])}")
    if images.external or images.is_virtual:
        raise GalkerasError(f"{path}: its images are kept in other files, which is not supported")
    good = images.ndim == 4 and (images.shape[3] == 3 if images.dtype == np.uint8 else 3 in images.shape[1::2])
    if not good or images.dtype.kind not in "uf" or (images.dtype.kind == "u" and images.dtype != np.uint8):
        raise GalkerasError(
            f"{path}: images must be (count, height, width, 3) uint8 or (count, 3, height, width) floats."
            f" Received: {images.shape} {images.dtype}"
        )
    return images


@lru_cache(maxsize=1)
def _opened(path: Path, modified: int) -> h5py.Dataset:
    try:
        return open_images(path, h5py.File(path, "r"))
    except OSError as error:
        raise CutoutError(f"no image: {_one_line(error)}") from None


def _read_row(path: Path, row: int) -> Cutout:
    images = _opened(path, path.stat().st_mtime_ns)
    if not 0 <= row < len(images):
        raise CutoutError(f"no image: row {row} of {len(images)}")
    planes_first = images.shape[1] == 3 and images.dtype != np.uint8
    _check_size(*(images.shape[2:] if planes_first else images.shape[1:3]))
    try:
        image = images[row]
    except (OSError, ValueError) as error:
        raise CutoutError(f"truncated: {_one_line(error)}") from None
    if images.dtype == np.uint8:
        return Cutout(_from_rgb(image), PICTURE)
    image = np.moveaxis(image, 0, -1) if planes_first else image
    with np.errstate(over="ignore"):
        return Cutout(np.ascontiguousarray(image, np.float32), NANOMAGGY)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
