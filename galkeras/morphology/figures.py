"""Confusion matrices to look at."""

__all__ = ["save_confusion_matrices"]

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from galkeras.figures import figure, save_figure
from galkeras.morphology.scores import Scores


def save_confusion_matrices(path: str | Path, scores: Mapping[str, Scores]) -> None:
    """Draw one panel a question: shares of each true class as colour, counts as numbers; write it atomically.

    Args:
        path: An image file.
        scores: Title of the panel to its scores.
    """
    columns = min(3, len(scores))
    rows = -(-len(scores) // columns)
    panels, grid = figure(rows, columns, (4.2 * columns, 3.9 * rows), squeeze=False)
    for unused in grid.flat[len(scores) :]:
        unused.remove()
    for axes, (title, one) in zip(grid.flat, scores.items(), strict=False):
        truth = one.confusion.sum(1, keepdims=True)
        share = np.divide(one.confusion, truth, out=np.zeros(one.confusion.shape), where=truth > 0)
        axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
        for (row, column), count in np.ndenumerate(one.confusion):
            colour = "white" if share[row, column] > 0.5 else "black"
            axes.text(column, row, f"{count:,}\n{share[row, column]:.0%}", ha="center", va="center", color=colour)
        ticks = range(len(one.classes))
        axes.set_xticks(ticks, one.classes, rotation=30, ha="right")
        axes.set_yticks(ticks, one.classes)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        axes.set_title(f"{title}\nbalanced accuracy {one.balanced_accuracy:.1%}", fontsize=11)
    save_figure(path, panels)
