"""FITS cutouts: a cube of bands, or an image for each band."""

__all__ = ["read_fits"]

import io
import re
import warnings
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from astropy.io import fits

from galkeras.io.errors import GalkerasError
from galkeras.surveys.cutouts import FORMATS, Cutout, CutoutError, Format, check_size, one_line
from galkeras.surveys.cutouts._apart import apart, inside
from galkeras.surveys.cutouts._plain_fits import plain_image
from galkeras.surveys.facts import Survey, recognise
from galkeras.surveys.image import BANDS, NANOMAGGY, band_text, bands_of, in_order, is_band
from galkeras.surveys.position import wcs_cards

# Planes that come along with images.
_NOT_IMAGES = ("invvar", "ivar", "mask", "weight", "psf", "model", "resid")
_MOST_PLANES = 16
# How files begin that are compressed as a whole, which astropy would unpack without asking how large they are.
_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7z": "lzma"}

# Headers are cards of so many bytes.
_CARD, _CARDS = 80, 1 << 14
# Cards that count, at most 999 by the standard, and how they begin.
_COUNT = re.compile(rb"(naxis|tfields) *= *\+?(\d+)", re.IGNORECASE)
_COUNTS = np.frombuffer(b"naxistfiel", np.uint8).reshape(-1, 5)
_MOST_COUNTED = 999


def read_fits(file: BinaryIO, bands: tuple[str, ...] | None) -> Cutout:
    """Return what an open FITS file shows, whatever its pixels are worth; trouble is a `CutoutError`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", message=".*may have been truncated.*")
            return _read_open(file, bands)
    except (CutoutError, MemoryError):
        raise
    except Warning:
        raise CutoutError("truncated: the file ends before its pixels do") from None
    except Exception as error:  # Decoders of hostile bytes fail in many ways.
        kind = "truncated" if "too small" in str(error) else "no image"
        raise CutoutError(f"{kind}: {one_line(error)}") from None


class _Risky(CutoutError):
    """The file is compressed: reading it runs decoders of C on what it says, and may unpack to anything."""

    def __init__(self) -> None:
        super().__init__("no image: it is compressed, which is taken from files on disk alone")


def _read_open(file: BinaryIO, bands: tuple[str, ...] | None) -> Cutout:
    plain = file.read(6) == b"SIMPLE"
    file.seek(0)
    if not plain:
        if not inside():
            raise _Risky
        file = _unpacked(file)
    plain = plain_image(file)
    if plain is not None:
        headers, bands, planes = _fits_planes([plain], bands)
    else:
        file.seek(0)
        _check_counts(file)
        with fits.open(file, memmap=False, lazy_load_hdus=True) as hdus:
            headers, bands, planes = _fits_planes(hdus, bands)
    with np.errstate(over="ignore"):
        image = np.stack(planes, -1).astype(np.float32)
    if _number(headers, "CD2_2" if "CD2_2" in headers[0] else "CDELT2", 1) < 0:
        image = np.ascontiguousarray(image[::-1])
    survey, version = _text(headers, "SURVEY"), _text(headers, "VERSION")
    return Cutout(image, NANOMAGGY, _pixel_scale(headers), survey, version, bands, wcs_cards(headers[0]))


def _read_fits(path: Path, bands: tuple[str, ...] | None) -> Cutout:
    try:
        # Given a path, astropy leaves a damaged file open.
        with open(path, "rb") as file:
            return read_fits(file, bands)
    except _Risky:
        return apart(path, bands)
    except OSError as error:
        raise CutoutError(f"no image: {one_line(error)}") from None


def _check_counts(file: BinaryIO) -> None:
    """Refuse more axes, or columns of a table, than the standard allows: astropy makes a list of all there are said."""
    while block := file.read(_CARD * _CARDS):
        cards = np.frombuffer(block[: len(block) // _CARD * _CARD], np.uint8).reshape(-1, _CARD)
        start = cards[:, :5] | 0x20  # in lower case
        for row in np.flatnonzero((start[:, None] == _COUNTS).all(-1).any(-1)):
            said = _COUNT.match(cards[row].tobytes())
            if said and len(said[2].lstrip(b"0")) > len(str(_MOST_COUNTED)):
                raise CutoutError(f"no image: {said[1].decode().upper()} is more than {_MOST_COUNTED}")
    file.seek(0)


def _unpacked(file: BinaryIO) -> BinaryIO:
    """Return a file whose whole is compressed as plain bytes, unless these are too many."""
    start = file.read(3)
    file.seek(0)
    module = next((module for mark, module in _PACKED.items() if start.startswith(mark)), None)
    if module is None:
        return file
    data, packed = io.BytesIO(), import_module(module).open(file)
    while part := packed.read(1 << 20):
        data.write(part)  # Where this process may take no more, it is a MemoryError.
    data.seek(0)
    return data


def _fits_planes(
    hdus: fits.HDUList, wanted: tuple[str, ...] | None
) -> tuple[list[fits.Header], tuple[str, ...], list[np.ndarray]]:
    """Return the headers to ask, the image's first, the bands, and a plane for each."""
    primary = hdus[0].header
    found: dict[str, Any] = {}
    for hdu in _image_hdus(hdus):
        header, shape = hdu.header, hdu.shape
        if isinstance(hdu, fits.CompImageHDU) and not inside():
            raise _Risky
        units = str(header.get("BUNIT", "")).strip().lower()
        if units and not units.startswith(("nanomagg", "nmgy")):
            raise CutoutError(f"wrong units: BUNIT is {units!r}, not nanomaggy")
        check_size(*shape[-2:])
        headers = [header] if header is primary else [header, primary]
        if len(shape) == 3:
            held = _bands_of_cube(headers, shape[0], wanted)
            bands = _chosen(held, wanted, _survey(headers))
            data = hdu.data
            return headers, bands, [data[held.index(band)] for band in bands]
        band = str(header.get("BAND", header.get("FILTER", ""))).strip().lower()
        if not band and wanted is not None and len(wanted) == 1:
            band = wanted[0]
        if is_band(band) and band not in found and len(found) < _MOST_PLANES and (wanted is None or band in wanted):
            found[band] = hdu
    if not found:
        raise CutoutError(f"no image: no image of bands {', '.join(wanted or BANDS)} in the file")
    headers = [*(hdu.header for hdu in found.values()), primary]
    bands = _chosen(in_order(found), wanted, _survey(headers))
    if len({found[band].shape for band in bands}) > 1:
        raise CutoutError("wrong shape: the bands differ in size")
    headers = [*(hdu.header for band, hdu in reversed(found.items()) if band in bands), primary]
    return headers, bands, [found[band].data for band in bands]


