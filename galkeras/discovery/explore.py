"""Latents, pictures and what is known of each galaxy, side by side in a browser."""

__all__ = ["Exploration", "explore"]

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from galkeras.discovery.outlier_table import OutlierTable, read_outliers
from galkeras.discovery.projector import FILES, MOST_PIXELS, write_projector
from galkeras.io.columns import Columns
from galkeras.io.errors import GalkerasError
from galkeras.io.folders import OutputFolder
from galkeras.latents.table import LatentTable, match_rows, read_latents
from galkeras.morphology.predictions import Predictions, read_predictions
from galkeras.records.pictures import galaxy_pictures
from galkeras.records.schema import RecordSet

_THUMBNAIL = 64
_SCORES = ("ssim", "reconstruction_mse")
# Thumbnails of whole blocks of the JPEG, so that no block has two galaxies.
_BLOCK = 8
_MOST = (MOST_PIXELS // _BLOCK) ** 2


@dataclass(frozen=True)
class Exploration:
    """What `explore` wrote.

    Attributes:
        folder: Where.
        galaxies: How many rows it shows.
        given: How many rows the latent table has.
        thumbnail: Side of the thumbnails in pixels.
        columns: What the projector can label and colour by.
    """

    folder: Path
    galaxies: int
    given: int
    thumbnail: int
    columns: tuple[str, ...]


def explore(
    latents: str | Path | LatentTable,
    records: Sequence[str | Path],
    out: str | Path,
    *,
    predictions: str | Path | None = None,
    outliers: str | Path | None = None,
    galaxies: int = 20_000,
    seed: int = 0,
    overwrite: bool = False,
) -> Exploration:
    """Write a folder for TensorBoard's Embedding Projector: latents, thumbnails, and a table to colour by.

    Row i of ``vectors.tsv``, row i of ``metadata.tsv`` (after its header) and tile i of ``sprite.jpg`` are the same
    galaxy.

    Args:
        latents: A latent table or its file.
        records: The record sets that were encoded, at most one a survey.
        out: Folder to write; it must not hold what `explore` wrote, unless ``overwrite`` says so.
        predictions: A table that `predict` wrote: adds the most probable answer to each question.
        outliers: A table that `outliers` wrote, or its folder: adds the score and the rule that makes it.
        galaxies: Most rows to show; of a longer table so many are drawn at random.
        seed: Of that draw.
        overwrite: Replace what is there.

    Returns:
        What was written.

    Raises:
        GalkerasError: A table is of another model, the record sets miss a galaxy, or the folder holds something else.
    """
    if not 1 <= galaxies <= _MOST:
        raise GalkerasError(f"`galaxies` must lie between 1 and {_MOST:,}. Received: galaxies={galaxies}")
    out = Path(out)
    folder = OutputFolder(out, "explore", "|".join(map(re.escape, FILES)), done=FILES[-1], overwrite=overwrite)
    folder.check()
    table = read_latents(latents)
    sets = [RecordSet.load(path) for path in records]
    if not sets:
        raise GalkerasError("explore needs the record sets that were encoded, for their pictures")
    given = len(table)
    if given > galaxies:
        table = table[np.sort(np.random.default_rng(seed).choice(given, galaxies, replace=False))]
    metadata = _metadata(table)
    if predictions is not None:
        metadata |= _answers(table, predictions)
    if outliers is not None:
        metadata |= _unusual(table, outliers)
    side = _thumbnail(len(table), max(one.image_size for one in sets))
    pictures = galaxy_pictures(sets, table.id, table.survey, side)
    with folder.writing():
        write_projector(out, "latents", table.z, metadata, pictures)
    return Exploration(out, len(table), given, side, tuple(metadata))


def _thumbnail(count: int, image_size: int) -> int:
    """Return the largest side, up to the image's own, of thumbnails that fit into one square sheet."""
    side = MOST_PIXELS // int(np.ceil(np.sqrt(count)))
    return max(_BLOCK, min(side, _THUMBNAIL, image_size) // _BLOCK * _BLOCK)


def _metadata(table: LatentTable) -> Columns:
    columns = {name: getattr(table, name) for name in ("id", "survey", "split", "ra", "dec", *_SCORES)}
    # Of a column without any number there is nothing to show, and scores of a sample cannot colour all.
    known = {name: np.isfinite(v) for name, v in columns.items() if v.dtype.kind != "U"}
    empty = {name for name, one in known.items() if not (one.all() if name in _SCORES else one.any())}
    return {name: values for name, values in columns.items() if name not in empty}


def _answers(table: LatentTable, path: str | Path) -> Columns:
    predictions = read_predictions(path)
    rows = _matched(table, path, predictions, "predict")
    return {name: np.where(rows >= 0, predictions.answers(name)[rows], "not predicted") for name in predictions.classes}


def _unusual(table: LatentTable, path: str | Path) -> Columns:
    outliers = read_outliers(path)
    rows = _matched(table, path, outliers, "outliers")
    if (rows < 0).any():
        raise GalkerasError(
            f"{path} misses {np.sum(rows < 0):,} of {len(rows):,} galaxies: run outliers on all latents"
        )
    return {"outlier_score": outliers.score[rows].astype(np.float32), "unusual_by": outliers.because[rows]}


def _matched(table: LatentTable, path: str | Path, other: Predictions | OutlierTable, command: str) -> np.ndarray:
    """Return the row in ``other`` of each of the latents, having seen that both are of one model."""
    if other.model != table.model:
        raise GalkerasError(
            f"{path} is of model {other.model[:12]}, and the latents are of model {table.model[:12]}:"
            f" run {command} on these latents"
        )
    rows = match_rows(table, other.id, other.survey)
    if not (rows >= 0).any():
        raise GalkerasError(f"{path} has none of the galaxies of the latent table")
    return rows
