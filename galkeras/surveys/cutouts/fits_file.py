"""Cutout files, byte for byte such as the Legacy Surveys' cutout service writes them."""

__all__ = ["cutout_bytes", "cutout_length"]

from collections.abc import Sequence

import numpy as np
from astropy.io import fits

from galkeras.surveys.facts import Survey
from galkeras.surveys.image import band_text

_BLOCK = 2880
_HEADER_BLOCKS = 1


def cutout_bytes(
    image: np.ndarray,
    survey: Survey,
    ra: float,
    dec: float,
    pixel_scale: float | None,
    origin: str | None = None,
    bands: Sequence[str] | None = None,
) -> bytes:
    """Return a FITS file of a (bands, size, size) image in nanomaggies centred at ``ra``, ``dec`` (degrees).

    ``bands`` are those of the survey unless others are given; ``pixel_scale`` is in arcsec, None where it is not
    known; ``origin`` is who made the image, where that is not the survey.
    """
    header = fits.Header()
    planes, height, width = image.shape
    bands = tuple(bands or survey.bands)
    header["SIMPLE"] = True, "file does conform to FITS standard"
    header["BITPIX"] = -32, "number of bits per data pixel"
    header["NAXIS"] = 3, "number of data axes"
    for axis, length in enumerate((width, height, planes), 1):
        header[f"NAXIS{axis}"] = length, f"length of data axis {axis}"
    header["EXTEND"] = True, "FITS dataset may contain extensions"
    header["SURVEY"] = survey.header
    header["VERSION"] = survey.version
    if origin is not None:
        header["ORIGIN"] = origin
    header["IMAGETYP"] = "image"
    header["BANDS"] = band_text(bands)
    for plane, band in enumerate(bands):
        header[f"BAND{plane}"] = band
    header["CTYPE1"] = "RA---TAN", "TANgent plane"
    header["CTYPE2"] = "DEC--TAN", "TANgent plane"
    header["CRVAL1"] = ra, "Reference RA"
    header["CRVAL2"] = dec, "Reference Dec"
    header["CRPIX1"] = (width + 1) / 2, "Reference x"
    header["CRPIX2"] = (height + 1) / 2, "Reference y"
    if pixel_scale is not None:
        degrees = pixel_scale / 3600
        for key, value in (("CD1_1", -degrees), ("CD1_2", 0.0), ("CD2_1", 0.0), ("CD2_2", degrees)):
            header[key] = value, "CD matrix"
    header["IMAGEW"] = float(width), "Image width"
    header["IMAGEH"] = float(height), "Image height"
    data = np.ascontiguousarray(image, ">f4").tobytes()
    return header.tostring().encode("ascii") + data + bytes(-len(data) % _BLOCK)


def cutout_length(size: int, bands: int) -> int:
    """Return the bytes of a whole cutout file of ``size`` x ``size`` pixels in so many bands."""
    data = bands * size * size * 4
    return _BLOCK * _HEADER_BLOCKS + data + -data % _BLOCK
