"""Flaws of an image that are no galaxy: straight streaks in one band, and pixels nobody observed."""

__all__ = ["ARTIFACTS", "artifact_scores", "empty_scores", "streak_scores"]

from functools import lru_cache

import numpy as np
from scipy import sparse

from galkeras.surveys.pictures import PICTURE

ARTIFACTS = ("streak", "empty")
"""What `artifact_scores` measures."""

# A streak is summed along lines this far apart in pixels and in angle; a coarser image makes it stand out more.
_SPACING = 1.5
_ANGLES = 36
_SIDE = 64
# A pixel counts for at most this many times the noise: a star weighs no more than a few pixels of a streak.
_CLIP = 5.0
# The least noise that is believed, by which the black sky of pictures does not divide by zero.
_FLOOR = {PICTURE: 1.0}


def artifact_scores(images: np.ndarray, units: str) -> dict[str, np.ndarray]:
    """Score how flawed images are, without a model.

    Args:
        images: (rows, side, side, band) cutouts.
        units: ``nanomaggy`` or ``picture``.

    Returns:
        ``streak``: (rows,) the brightest straight line through the image that is in one band and not in the
        others, in standard deviations of noise: satellites and aeroplanes, which cross one exposure of one band.
        ``empty``: (rows,) the largest share of a band's pixels that are exactly zero: chip edges. It is 0 for
        pictures, where dark sky is black too.
    """
    return {"streak": streak_scores(images, units), "empty": empty_scores(images, units)}


def streak_scores(images: np.ndarray, units: str) -> np.ndarray:
    """Return ``streak`` of `artifact_scores`."""
    return _streaks(_coarser(np.asarray(images, np.float32)), _FLOOR.get(units, 1e-6))


def empty_scores(images: np.ndarray, units: str) -> np.ndarray:
    """Return ``empty`` of `artifact_scores`."""
    images = np.asarray(images, np.float32)
    return np.zeros(len(images)) if units == PICTURE else (images == 0).mean((1, 2)).max(-1)


def _coarser(images: np.ndarray) -> np.ndarray:
    """Average blocks of pixels so that the side is `_SIDE` or less than twice that."""
    rows, side, _, bands = images.shape
    block = max(1, side // _SIDE)
    side = side // block
    cut = images[:, : side * block, : side * block]
    return cut.reshape(rows, side, block, side, block, bands).mean((2, 4))


def _streaks(images: np.ndarray, floor: float) -> np.ndarray:
    rows, side, _, bands = images.shape
    # The stretch keeps the galaxy's own colour gradient from drowning what is faint.
    pixels = np.arcsinh(_in_noise(images.reshape(rows, -1, bands), floor))
    odd = np.clip(_in_noise(_one_band_alone(pixels), 1e-6), -_CLIP, _CLIP)
    odd -= odd.mean(1, keepdims=True)
    sums = _lines(side) @ odd.transpose(1, 0, 2).reshape(side * side, -1)
    return sums.max(0).reshape(rows, bands).max(-1)


def _in_noise(pixels: np.ndarray, floor: float) -> np.ndarray:
    """Return (rows, pixels, bands) about the median, in units of the noise by the median absolute deviation."""
    pixels = pixels - np.median(pixels, 1, keepdims=True)
    return pixels / np.maximum(1.4826 * np.median(np.abs(pixels), 1, keepdims=True), floor)


def _one_band_alone(pixels: np.ndarray) -> np.ndarray:
    """Return what is left of each band after the best linear fit of the others, image by image.

    With the precision matrix P of the bands, the residual of band b is (x P)_b / P_bb.
    """
    covariance = np.einsum("npi,npj->nij", pixels, pixels, dtype=np.float64)
    bands = covariance.shape[-1]
    scale = np.maximum(np.trace(covariance, axis1=1, axis2=2), 1e-12)[:, None, None]
    precision = np.linalg.inv(covariance / scale + 1e-6 * np.eye(bands))
    own = np.einsum("nii->ni", precision)[:, None]
    return (pixels @ precision.astype(np.float32)) / own.astype(np.float32)


@lru_cache(maxsize=4)
def _lines(side: int) -> sparse.csr_matrix:
    """Return the (lines, pixels) matrix that sums along straight lines, each over the root of its pixels.

    Lines shorter than half the side are left out: through a corner, they are as short as a star is wide.
    """
    offset = np.arange(side) - (side - 1) / 2
    y, x = np.meshgrid(offset, offset, indexing="ij")
    families = []
    for angle in np.pi * np.arange(_ANGLES) / _ANGLES:
        line = np.rint((np.cos(angle) * x + np.sin(angle) * y) / _SPACING).astype(int).ravel()
        line -= line.min()
        families.append(sparse.csr_matrix((np.ones(side * side, np.float32), (line, np.arange(side * side)))))
    lines = sparse.vstack(families).tocsr()
    length = np.asarray(lines.sum(1)).ravel()
    long = length >= 0.5 * side * _SPACING
    return (sparse.diags(1 / np.sqrt(length[long])) @ lines[long]).tocsr().astype(np.float32)
