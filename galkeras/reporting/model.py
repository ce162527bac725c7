"""What a report says of the model itself: data, training, reconstructions, latents."""

__all__ = [
    "Known",
    "data_part",
    "latents_part",
    "overview_part",
    "reconstruction_part",
    "training_part",
]

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from galkeras.io.text import counted
from galkeras.latents.table import LatentTable
from galkeras.models.config import ModelConfig
from galkeras.records.inspect import read_galaxies
from galkeras.records.schema import REJECTED_FILE, SPLITS, RecordSet
from galkeras.reporting.figures import (
    bars_panel,
    by_type_panel,
    curves,
    embedded,
    histogram_panel,
    latent_maps,
    map_of,
    stored_picture,
)
from galkeras.reporting.page import Part, Picture, Table, reading
from galkeras.surveys.pictures import mosaic, to_rgb

_SHOWN = 24
_SOURCES = {
    "votes": "Classes are by the catalog's votes; grey: not asked, or no clear answer.",
    "forests": "Classes are the most probable ones by the forests.",
}


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of a model's galaxies beside their latents.

    Attributes:
        source: Where it is from: ``votes`` or ``forests``.
        types: (rows,) morphological type, empty where unknown.
        answers: Question as people read it to (rows,) classes, empty where unknown.
    """

    source: str
    types: np.ndarray
    answers: dict[str, np.ndarray]


def overview_part(config: dict[str, Any], summary: dict[str, Any]) -> Part:
    """Return the numbers that say most."""
    model = config["model"]
    side = f"{model['image_size']} px"
    galaxies = summary["galaxies"]
    count = sum(galaxies.values()) if isinstance(galaxies, dict) else galaxies
    facts = [
        ("kind", config["kind"].replace("vae", "VAE").replace("-", " ")),
        ("surveys", ", ".join(model["surveys"])),
        ("images", side),
        ("latents", f"{summary['latents']}"),
        ("of them active", f"{summary['active_units']}"),
        *((f"mean SSIM{name}", f"{value['mean']:.3f}") for name, value in _by_domain(summary["ssim"])),
        (f"{summary['split']} galaxies", f"{count:,}"),
    ]
    text = []
    if summary["collapsed"]:
        text.append("This model has collapsed: few of its latents carry information, and no result of it means much.")
    return Part("overview", "Overview", facts=facts, text=text)


def _by_domain(values: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return one unnamed value of a VAE, or those of an adapted model by survey."""
    return [("", values)] if "mean" in values else [(f", {name}", value) for name, value in values.items()]


def data_part(sets: Sequence[RecordSet], training: dict[str, Any]) -> Part:
    """Return what the record sets hold, what was rejected and why, and some of the galaxies."""
    part = Part("data", "Data")
    rows = []
    for records in sets:
        role = {training.get("records"): "trained on"}.get(records.digest, "not trained on")
        if records.digest == training.get("target_records"):
            role = "adapted to"
        scale = "various" if records.pixel_scale is None else f"{records.pixel_scale:.3g} arcsec"
        splits = (f"{records.count(split):,}" for split in SPLITS)
        side = f"{records.image_size} px, {records.units}"
        rows.append((str(records.path), records.survey, role, side, scale, *splits, f"{records.rejected:,}"))
    header = ("record set", "survey", "", "images", "a pixel", *SPLITS, "rejected")
    part.tables.append(Table(header, rows, "Galaxies of the record sets, by split; the split follows from the id."))
    rejected = [(str(records.path), reason, f"{n:,}") for records in sets for reason, n in _rejected(records)]
    if rejected:
        part.tables.append(Table(("record set", "reason", "galaxies"), rejected, "What was rejected, and why."))
    for records in sets:
        images = np.stack([galaxy.image for galaxy in islice(read_galaxies(records), _SHOWN)])
        sheet = mosaic(to_rgb(images, records.units, records.pixel_scale), 12)
        caption = f"The first {len(images)} galaxies of {records.path}, north up."
        alt = f"Mosaic of {len(images)} colour cutouts of galaxies of {records.survey}."
        part.pictures.append(Picture(embedded(Image.fromarray(sheet)), alt, caption, wide=True))
    return part


