"""Galaxies and those most like them: where a model's galaxies lie among its latents, place by place."""

__all__ = ["NEIGHBOURS", "Neighbourhoods", "galaxy_neighbourhoods"]

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from galkeras.io.errors import GalkerasError
from galkeras.io.text import counted
from galkeras.latents.mixture import FEWEST
from galkeras.latents.table import LatentTable

NEIGHBOURS = 5
"""Nearest others of a galaxy that span its neighbourhood. See ``docs/generate.md`` for what more and fewer give."""


@dataclass(frozen=True, eq=False)
class Neighbourhoods:
    """Galaxies and their nearest others: between them lie latents that the decoder has learned to draw.

    Few galaxies cannot say how density runs through 40 dimensions, but they say where galaxies are: a smoothed
    bootstrap with the covariance of each place (compare SMOTE, Chawla et al. 2002).

    Attributes:
        z: (galaxies, latent_dim) posterior means.
        nearest: (galaxies, 1 + others) rows of each galaxy and its nearest others.
    """

    z: np.ndarray
    nearest: np.ndarray

    @property
    def galaxies(self) -> int:
        """How many galaxies they are of."""
        return len(self.z)

    def sample(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Draw (count, latent_dim) float32 latents, each from the normal of the mean and covariance of one place."""
        around = self.z[self.nearest[rng.integers(len(self.z), size=count)]]
        middle = around.mean(1)
        weights = rng.standard_normal(around.shape[:2]) / np.sqrt(around.shape[1] - 1)
        return (middle + np.einsum("ij,ijk->ik", weights, around - middle[:, None])).astype(np.float32)

    def describe(self) -> str:
        """Return what they are of, in words."""
        return f"between {self.galaxies:,} galaxies and their nearest {self.nearest.shape[1] - 1}"

    def to_json(self) -> dict[str, Any]:
        """Return what they are of as plain JSON values."""
        return {"galaxies": self.galaxies, "neighbours": self.nearest.shape[1] - 1}


def galaxy_neighbourhoods(latents: LatentTable, *, neighbours: int = NEIGHBOURS) -> Neighbourhoods:
    """Find the nearest others of every galaxy by posterior means.

    Args:
        latents: A latent table. Of a galaxy with more rows, as one that two surveys saw, the first counts.
        neighbours: How many others.

    Raises:
        GalkerasError: Fewer than 20 galaxies.
    """
    _, first = np.unique(latents.id, return_index=True)
    if len(first) < FEWEST:
        raise GalkerasError(
            f"to draw between galaxies takes {FEWEST} or more, and the latents are of"
            f" {counted(len(first), 'galaxy', 'galaxies')}: encode more, or draw from the prior"
        )
    z = latents.z[np.sort(first)].astype(np.float64)
    # A galaxy is among its own nearest.
    found = NearestNeighbors(n_neighbors=neighbours + 1).fit(z)
    return Neighbourhoods(z, found.kneighbors(z, return_distance=False))
