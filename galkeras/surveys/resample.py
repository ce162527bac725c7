"""Cutouts to another size: cropped around the centre, or resampled so that flux is conserved."""

__all__ = ["crop", "overlaps", "rebin"]

from functools import lru_cache

import numpy as np

from galkeras.surveys.pictures import NANOMAGGY


def crop(image: np.ndarray, side: int) -> np.ndarray:
    """Return the central ``side`` x ``side`` pixels of a (height, width, band) image.

    Where the parities differ, the centre is half a pixel off: the extra row and column taken are the southern
    and the left one.
    """
    top, left = ((size - side) // 2 for size in image.shape[:2])
    return image[top : top + side, left : left + side]


@lru_cache(maxsize=8)
def overlaps(old: int, new: int, width: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return which of ``old`` pixels overlap each of ``new`` pixels on the same line, and by how much.

    Both are (new, taps): indices of old pixels, and the share of each that lies in the new one. The shares of
    an old pixel sum to 1: what it holds is given out whole. For an integer ratio this is block summing. The new pixels
    cover the central ``width`` old ones, which need not be a whole number; by default all.
    """
    width = old if width is None else width
    edges = (old - width) / 2 + np.arange(new + 1) * (width / new)
    taps = int(np.ceil(width / new)) + 1
    pixels = np.floor(edges[:-1, None]).astype(int) + np.arange(taps)
    shares = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    shares = np.where((pixels >= 0) & (pixels < old), np.clip(shares, 0, 1), 0)
    return np.clip(pixels, 0, old - 1), shares


def rebin(image: np.ndarray, side: int, units: str, width: float | None = None) -> np.ndarray:
    """Resample a square (size, size, band) image to ``side`` x ``side`` by exact areas of overlap.

    Nanomaggies are flux a pixel, so they are summed and the total flux stays. Pictures are brightness, so they
    are averaged, and rounded where they are stored as integers.

    Args:
        image: The image; with ``width`` it need not be square.
        side: Side of the result in pixels.
        units: Of the pixels, `NANOMAGGY` or another.
        width: Side of the central square that is taken, in pixels of ``image``, not always a whole number; by default
            all.
    """
    size = image.shape[0]
    if width is None:
        if side == size:
            return image
        width = size
    # Sums in a fixed order, not matrix products: their last bits would depend on the machine's number of threads.
    pixels, shares = overlaps(size, side, width)
    half = sum(shares[:, k, None, None] * image[pixels[:, k]] for k in range(pixels.shape[1]))
    pixels, shares = overlaps(image.shape[1], side, width)
    result = sum(shares[:, k, None] * half[:, pixels[:, k]] for k in range(pixels.shape[1]))
    if units != NANOMAGGY:
        result *= (side / width) ** 2
    if image.dtype == np.uint8:
        return np.clip(np.rint(result), 0, 255).astype(np.uint8)
    return result.astype(image.dtype)
