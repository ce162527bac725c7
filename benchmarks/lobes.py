"""What scripts share: latent tables of features that no model of galkeras made, and dark lobes of images."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from galkeras.latents.table import LatentTable

LOBE = -0.08
"""A stretched pixel in the central half that is darker is a dark lobe, far below the sky."""


def darkest(stretched: np.ndarray) -> np.ndarray:
    """Return the (count,) darkest pixels in the central half of stretched images."""
    half = slice(stretched.shape[1] // 4, 3 * stretched.shape[1] // 4)
    return np.asarray(stretched)[:, half, half].min((1, 2, 3))


def feature_table(batches: Sequence[dict[str, Any]], survey: str, z: np.ndarray, name: str) -> LatentTable:
    """Return the table of (galaxies, n) features ``z`` of the galaxies in batches of `ordered_dataset`, in order."""
    columns = {key: np.concatenate([batch[key] for batch in batches]) for key in ("id", "split", "ra", "dec")}
    unknown = np.full(len(z), np.nan, np.float32)
    return LatentTable(
        id=columns["id"].astype(str),
        ra=columns["ra"],
        dec=columns["dec"],
        survey=np.full(len(z), survey),
        split=columns["split"].astype(str),
        z=z.astype(np.float32),
        log_var=np.zeros_like(z, np.float32),
        reconstruction_mse=unknown,
        ssim=unknown,
        model=name,
    )
