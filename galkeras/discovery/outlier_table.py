"""The table that `outliers` writes, as others read it."""

__all__ = ["OutlierTable", "read_outliers"]

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from galkeras.discovery.findings import read_findings
from galkeras.discovery.outliers import TABLE
from galkeras.io.calls import Call

_TEXT = ("id", "survey", "because")
_NUMBERS = ("score", "sigma", "beyond_sigma")


@dataclass(frozen=True, eq=False)
class OutlierTable:
    """Galaxies, the most unusual first.

    Attributes:
        id: (rows,) names of the galaxies.
        survey: (rows,) where the image is from.
        score: (rows,) how unusual.
        because: (rows,) the rule that makes the score.
        sigma: (rows,) the largest distance of a latent from the sample's mean, in standard deviations.
        beyond_sigma: (rows,) 1 where that is beyond the threshold.
        threshold: That threshold, the paper's 8 by default.
        model: The digest of the model whose latents they are.
        call: How it was made, None where that was not written down yet.
    """

    id: np.ndarray
    survey: np.ndarray
    score: np.ndarray
    because: np.ndarray
    sigma: np.ndarray
    beyond_sigma: np.ndarray
    threshold: float
    model: str
    call: Call | None = None


def read_outliers(path: str | Path) -> OutlierTable:
    """Read a table that `outliers` wrote, or that in the folder which it wrote."""
    found = read_findings(path, TABLE, "outliers", "outliers", _TEXT, _NUMBERS)
    wanted = {name: found.columns[name] for name in (*_TEXT, *_NUMBERS)}
    return OutlierTable(**wanted, threshold=found.number("sigma"), model=found.model, call=found.call)
