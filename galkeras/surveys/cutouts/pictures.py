"""PNG and JPEG cutouts: pictures whose red, green and blue are three bands, or grey ones of one band."""

__all__ = ["cutout_of", "decoded", "from_rgb"]

import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from galkeras.surveys.cutouts import FORMATS, Cutout, CutoutError, Format, check_size, one_line
from galkeras.surveys.image import BANDS, MAX_SIDE, PICTURE, band_text


def decoded(source: Path | BinaryIO, bands: tuple[str, ...] | None) -> Cutout:
    """Return the cutout in a PNG or JPEG file; whatever else is in it is a `CutoutError`."""
    bands = bands or BANDS
    if len(bands) not in (1, 3):
        raise CutoutError(f"wrong shape: a picture shows one band or three, not {band_text(bands)}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Our own limit on pixels is below Pillow's.
            with Image.open(source, formats=("PNG", "JPEG")) as picture:
                return cutout_of(picture, bands)
    except CutoutError:
        raise
    except Image.DecompressionBombError:
        raise CutoutError(f"too large: at most {MAX_SIDE} pixels a side") from None
    except Image.UnidentifiedImageError:
        raise CutoutError("no image: neither PNG nor JPEG inside") from None
    except Exception as error:  # Decoders of hostile bytes fail in many ways.
        kind = "truncated" if "truncated" in str(error).lower() else "no image"
        raise CutoutError(f"{kind}: {one_line(error)}") from None


def cutout_of(picture: Image.Image, bands: tuple[str, ...]) -> Cutout:
    """Return a picture, whose first row is north, as a cutout of so many bands."""
    width, height = picture.size
    check_size(height, width)
    planes = _rgb(picture) if len(bands) == 3 else _grey(picture)
    return Cutout(from_rgb(planes), PICTURE, bands=bands)


def _rgb(picture: Image.Image) -> np.ndarray:
    if picture.mode == "RGB":
        return np.asarray(picture)
    if picture.mode not in ("RGBA", "P"):
        raise CutoutError(f"wrong shape: a picture of mode {picture.mode}, not red, green and blue")
    pixels = np.asarray(picture.convert("RGBA"))
    if (pixels[..., 3] != 255).any():
        raise CutoutError("wrong shape: a picture with transparent pixels")
    return pixels[..., :3]


def _grey(picture: Image.Image) -> np.ndarray:
    if picture.mode != "L":
        raise CutoutError(f"wrong shape: a picture of mode {picture.mode}, not grey as that of one band")
    return np.asarray(picture)[..., None]


def from_rgb(rgb: np.ndarray) -> np.ndarray:
    """Turn planes from the reddest to the bluest with row 0 north to the bluest first with row 0 south."""
    cutout = np.empty_like(rgb)
    # Plane by plane, because numpy copies a reversed last axis pixel by pixel.
    bands = rgb.shape[-1]
    for band in range(bands):
        cutout[..., band] = rgb[::-1, :, bands - 1 - band]
    return cutout


FORMATS.add("picture", Format((".png", ".jpg", ".jpeg"), decoded), order=1)
