"""Figures without a display: Agg canvases, written atomically."""

__all__ = ["figure", "save_figure"]

from pathlib import Path
from typing import Any

import matplotlib.figure

from galkeras.io.files import atomic_path


def figure(rows: int, columns: int, size: tuple[float, float], **options: Any) -> tuple[matplotlib.figure.Figure, Any]:
    """Return a figure of ``size`` inches and its axes, made without pyplot: no global state, no display.

    ``options`` go to `matplotlib.figure.Figure.subplots`.
    """
    panels = matplotlib.figure.Figure(figsize=size, layout="constrained")
    return panels, panels.subplots(rows, columns, **options)


def save_figure(path: str | Path, panels: matplotlib.figure.Figure) -> None:
    """Write a figure atomically, in the format of the extension."""
    with atomic_path(path) as temporary:
        panels.savefig(temporary, dpi=110)
