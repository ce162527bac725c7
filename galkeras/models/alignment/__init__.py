"""Distances between two surveys' latents as distributions, one alignment term a file."""

from __future__ import annotations

__all__ = ["ALIGNMENTS", "Alignment", "Weights"]

from typing import TYPE_CHECKING, Protocol, TypeAlias

from galkeras.io.registry import LazyRegistry

if TYPE_CHECKING:  # annotations alone: nobody pays for TensorFlow to list the names
    from galkeras.backend import tf


Weights: TypeAlias = "tf.Tensor | None"
"""(rows,) weights of the rows of a sample, 0 for padding; None where all weigh 1."""


class Alignment(Protocol):
    """A distance between two samples of latents."""

    def __call__(
        self, a: tf.Tensor, b: tf.Tensor, *, paired: bool = False, a_weights: Weights = None, b_weights: Weights = None
    ) -> tf.Tensor:
        """Return the distance, a scalar.

        Args:
            a: (m, latent_dim) sample.
            b: (n, latent_dim) sample.
            paired: Whether rows of the same number are the same galaxy.
            a_weights: Those of ``a``.
            b_weights: Those of ``b``.
        """
        ...


ALIGNMENTS: LazyRegistry[Alignment] = LazyRegistry("alignment term", package=__name__, first=("mmd2",))
