"""Where galaxies lie among the latents, and what each latent does."""

__all__: list[str] = []


import numpy as np

from galkeras.io.text import counted
from galkeras.latents.table import LatentTable
from galkeras.reporting.figures import (
    bars_panel,
    latent_maps,
    map_of,
    stored_picture,
)
from galkeras.reporting.page import Part
from galkeras.reporting.sections import SECTIONS, Section
from galkeras.reporting.subject import Known, Subject
from galkeras.training.stored import FitSummary

_SOURCES = {
    "votes": "Classes are by the catalog's votes; grey: not asked, or no clear answer.",
    "forests": "Classes are the most probable ones by the forests.",
}


def _part(subject: Subject) -> Part:
    """Return maps of the latents, coloured by what is known of the galaxies, and what each latent does."""
    folder, summary, latents, known = subject.folder, subject.summary, subject.table, subject.known
    part = Part("latents", "Latents")
    if latents is None:
        part.missing.append(("A map of the latents needs them:", "galkeras encode MODEL RECORDS --out latents.parquet"))
    else:
        _add_maps(part, latents, known)
    if isinstance(summary, FitSummary):
        caption = f"What each latent carries; {summary.active_units} of {summary.latents} are active."
        labels = ("latent, sorted", "mean KL [nat]")
        part.pictures.append(bars_panel(np.array(summary.kl_per_latent), labels, caption))
    part.pictures += stored_picture(
        folder / "traversal.png",
        "Grid of galaxy images that change along each row.",
        "The latents that carry most, one a row, moved from -3 to 3 standard deviations about the mean galaxy.",
        wide=False,
    )
    return part


def _add_maps(part: Part, latents: LatentTable, known: Known | None) -> None:
    rows, places, method = map_of(latents.z)
    colours: dict[str, np.ndarray] = {}
    if len(set(latents.survey.tolist())) > 1:
        colours["survey"] = latents.survey[rows]
    if known is not None:
        colours |= {title: answers[rows] for title, answers in known.answers.items()}
    ssim = latents.ssim[rows].astype(float)
    if np.isfinite(ssim).any():
        colours["SSIM" if np.isfinite(ssim).all() else "SSIM (grey: not scored)"] = ssim
    part.pictures = latent_maps(places, method, colours)
    drawn = "" if len(rows) == len(latents) else f"{len(rows):,} of "
    every = counted(len(latents), "galaxy", "galaxies")
    how = "principal components" if method == "PCA" else method
    part.text.append(
        f"{drawn}{every} of the table, of all splits, laid out by {how} of their {latents.latent_dim} latents."
        " The outermost lie beyond the frame." + ("" if known is None else f" {_SOURCES[known.source]}")
    )
    if known is None:
        part.missing.append(("Colours by morphology need votes or forests:", "galkeras report … --catalog CATALOG"))


SECTIONS.add("latents", Section(_part), order=5)
