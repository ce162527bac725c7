"""The upright network for those who look at what it draws."""

__all__ = ["Detailed"]

from galkeras.models.architectures import ARCHITECTURES
from galkeras.models.architectures.upright import Upright


class Detailed(Upright):
    """`Upright` that starts from components of pixels more than of features, so that arms, bars and rings are drawn.

    It takes many galaxies and their votes: without these, latents that draw detail tell its kind worse
    (docs/results.md, What the start decides).
    """

    features_over_pixels = 0.25


ARCHITECTURES.add("detailed", Detailed())