def _bands_of_cube(headers: list[fits.Header], planes: int, wanted: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the bands of a cube: those of BANDS, or else those that are wanted or the survey's if they are as many."""
    text = _text(headers, "BANDS")
    if text is not None:
        try:
            bands = bands_of(text)
        except GalkerasError:
            raise CutoutError(f"wrong shape: {planes} planes for bands {text.lower()!r}") from None
    else:
        survey = _survey(headers)
        likely = (wanted, survey and tuple(survey.bands), BANDS)
        bands = next((bands for bands in likely if bands and len(bands) == planes), BANDS)
    if len(bands) != planes:
        raise CutoutError(f"wrong shape: {planes} planes for bands {band_text(bands)!r}")
    return bands


def _chosen(held: Iterable[str], wanted: tuple[str, ...] | None, survey: Survey | None) -> tuple[str, ...]:
    """Return the bands that are wanted, or else those of the survey, or else all that are held."""
    held = tuple(held)
    bands = wanted or (tuple(survey.bands) if survey else in_order(held))
    missing = [band for band in bands if band not in held]
    if missing:
        raise CutoutError(f"wrong shape: band {', '.join(missing)} is missing, the file has {', '.join(held)}")
    return bands


def _survey(headers: list[fits.Header]) -> Survey | None:
    return recognise(_text(headers, "SURVEY"), _text(headers, "VERSION"))


def _image_hdus(hdus: fits.HDUList) -> Iterator[Any]:
    for hdu in hdus:
        kind = f"{hdu.header.get('IMAGETYP', '')} {hdu.header.get('IMTYPE', '')} {hdu.name}".lower()
        if hdu.is_image and len(hdu.shape) in (2, 3) and not any(word in kind for word in _NOT_IMAGES):
            yield hdu


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
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CutoutError(f"wrong header: {name} is {value!r:.40}, not a number")
    return float(value)


def _text(headers: list[fits.Header], name: str) -> str | None:
    return str(_first(headers, name, default="")).strip() or None


FORMATS.add("fits", Format((".fits", ".fit", ".fits.fz"), _read_fits), order=0)
