"""Distances between two surveys' latents as distributions, one alignment term a file."""

from __future__ import annotations

__all__ = ["ALIGNMENTS", "Alignment"]

from typing import TYPE_CHECKING, Protocol

from galkeras.io.registry import LazyRegistry

if TYPE_CHECKING:  # annotations alone: nobody pays for TensorFlow to list the names
    from galkeras.backend import tf


class Alignment(Protocol):
    """A distance between two samples of latents."""

    def __call__(
        self,
        a: tf.Tensor,
        b: tf.Tensor,
        *,
        paired: bool = False,
        a_weights: tf.Tensor | None = None,
        b_weights: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Return the distance, a scalar.

        Args:
            a: (m, latent_dim) sample.
            b: (n, latent_dim) sample.
            paired: Whether rows of the same number are the same galaxy.
            a_weights: (m,) weights of the rows, 0 for padding; default 1.
            b_weights: (n,) likewise.
        """
        ...


ALIGNMENTS: LazyRegistry[Alignment] = LazyRegistry("alignment term", package=__name__, first=("mmd2",))
