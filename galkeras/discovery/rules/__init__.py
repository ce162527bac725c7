"""Rules by which galaxies are ranked as unusual: one file a rule."""

from __future__ import annotations

__all__ = ["PAPER_SIGMA", "RULES", "Rule"]

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from galkeras.io.registry import Registry

if TYPE_CHECKING:  # annotations alone: the command line lists the rules' threshold without numpy
    import numpy as np

    from galkeras.latents.table import LatentTable

PAPER_SIGMA = 8.0
"""The paper's own rule, which ranks nothing: a latent beyond so many standard deviations of the sample (Fig. A1)."""


@dataclass(frozen=True)
class Rule:
    """A score of how unusual galaxies are, larger for the more unusual; of the latents or of the images.

    Attributes:
        latents: Returns the (rows,) scores of a latent table, or None where the table does not have what it takes.
        images: Returns the (rows,) scores of (rows, side, side, band) images, given their units too. Asked where the
            record sets are given.
        least: What one galaxy in a hundred is taken to reach at least: a rule that is silent for nearly all would
            divide by zero.
    """

    latents: Callable[[LatentTable], np.ndarray | None] | None = None
    images: Callable[[np.ndarray, str], np.ndarray] | None = None
    least: float = 0.0


RULES: Registry[Rule] = Registry("outlier rule", package=__name__)
"""Name of the rule, as in the column ``because``, to rule. Of two that say the same of a galaxy, the first counts."""
