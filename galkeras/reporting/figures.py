"""The report's own figures, and those of other folders, as images inside a page."""

__all__ = [
    "by_type_panel",
    "bars_panel",
    "curves",
    "embedded",
    "histogram_panel",
    "latent_maps",
    "map_of",
    "stored_picture",
]

import base64
import io
from importlib import import_module
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib.figure
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image
from sklearn.decomposition import PCA

from galkeras.io.errors import GalkerasError
from galkeras.io.figures import figure
from galkeras.io.text import counted
from galkeras.reporting.page import Picture
from galkeras.training.history import split_column

_WIDEST, _WIDE = 1600, 700
_QUALITY = 82
_DPI = 170
_PANEL = (3.7, 2.8)
_MAPPED = 5000
_NEIGHBOURS = 15
_GREY = "#c4c8cc"
_LONGEST = 26
_DOT = {"s": 5, "lw": 0}
_TERMS = {"elbo_loss": "ELBO loss", "kl": "KL", "mmd2": "MMD²", "coral": "CORAL"}
# Okabe and Ito's colours, which can be told apart by everybody.
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#000000")


def embedded(image: Image.Image) -> str:
    """Return an image as a ``data:`` URI of WebP, at most `_WIDEST` pixels wide."""
    image = image.convert("RGB")
    if image.width > _WIDEST:
        image = image.resize((_WIDEST, round(image.height * _WIDEST / image.width)), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    image.save(data, "WEBP", quality=_QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(data.getvalue()).decode()}"


def stored_picture(path: Path, alt: str, caption: str, wide: bool = True) -> list[Picture]:
    """Return the picture in file ``path``, or nothing where there is no such file. A small one is never wide."""
    if not path.is_file():
        return []
    try:
        with Image.open(path) as image:
            return [Picture(embedded(image), alt, caption, wide and image.width >= _WIDE)]
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise GalkerasError(f"{path} is not a readable picture: {error}") from None


def curves(history: list[dict[str, float]]) -> list[Picture]:
    """Return a panel for each loss term: training and validation by epoch."""
    terms: dict[str, list[str]] = {}
    for column in history[0]:
        if f"val_{column}" in history[0] and column != "loss":
            terms.setdefault(split_column(column)[0], []).append(column)
    epochs = [row["epoch"] for row in history]
    pictures = []
    for term, columns in terms.items():
        panel, axis = figure(1, 1, _PANEL)
        for column, colour in zip(columns, cycle(_COLOURS)):  # noqa: B905  colours come round
            name = f"{split_column(column)[1]} ".lstrip()
            axis.plot(epochs, [row[column] for row in history], color=colour, label=f"{name}train")
            values = [row[f"val_{column}"] for row in history]
            axis.plot(epochs, values, color=colour, ls="--", label=f"{name}validation")
        title = _TERMS.get(term, term.replace("_", " "))
        axis.set(xlabel="epoch", ylabel=f"{title} per image")
        axis.legend(fontsize=8, frameon=False)
        last = history[-1]
        ends = "; ".join(
            f"{c.replace('_', ' ')} {history[0][c]:.4g} to {last[c]:.4g}, validation {last[f'val_{c}']:.4g}"
            for c in columns
        )
        pictures.append(_picture(panel, f"Line chart over {len(history)} epochs: {ends}.", title))
    return pictures


def histogram_panel(values: np.ndarray, label: str, caption: str) -> Picture:
    """Return the distribution of one number over galaxies, with its median."""
    panel, axis = figure(1, 1, _PANEL)
    axis.hist(values, bins=min(40, max(5, len(values) // 5)), color=_COLOURS[0])
    middle = float(np.median(values))
    axis.axvline(middle, color="k", lw=1, ls="--")
    axis.set(xlabel=label, ylabel="galaxies")
    low, high = np.percentile(values, (5, 95))
    count = counted(len(values), "galaxy", "galaxies")
    alt = f"Histogram of {label} of {count}: median {middle:.3f}, middle 90 % {low:.3f} to {high:.3f}."
    return _picture(panel, alt, caption)


def by_type_panel(groups: dict[str, np.ndarray], label: str, caption: str) -> Picture:
    """Return the spread of one number in each group of galaxies: box from 25 to 75 %, line from 5 to 95 %."""
    panel, axis = figure(1, 1, (_PANEL[0], max(_PANEL[1], 0.36 * len(groups) + 0.8)))
    for row, values in enumerate(groups.values()):
        p5, p25, middle, p75, p95 = np.percentile(values, (5, 25, 50, 75, 95))
        axis.plot((p5, p95), (row, row), color=_COLOURS[0], lw=1)
        axis.barh(row, p75 - p25, left=p25, height=0.55, color=_COLOURS[4])
        axis.plot((middle, middle), (row - 0.28, row + 0.28), color="k", lw=1.5)
    axis.set_yticks(range(len(groups)), [_plain(name) for name in groups], fontsize=8)
    axis.invert_yaxis()
    axis.set(xlabel=label)
    said = "; ".join(f"{name} {np.median(values):.3f}" for name, values in groups.items())
    return _picture(panel, f"Box chart of {label} by type, medians: {said}.", caption)


def bars_panel(values: np.ndarray, labels: tuple[str, str], caption: str) -> Picture:
    """Return numbers as bars, the largest first."""
    panel, axis = figure(1, 1, _PANEL)
    values = np.sort(values)[::-1]
    axis.bar(range(1, len(values) + 1), values, color=_COLOURS[0])
    axis.set(xlabel=labels[0], ylabel=labels[1])
    alt = f"Bar chart of {labels[1]} of {len(values)} latents, from {values[0]:.3g} down to {values[-1]:.3g}."
    return _picture(panel, alt, caption)


def map_of(z: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    """Lay latents out in a plane, by UMAP where umap-learn is installed and else by PCA.

    Returns:
        The rows that are drawn (at most a few thousand, evenly spaced), their (rows, 2) positions, and the method.
    """
    rows = np.unique(np.linspace(0, len(z) - 1, min(len(z), _MAPPED)).astype(int))
    drawn = z[rows]
    if find_spec("umap") and len(rows) > _NEIGHBOURS:
        # umap loads TensorFlow for a part of it that is not used here: quietly, if through the one place that does.
        import_module("galkeras.backend")
        from umap import UMAP

        return rows, UMAP(n_neighbors=_NEIGHBOURS, random_state=0, n_jobs=1).fit_transform(drawn), "UMAP"
    if min(drawn.shape) < 2:
        return rows, np.pad(drawn[:, :1], ((0, 0), (0, 1))), "the first latent"
    return rows, PCA(2, random_state=0).fit_transform(drawn), "PCA"


def latent_maps(places: np.ndarray, method: str, colours: dict[str, np.ndarray]) -> list[Picture]:
    """Return a map of latents for each way to colour it.

    Args:
        places: (rows, 2) positions.
        method: What laid them out.
        colours: Title to (rows,) numbers, or class names; NaN or empty where a galaxy has none.
    """
    # A few outliers would shrink all others to a dot.
    low, high = np.percentile(places, (1, 99), axis=0)
    margin = np.maximum(0.08 * (high - low), 1e-6)
    pictures = []
    for title, values in colours.items():
        panel, axis = figure(1, 1, (_PANEL[0], 3.4))
        if values.dtype.kind == "f":
            said = _shaded(panel, axis, places, values)
        else:
            said = _named(axis, places, values)
        axis.set(xticks=[], yticks=[], xlim=(low[0] - margin[0], high[0] + margin[0]))
        axis.set_ylim(low[1] - margin[1], high[1] + margin[1])
        count = counted(len(places), "galaxy", "galaxies")
        alt = f"{method} map of the latents of {count}, coloured by {title}: {said}."
        pictures.append(_picture(panel, alt, title))
    return pictures


def _shaded(panel: matplotlib.figure.Figure, axis: Any, places: np.ndarray, values: np.ndarray) -> str:
    known = np.isfinite(values)
    low, high = np.percentile(values[known], (2, 98))
    axis.scatter(*places[~known].T, color=_GREY, alpha=0.5, **_DOT)
    dots = axis.scatter(*places[known].T, c=values[known], vmin=low, vmax=high, **_DOT)
    panel.colorbar(dots, ax=axis, shrink=0.8)
    return f"{low:.3g} to {high:.3g}"


def _named(axis: Any, places: np.ndarray, values: np.ndarray) -> str:
    names, counts = np.unique(values[values != ""], return_counts=True)
    names = names[np.argsort(-counts, kind="stable")][: len(_COLOURS)].tolist()
    axis.scatter(*places[~np.isin(values, names)].T, color=_GREY, alpha=0.5, **_DOT)
    for name, colour in zip(names, _COLOURS, strict=False):
        axis.scatter(*places[values == name].T, color=colour, alpha=0.75, label=_plain(name), **_DOT)
    if names:
        above = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "ncols": min(3, len(names))}
        axis.legend(fontsize=8, markerscale=3, frameon=False, **above)
    return ", ".join(names) or "nothing known"


def _plain(text: str) -> str:
    """Return a name short enough for a legend, as Matplotlib takes it: two dollar signs would make a formula."""
    short = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return short.replace("$", r"\$")


def _picture(panel: matplotlib.figure.Figure, alt: str, caption: str) -> Picture:
    panel.set_dpi(_DPI)
    canvas = FigureCanvasAgg(panel)
    canvas.draw()
    return Picture(embedded(Image.fromarray(np.asarray(canvas.buffer_rgba()))), alt, caption)
