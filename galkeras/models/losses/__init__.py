"""What the pixels of an image and of its reconstruction are compared by, one pixel loss a file."""

from __future__ import annotations

__all__ = ["LOSSES", "PixelLoss"]

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from galkeras.io.registry import LazyRegistry

if TYPE_CHECKING:  # annotations alone: nobody pays for TensorFlow to list the names
    import numpy as np

    from galkeras.backend import tf
    from galkeras.models.config import ModelConfig


class PixelLoss(Protocol):
    """The reconstruction term of an image.

    A plain class, or a Keras layer: its weights are then trained and saved with the model's.
    """

    def __call__(self, stretched: tf.Tensor, rebuilt: tf.Tensor, window: np.ndarray) -> tf.Tensor:
        """Return the (batch,) terms, each a sum over pixels and bands.

        Args:
            stretched: (batch, side, side, band) stretched images.
            rebuilt: Their reconstructions.
            window: (side, side, 1) weights of the pixels, 1 at the centre.
        """
        ...


LOSSES: LazyRegistry[Callable[[ModelConfig], PixelLoss]] = LazyRegistry("pixel loss", package=__name__, first=("mse",))
