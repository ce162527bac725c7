"""Cutouts as people look at them: colour pictures and mosaics."""

__all__ = ["NANOMAGGY", "PICTURE", "mosaic", "save_mosaic", "shown_planes", "to_rgb"]

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from galkeras.io.files import atomic_path
from galkeras.surveys.facts import PIXEL_SCALE
from galkeras.surveys.image import BANDS, NANOMAGGY, PICTURE

# The Legacy Surveys viewer's colours (dr2_rgb): scale a band, an offset and the asinh softening Q.
_SCALES = np.array([6.0, 3.4, 2.2], np.float32)
_OFFSET = 0.03
_Q = 20.0


def shown_planes(images: np.ndarray, bands: Sequence[str] | None = None) -> np.ndarray:
    """Return the three planes of (..., band) images that are shown in blue, green and red.

    One band is grey. Of two, the mean is green. Of more than three they are g, r and z where ``bands`` has these, or
    else the first, the middle and the last.
    """
    count = images.shape[-1]
    if count == 3:
        return images
    if count == 2:
        return np.stack([images[..., 0], images.mean(-1), images[..., 1]], -1)
    if bands is not None and count > 1 and set(BANDS) <= set(bands):
        places = [list(bands).index(band) for band in BANDS]
    else:
        places = [0, (count - 1) // 2, count - 1]
    return images[..., places]


def to_rgb(
    images: np.ndarray, units: str, pixel_scale: float | None = None, bands: Sequence[str] | None = None
) -> np.ndarray:
    """Return display pictures of cutouts, north up.

    Nanomaggies get the colours of the Legacy Surveys viewer (Lupton et al. 2004 asinh, dr2_rgb's constants at
    0.262 arcsec a pixel); pictures get back the planes they came with.

    Args:
        images: (..., height, width, band) cutouts, the bluest band first and row 0 south.
        units: `NANOMAGGY` or `PICTURE`.
        pixel_scale: arcsec a pixel, by which nanomaggies become surface brightness; None: the service's own.
        bands: Their names, by which `shown_planes` chooses where there are more than three.

    Returns:
        (..., height, width, 3) uint8 with planes R = z, G = r, B = g (of g, r, z) and row 0 north.
    """
    single = np.shape(images)[-1] == 1
    images = shown_planes(np.asarray(images, np.float32)[..., ::-1, :, :], bands)
    if units == PICTURE:
        rgb = images / 255
    else:
        # One band three times is grey only if it is scaled alike.
        scales = _SCALES[1:2] if single else _SCALES
        scaled = images * (scales * (PIXEL_SCALE / (pixel_scale or PIXEL_SCALE)) ** 2) + _OFFSET
        intensity = np.maximum(scaled, 0).mean(-1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = np.arcsinh(_Q * intensity) / (np.sqrt(_Q) * intensity)
        rgb = scaled * np.where(intensity > 0, ratio, 0)
    return (np.nan_to_num(np.clip(rgb[..., ::-1], 0, 1)) * 255 + 0.5).astype(np.uint8)


def mosaic(pictures: np.ndarray, columns: int | None = None, gap: int = 2) -> np.ndarray:
    """Tile (count, height, width, 3) uint8 pictures row by row into one, ``gap`` white pixels apart.

    ``columns`` defaults to the side of the smallest square that holds them all.
    """
    count, height, width, _ = pictures.shape
    columns = columns or int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for index, picture in enumerate(pictures):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    return sheet


def save_mosaic(path: str | Path, pictures: np.ndarray, columns: int | None = None) -> None:
    """Write `mosaic` of ``pictures`` to an image file, atomically."""
    with atomic_path(path) as temporary:
        Image.fromarray(mosaic(pictures, columns)).save(temporary)
