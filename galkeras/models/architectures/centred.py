"""The upright network for images in which galaxies do not lie in the middle."""

__all__ = ["Centred"]

import numpy as np

from galkeras.backend import keras
from galkeras.models.architectures import ARCHITECTURES
from galkeras.models.architectures.upright import Upright, UprightEncoder
from galkeras.models.config import ModelConfig
from galkeras.models.frame import CentredFrame


class Centred(Upright):
    """`Upright` that looks for the centre of a galaxy first, so that latents do not say where in its image it lies.

    For pictures that were cut by a position that is right to a pixel or two. Where the catalog's positions are those of
    the images themselves, a centre that is looked for is worse than the middle: neighbours and noise draw it away.
    """

    def encoder(self, config: ModelConfig) -> keras.Model:
        return UprightEncoder(config, CentredFrame)

    def random_pose(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return poses of any turn, in the middle of the image."""
        return np.pad(super().random_pose(count, rng), [(0, 0), (0, 2)])


ARCHITECTURES.add("centred", Centred())
