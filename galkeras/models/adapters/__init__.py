"""What makes one model of several surveys, one adapter a file."""

from __future__ import annotations

__all__ = ["ADAPTERS"]

from typing import TYPE_CHECKING

from galkeras.io.registry import LazyRegistry

if TYPE_CHECKING:  # annotations alone: nobody pays for TensorFlow to list the names
    from galkeras.models.adapted import AdaptedVAE

ADAPTERS: LazyRegistry[type[AdaptedVAE]] = LazyRegistry("adapter", package=__name__)
"""Model classes by the ``kind`` of their config."""
