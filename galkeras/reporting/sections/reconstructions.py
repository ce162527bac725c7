"""How well the model draws galaxies, over all and by type."""

__all__: list[str] = []

from dataclasses import astuple

import numpy as np

from galkeras.io.text import counted
from galkeras.latents.table import LatentTable
from galkeras.reporting.figures import (
    by_type_panel,
    histogram_panel,
    stored_picture,
)
from galkeras.reporting.page import Part, Table
from galkeras.reporting.sections import SECTIONS, Section
from galkeras.reporting.sections._scores import ssim_rows
from galkeras.reporting.subject import Subject
from galkeras.training.stored import FitSummary


def _part(subject: Subject) -> Part:
    """Return the model's figures, and SSIM over galaxies and by type."""
    folder, summary = subject.folder, subject.summary
    latents, known = subject.table, subject.known
    part = Part("reconstructions", "Reconstructions")
    rows = (
        "From top to bottom: source images, their reconstructions, target images, their reconstructions, and the source"
        " images translated to the target survey; then the same of further targets."
        if subject.stored.adapted
        else "From top to bottom: images, reconstructions, and residuals (doubled, grey is none)."
    )
    part.pictures += stored_picture(
        folder / "reconstructions.png",
        "Rows of galaxy images beside what the model makes of them.",
        f"Galaxies of the {summary.split} split. {rows}",
    )
    scored = None if latents is None else _held_out(latents)
    if scored is not None:
        rows, which = scored
        values = latents.ssim[rows]
        caption = f"SSIM of {counted(len(values), 'galaxy', 'galaxies')} ({which}); dashed: the median."
        part.pictures.append(histogram_panel(values, "SSIM", caption))
        groups = {} if known is None else _grouped(values, known.types[rows])
        if len(groups) > 1:
            how = "the catalog's votes" if known.source == "votes" else "what the forests predict"
            caption = f"SSIM by morphological type, by {how}: median, middle half (box), middle 90 % (line)."
            part.pictures.append(by_type_panel(groups, "SSIM", caption))
            table = [
                (name, f"{len(one):,}", f"{one.mean():.3f}", *(f"{q:.3f}" for q in np.percentile(one, (5, 50, 95))))
                for name, one in groups.items()
            ]
            header = ("type", "galaxies", "mean SSIM", "5 %", "median", "95 %")
            part.tables.append(Table(header, table, f"SSIM by type ({which}), after the paper's Fig. 4."))
        else:
            part.missing.append(
                ("SSIM by morphological type needs votes or forests:", "galkeras report … --catalog CATALOG")
            )
    else:
        part.missing.append(
            ("SSIM by galaxy needs latents with scores:", "galkeras encode MODEL RECORDS --out latents.parquet")
        )
    header = ("score", "mean", "5 %", "25 %", "median", "75 %", "95 %")
    scores = ssim_rows(summary) + ([("MSE", summary.mse)] if isinstance(summary, FitSummary) else [])
    rows = [(title, *(f"{value:.4g}" for value in astuple(one))) for title, one in scores]
    how = f"window {summary.ssim_window}; stretched images, data range {summary.data_range:g}"
    part.tables.append(Table(header, rows, f"Scores of the {summary.split} split ({how})."))
    alt = "Grid of images that the decoder drew."
    part.pictures += stored_picture(folder / "samples.png", alt, "Draws from the prior.", wide=False)
    return part


def _held_out(latents: LatentTable) -> tuple[np.ndarray, str] | None:
    rows = np.flatnonzero((latents.split == "test") & np.isfinite(latents.ssim))
    which = "test split"
    if not len(rows):
        rows, which = np.flatnonzero(np.isfinite(latents.ssim)), "all splits"
    return (rows, which) if len(rows) else None


def _grouped(values: np.ndarray, types: np.ndarray) -> dict[str, np.ndarray]:
    """Return the values of each type, in the order in which the types come, small ones left out."""
    names = [name for name in dict.fromkeys(sorted(set(types.tolist()))) if name]
    groups = {name: values[types == name] for name in names}
    return {name: one for name, one in groups.items() if len(one) >= 3}


SECTIONS.add("reconstructions", Section(_part), order=4)
