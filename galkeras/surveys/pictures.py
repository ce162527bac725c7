"""Cutouts as people look at them: colour pictures and mosaics."""

__all__ = ["NANOMAGGY", "PICTURE", "mosaic", "save_mosaic", "to_rgb"]

from pathlib import Path

import numpy as np
from PIL import Image

from galkeras.io.files import atomic_path
from galkeras.surveys.facts import PIXEL_SCALE
from galkeras.surveys.image import NANOMAGGY, PICTURE

# The Legacy Surveys viewer's colours (dr2_rgb): scale a band, an offset and the asinh softening Q.
_SCALES = np.array([6.0, 3.4, 2.2], np.float32)
_OFFSET = 0.03
_Q = 20.0


def to_rgb(images: np.ndarray, units: str, pixel_scale: float | None = None) -> np.ndarray:
    """Return display pictures of cutouts, north up.

    Nanomaggies get the colours of the Legacy Surveys viewer (Lupton et al. 2004 asinh, dr2_rgb's constants at
    0.262 arcsec a pixel); pictures get back the planes they came with.

    Args:
        images: (..., height, width, 3) cutouts with bands g, r, z and row 0 south.
        units: `NANOMAGGY` or `PICTURE`.
        pixel_scale: arcsec a pixel, by which nanomaggies become surface brightness; None: the service's own.

    Returns:
        (..., height, width, 3) uint8 with planes R = z, G = r, B = g and row 0 north.
    """
    images = np.asarray(images, np.float32)[..., ::-1, :, :]
    if units == PICTURE:
        rgb = images / 255
    else:
        scaled = images * (_SCALES * (PIXEL_SCALE / (pixel_scale or PIXEL_SCALE)) ** 2) + _OFFSET
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
