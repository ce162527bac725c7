"""The table that `outliers` writes, as others read it."""

__all__ = ["OutlierTable", "read_outliers"]

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from galkeras.discovery.outliers import TABLE
from galkeras.io.calls import Call
from galkeras.io.columns import read_columns
from galkeras.io.errors import GalkerasError
from galkeras.io.typed import from_json

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
    path = Path(path)
    path = path / TABLE if path.is_dir() or not path.suffix else path
    columns, metadata = read_columns(path, strings=("id", "survey", "because"))
    if metadata.get("table") != "outliers":
        raise GalkerasError(f"{path} is no table of outliers: its metadata say {metadata.get('table')!r}")
    wanted = ("id", "survey", "because", *_NUMBERS)
    for name in wanted:
        if name not in columns or (name in _NUMBERS and columns[name].dtype.kind not in "iuf"):
            raise GalkerasError(f"{path} has no column {name!r} as `galkeras outliers` writes it")
    threshold = metadata.get("sigma")
    if not isinstance(threshold, int | float):
        raise GalkerasError(f"{path}: its metadata must name `sigma`. Received: {threshold!r}")
    try:
        call = from_json(Call | None, metadata.get("call"), "call")
    except ValueError as error:
        raise GalkerasError(f"{path} is no table of outliers: {error}") from None
    return OutlierTable(
        **{name: columns[name] for name in wanted},
        threshold=float(threshold),
        model=str(metadata.get("model")),
        call=call,
    )