def _rejected(records: RecordSet) -> list[tuple[str, int]]:
    path = records.path / REJECTED_FILE
    if not path.is_file():
        return []
    with reading(path, "make-tfrecords"), open(path, newline="", errors="replace") as file:
        return Counter(row["reason"].split(":")[0] for row in csv.DictReader(file)).most_common()


def training_part(config: dict[str, Any], history: list[dict[str, float]]) -> Part:
    """Return settings and loss curves."""
    # What each of fit and adapt chooses its best epoch by.
    monitor = "val_elbo_loss" if config["kind"] == ModelConfig.kind else "val_loss"
    best = min(history, key=lambda row: row[monitor])
    minutes = sum(row["seconds"] for row in history) / 60
    part = Part("training", "Training")
    part.facts = [
        ("epochs", f"{len(history)} of {config['training']['epochs']}"),
        ("best epoch", f"{best['epoch']:.0f}"),
        ("its validation loss", f"{best[monitor]:.4g}"),
        ("time", f"{minutes:.0f} min" if minutes >= 1 else f"{60 * minutes:.0f} s"),
    ]
    part.pictures = curves(history)
    settings = {**config["model"], **config["training"]}
    rows = [(name.replace("_", " "), _setting(value)) for name, value in settings.items()]
    part.tables.append(Table(("setting", "value"), rows, "All settings, as config.json has them."))
    return part


def _setting(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_setting, value))
    if isinstance(value, float):
        return f"{value:.6g}"
    return "none" if value is None else str(value)[:12] if _is_digest(value) else str(value)


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64


def reconstruction_part(
    folder: Path, config: dict[str, Any], summary: dict[str, Any], latents: LatentTable | None, known: Known | None
) -> Part:
    """Return the model's figures, and SSIM over galaxies and by type."""
    part = Part("reconstructions", "Reconstructions")
    adapted = "target_records" in config["training"]
    rows = (
        "From top to bottom: source images, their reconstructions, target images, their reconstructions, and the source"
        " images translated to the target survey."
        if adapted
        else "From top to bottom: images, reconstructions, and residuals (doubled, grey is none)."
    )
    part.pictures += stored_picture(
        folder / "reconstructions.png",
        "Rows of galaxy images beside what the model makes of them.",
        f"Galaxies of the {summary['split']} split. {rows}",
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
        part.missing.append(("SSIM by galaxy needs latents:", "galkeras encode MODEL RECORDS --out latents.parquet"))
    header = ("score", "mean", "5 %", "25 %", "median", "75 %", "95 %")
    names = ("mean", "p5", "p25", "median", "p75", "p95")
    rows = [
        (f"{score.upper()}{name}", *(f"{value[q]:.4g}" for q in names))
        for score in ("ssim", "mse")
        if score in summary
        for name, value in _by_domain(summary[score])
    ]
    how = f"window {summary['ssim_window']}; stretched images, data range {summary['data_range']:g}"
    part.tables.append(Table(header, rows, f"Scores of the {summary['split']} split ({how})."))
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


def latents_part(folder: Path, summary: dict[str, Any], latents: LatentTable | None, known: Known | None) -> Part:
    """Return maps of the latents, coloured by what is known of the galaxies, and what each latent does."""
    part = Part("latents", "Latents")
    if latents is None:
        part.missing.append(("A map of the latents needs them:", "galkeras encode MODEL RECORDS --out latents.parquet"))
    else:
        _add_maps(part, latents, known)
    if "kl_per_latent" in summary:
        caption = f"What each latent carries; {summary['active_units']} of {summary['latents']} are active."
        labels = ("latent, sorted", "mean KL [nat]")
        part.pictures.append(bars_panel(np.array(summary["kl_per_latent"], float), labels, caption))
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
    colours["SSIM"] = latents.ssim[rows].astype(float)
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
