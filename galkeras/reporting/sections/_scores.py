"""Scores as text, and SSIM by survey where there are several."""

__all__ = ["bounded", "share", "ssim_rows"]

from collections.abc import Sequence

from galkeras.io.text import share_within
from galkeras.training.stored import Quantiles, Summary


def ssim_rows(summary: Summary) -> list[tuple[str, Quantiles]]:
    """Return SSIM as people read it: once of a VAE, of an adapted model by survey."""
    return [(f"SSIM, {name}" if name else "SSIM", value) for name, value in summary.ssim_by_survey.items()]


def share(value: float | None) -> str:
    """Return a share as a percentage."""
    return "" if value is None else f"{value:.1%}"


def bounded(value: float | None, bounds: Sequence[float] | None) -> str:
    """Return a share with its interval."""
    return "" if value is None else share_within(value, bounds)
