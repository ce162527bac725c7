"""Cutouts of something else: the brightest source is far from the centre, where the catalog puts the galaxy."""

__all__: list[str] = []

import numpy as np
from scipy.ndimage import gaussian_filter

from galkeras.discovery.rules import RULES, Rule

# Wide enough that a hot pixel is no source, and narrow enough that two galaxies stay two.
_WIDTH = 0.03
# A galaxy in a hundred has its brightest source halfway to the edge at least: a bright star does that to any cutout.
_LEAST = 0.5


def _distances(images: np.ndarray, units: str) -> np.ndarray:
    """Return (rows,) how far from the centre the light of all bands is brightest, in half sides of the image.

    The light is smoothed by a Gaussian of 3 % of the side. Of equal peaks, as where a picture is saturated, the nearest
    to the centre counts, so that the large and bright galaxy in the middle is where it is.
    """
    images = np.asarray(images, np.float32)
    rows, side = images.shape[:2]
    light = gaussian_filter(images.sum(-1), (0, _WIDTH * side, _WIDTH * side)).reshape(rows, -1)
    offset = np.arange(side) - (side - 1) / 2
    distance = np.hypot(*np.meshgrid(offset, offset, indexing="ij")).ravel() / (side / 2)
    nearest_first = np.argsort(distance, kind="stable")
    return distance[nearest_first[light[:, nearest_first].argmax(1)]]


RULES.add("off-centre", Rule(images=_distances, least=_LEAST), order=5)
