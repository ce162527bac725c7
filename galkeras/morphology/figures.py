"""Confusion matrices, reliability diagrams and scores along size or brightness to look at."""

__all__ = ["save_confusion_matrices", "save_curves", "save_reliability"]

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from galkeras.io.figures import figure, save_figure
from galkeras.morphology.calibration import Calibration
from galkeras.morphology.curves import BY, Curve
from galkeras.morphology.scores import Scores


def save_confusion_matrices(path: str | Path, scores: Mapping[str, Scores]) -> None:
    """Draw one panel a question: shares of each true class as colour, counts as numbers; write it atomically.

    Args:
        path: An image file.
        scores: Title of the panel to its scores.
    """
    panels, grid = _panels(len(scores), 4.2, 3.9)
    for axes, (title, one) in zip(grid, scores.items(), strict=True):
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


def save_reliability(path: str | Path, calibrations: Mapping[str, Mapping[str, Calibration]]) -> None:
    """Draw one panel a question: how often the class named is right, against its probability; write it atomically.

    Args:
        path: An image file.
        calibrations: Title of the panel to the way of getting probabilities to its calibration.
    """
    panels, grid = _panels(len(calibrations), 3.8, 3.5)
    for axes, (title, ways) in zip(grid, calibrations.items(), strict=True):
        axes.plot([0, 1], [0, 1], color="0.6", lw=0.8, ls="--")
        for (way, one), marker in zip(ways.items(), "osv^D*", strict=False):
            right = np.array(one.right)
            # Laplace's estimate, so that a bin that is all right has a width too.
            share = (right * one.rows + 1) / (np.array(one.rows) + 2)
            error = np.sqrt(share * (1 - share) / one.rows)
            label = f"{way}: Brier {one.brier:.3f}, ECE {one.ece:.3f}"
            axes.errorbar(one.probability, right, error, marker=marker, ms=4, lw=1, capsize=2, label=label)
        axes.set(xlim=(0.15, 1.02), ylim=(0, 1.05), title=title)
        axes.set(xlabel="probability of the class named", ylabel="share that is right")
        axes.legend(fontsize=7, loc="lower right")
    save_figure(path, panels)


def save_curves(path: str | Path, curves: Mapping[str, Mapping[str, Curve]]) -> None:
    """Draw one row a question and one panel a column of the catalog: balanced accuracy along it; write it atomically.

    Args:
        path: An image file.
        curves: Title of the question to the column's name to its curve.
    """
    columns = list(dict.fromkeys(column for one in curves.values() for column in one))
    size = 3.4 * len(columns), 2.4 * len(curves)
    panels, grid = figure(len(curves), len(columns), size, squeeze=False)
    for row, (title, one) in zip(grid, curves.items(), strict=True):
        for axes, column in zip(row, columns, strict=True):
            if column not in one:
                axes.remove()
                continue
            scored = zip(pairwise(one[column].edges), one[column].balanced_accuracy, one[column].intervals, strict=True)
            for part, value, bounds in scored:
                if value is not None and bounds is not None:
                    axes.fill_between(part, *bounds, color="C0", alpha=0.2, lw=0)
                    axes.plot(part, [value, value], color="C0", lw=1.5)
            first, last = one[column].edges[0], one[column].edges[-1]
            # Fluxes span decades.
            axes.set_xscale("log" if 0 < 20 * first < last else "linear")
            axes.set(ylim=(0, 1.02), xlabel=BY.get(column, column), ylabel="balanced accuracy")
            axes.set_title(title, fontsize=10)
    save_figure(path, panels)


def _panels(count: int, width: float, height: float) -> tuple[Figure, Sequence[Axes]]:
    """Return a figure and its first ``count`` panels, three in a row, each of this size in inches."""
    columns = min(3, count)
    rows = -(-count // columns)
    panels, grid = figure(rows, columns, (width * columns, height * rows), squeeze=False)
    for unused in grid.flat[count:]:
        unused.remove()
    return panels, grid.flat[:count]
