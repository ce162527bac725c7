"""Cutouts as people look at them: colour pictures and mosaics."""

__all__ = ["NANOMAGGY", "PICTURE", "mosaic", "save_mosaic", "shown_planes", "to_rgb"]

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from galkeras.io.files import atomic_path
from galkeras.surveys.facts import PIXEL_SCALE
from galkeras.surveys.image import BANDS, NANOMAGGY, PICTURE

# The Legacy Surveys viewer's colours (dr2_rgb): scale a band, an offset and the asinh softening Q.
_SCALES = np.array([6.0, 3.4, 2.2], np.float32)
_OFFSET = 0.03
_Q = 20.0

# Height in pixels of the letters below a mosaic.
_LETTERS = 10


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


def save_mosaic(
    path: str | Path,
    pictures: np.ndarray,
    columns: int | None = None,
    names: Sequence[str] | None = None,
    legend: bool = True,
) -> None:
    """Write `mosaic` of ``pictures`` to an image file, atomically.

    Args:
        path: The file, a PNG.
        pictures: (count, height, width, 3) uint8 pictures.
        columns: How many in a row.
        names: What each picture is called: kept in the file as its text ``ids``, a line each.
        legend: Whether the names also stand below the mosaic, by row and column, both counted from 1.
    """
    sheet, notes = mosaic(pictures, columns), PngInfo()
    if names is not None:
        notes.add_itxt("ids", "\n".join(names))
        if legend:
            sheet = _with_legend(sheet, names, columns or int(np.ceil(np.sqrt(len(pictures)))))
    # No folder may be ours whose left-overs we could clear: of a kill the next run takes the same name.
    with atomic_path(path, alone=True) as temporary:
        Image.fromarray(sheet).save(temporary, pnginfo=notes)


def _with_legend(sheet: np.ndarray, names: Sequence[str], columns: int) -> np.ndarray:
    """Return a sheet with its pictures' names below it, as many in a line as there is room for."""
    font = ImageFont.load_default(_LETTERS)
    texts = [f"{place // columns + 1}.{place % columns + 1} {name}" for place, name in enumerate(names)]
    width = max(int(font.getlength(text)) for text in texts) + _LETTERS
    line = _LETTERS + 3
    across = max(1, sheet.shape[1] // width)
    page = Image.new("RGB", (max(sheet.shape[1], width), sheet.shape[0] + line * -(-len(texts) // across) + 4), "white")
    page.paste(Image.fromarray(sheet))
    draw = ImageDraw.Draw(page)
    for place, text in enumerate(texts):
        draw.text((place % across * width + 2, sheet.shape[0] + 2 + place // across * line), text, "black", font)
    return np.asarray(page)
