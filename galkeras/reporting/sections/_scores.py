"""Scores as text, and those of a summary by survey where there are several."""

__all__ = ["bounded", "by_domain", "share"]

from collections.abc import Sequence
from typing import Any


def by_domain(values: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return one unnamed value of a VAE, or those of an adapted model by survey."""
    return [("", values)] if "mean" in values else [(f", {name}", value) for name, value in values.items()]


def share(value: float | None) -> str:
    """Return a share as a percentage."""
    return "" if value is None else f"{value:.1%}"


def bounded(value: float | None, bounds: Sequence[float] | None) -> str:
    """Return a share with its interval."""
    return "" if value is None else f"{value:.1%} ({100 * bounds[0]:.1f}–{100 * bounds[1]:.1f})"
