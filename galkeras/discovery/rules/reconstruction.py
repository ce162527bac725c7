"""The error of the reconstruction, as the latent table has it."""

__all__: list[str] = []

import numpy as np

from galkeras.discovery.rules import RULES, Rule
from galkeras.latents.table import LatentTable


def _error(table: LatentTable) -> np.ndarray | None:
    mse = table.reconstruction_mse
    return mse.astype(np.float64) if np.isfinite(mse).all() else None


RULES.add("reconstruction_mse", Rule(latents=_error), order=2)
