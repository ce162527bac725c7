"""Dark lobes of images, which two scripts count."""

import numpy as np

LOBE = -0.08
"""A stretched pixel in the central half that is darker is a dark lobe, far below the sky."""


def darkest(stretched: np.ndarray) -> np.ndarray:
    """Return the (count,) darkest pixels in the central half of stretched images."""
    half = slice(stretched.shape[1] // 4, 3 * stretched.shape[1] // 4)
    return np.asarray(stretched)[:, half, half].min((1, 2, 3))
