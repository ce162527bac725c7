"""What the pixels of an image and of its reconstruction are compared by, one pixel loss a file."""

from __future__ import annotations

__all__ = ["LOSSES", "PixelLoss"]

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from galkeras.io.registry import LazyRegistry

if TYPE_CHECKING:  # annotations alone: nobody pays for TensorFlow to list the names
    import numpy as np

    from galkeras.backend import tf


class PixelLoss(ABC):
    """The reconstruction term of an image, made from a model's config.

    A plain class, or a Keras layer beside: its weights are then trained and saved with the model's.

    Attributes:
        in_nats: Whether the term is a negative log likelihood, and the loss then a negative ELBO.
        kl_weight: The weight k of the KL term that `fit` takes beside it. Of squared errors of images stretched to 0..1
            the paper's 1 says that the noise a pixel is 0.7, and 0.01 that it is 0.07.
    """

    in_nats: ClassVar[bool] = False
    kl_weight: ClassVar[float] = 0.01

    @abstractmethod
    def __call__(self, stretched: tf.Tensor, rebuilt: tf.Tensor, window: np.ndarray) -> tf.Tensor:
        """Return the (batch,) terms, each a sum over pixels and bands.

        Args:
            stretched: (batch, side, side, band) stretched images.
            rebuilt: Their reconstructions.
            window: (side, side, 1) weights of the pixels, 1 at the centre.
        """

    @property
    def scale(self) -> tf.Tensor | float:
        """What a unit of this term is worth in squared error of stretched pixels."""
        return 1.0

    @property
    def noise(self) -> tf.Tensor | None:
        """The (band,) standard deviations of a stretched pixel that the term has learned, None where it learns none."""
        return None

    def observe(self, stretched: tf.Tensor, rebuilt: tf.Tensor, window: np.ndarray) -> None:  # noqa: B027  most do not
        """Learn from a training batch what is no weight of the optimizer's; arguments as in the call."""


LOSSES: LazyRegistry[type[PixelLoss]] = LazyRegistry("pixel loss", package=__name__, first=("gaussian", "mse"))
