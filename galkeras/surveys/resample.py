"""Cutouts to another size: cropped around the centre, or resampled so that flux is conserved."""

__all__ = ["crop", "overlaps", "rebin"]

from functools import lru_cache

import numpy as np

from galkeras.surveys.pictures import NANOMAGGY


def crop(image: np.ndarray, side: int) -> np.ndarray:
    """Return the central ``side`` x ``side`` pixels of a (height, width, band) image.

    Where the parities differ the centre moves by half a pixel, north and east of it are kept one shorter.
    """
    top, left = ((size - side) // 2 for size in image.shape[:2])
    return image[top : top + side, left : left + side]


@lru_cache(maxsize=8)
def overlaps(old: int, new: int) -> np.ndarray:
    """Return the (new, old) matrix of how much of each old pixel lies in each new one.

    Columns sum to 1: what an old pixel holds is shared out whole. For an integer ratio this is block summing.
    """
    edges = np.arange(new + 1) * (old / new)
    low, high = edges[:-1, None], edges[1:, None]
    pixels = np.arange(old)
    weights = np.clip(np.minimum(high, pixels + 1) - np.maximum(low, pixels), 0, 1)
    return weights / weights.sum(0)


def rebin(image: np.ndarray, side: int, units: str) -> np.ndarray:
    """Resample a square (size, size, band) image to ``side`` x ``side`` by exact areas of overlap.

    Nanomaggies are flux a pixel, so they are summed and the total flux stays. Pictures are brightness, so they
    are averaged, and rounded where they are stored as integers.
    """
    size = image.shape[0]
    if side == size:
        return image
    weights = overlaps(size, side)
    result = np.einsum("ij,jkb->ikb", weights, image, optimize=True)
    result = np.einsum("ikb,lk->ilb", result, weights, optimize=True)
    if units != NANOMAGGY:
        result *= (side / size) ** 2
    if image.dtype == np.uint8:
        return np.clip(np.rint(result), 0, 255).astype(np.uint8)
    return result.astype(image.dtype)
