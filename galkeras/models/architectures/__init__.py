"""Encoders and decoders by name, one architecture a file."""

from __future__ import annotations

__all__ = ["ARCHITECTURES", "Architecture"]

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from galkeras.io.errors import GalkerasError
from galkeras.io.registry import LazyRegistry

if TYPE_CHECKING:  # annotations alone: nobody pays for TensorFlow to list the names
    import numpy as np

    from galkeras.backend import keras, tf
    from galkeras.models.config import ModelConfig
    from galkeras.models.vae import VAE
    from galkeras.records.schema import RecordSet

    Rows = Callable[[Callable[[tf.Tensor, tf.Tensor], tf.Tensor], int], tf.Tensor]

ARCHITECTURES: LazyRegistry[Architecture] = LazyRegistry("architecture", package=__name__, first=("upright",))


class Architecture(ABC):
    """How a VAE's encoder and decoder are built, and how they start.

    An encoder may return, beside the moments of the posterior, how the galaxy lies in its image: a ``pose``, any
    (batch, …) tensor that is no latent. What it decodes is then the galaxy in a pose of the decoder's own, and `place`
    turns that back.

    Attributes:
        multiple: The network's side must be a multiple of this many pixels.
        learning_rate: Adam's, at its highest, that `fit` takes.
        disturbs: Whether the encoder takes ``draw``, a source of random rows, and is then disturbed as training wants.
    """

    multiple: ClassVar[int] = 1
    learning_rate: ClassVar[float] = 2e-4
    disturbs: ClassVar[bool] = False

    def check(self, config: ModelConfig) -> None:
        """Raise a `GalkerasError` for settings that cannot be built."""
        if config.network_size % self.multiple:
            raise GalkerasError(
                f"`network_size` must be (`image_size`) a multiple of {self.multiple} for the architecture"
                f" {config.architecture}. Received: network_size={config.network_size}"
            )

    @abstractmethod
    def encoder(self, config: ModelConfig) -> keras.Model:
        """Return the network from stretched images to the posterior.

        Its output is (batch, 2 latent_dim) moments, posterior means and then log variances; or a dict of these as
        ``moments``, a ``pose``, and (batch, n) ``features`` of the image that latents must account for too.
        """

    @abstractmethod
    def decoder(self, config: ModelConfig, name: str = "decoder") -> keras.Model:
        """Return the network from (batch, latent_dim) latents to stretched images."""

    def feature_decoder(self, config: ModelConfig) -> keras.Model | None:
        """Return the network from latents to the ``features`` that the encoder gives, None where it gives none."""
        return None

    def vary(self, images: tf.Tensor, draw: Rows) -> tf.Tensor:
        """Return a batch of training images in survey units as other galaxies like these might look; as they are here.

        ``draw`` takes a function from a count and a seed to random rows, and a number, and gives this batch's rows.
        """
        return images

    def place(self, images: tf.Tensor, pose: tf.Tensor) -> tf.Tensor:
        """Return decoded images in the ``pose`` that the encoder found; called where it gives one."""
        raise NotImplementedError(f"{type(self).__name__} has an encoder with a pose, and must say what it does")

    def random_pose(self, count: int, rng: np.random.Generator) -> np.ndarray | None:
        """Return so many poses as galaxies lie in the sky, by chance; None where the encoder gives no pose."""
        return None

    def start(self, model: VAE, records: RecordSet, seed: int) -> None:  # noqa: B027  most have nothing to do
        """Set new weights of ``model`` to something better than noise, for the training galaxies of ``records``."""
