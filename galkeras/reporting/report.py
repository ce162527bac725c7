"""Everything known of a model as one HTML page."""

__all__ = ["report"]

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from galkeras import __version__
from galkeras.evaluation.scan.types import galaxy_types
from galkeras.galaxyzoo.labels import TABLE_2, labels
from galkeras.galaxyzoo.tree import VOTE_COLUMNS
from galkeras.io.errors import GalkerasError
from galkeras.io.files import atomic_write, read_json
from galkeras.io.folders import OutputFolder
from galkeras.latents.table import LatentTable, read_latents
from galkeras.models.stored import read_config
from galkeras.morphology.forests import Forests
from galkeras.records.schema import RecordSet
from galkeras.reporting.model import (
    Known,
    data_part,
    latents_part,
    overview_part,
    reconstruction_part,
    training_part,
)
from galkeras.reporting.page import reading, render
from galkeras.reporting.repeat import repeat_part
from galkeras.reporting.results import check_model, forests_part, outliers_part, scan_part, shift_part
from galkeras.surveys.catalog import campaign, read_catalog, rows_in
from galkeras.training.history import read_history

PAGE = "index.html"
_COLOURED = ("how-rounded", "disk-edge-on", "has-spiral-arms", "bulge-size", "merging")


def report(
    model: str | Path,
    out: str | Path,
    *,
    records: Sequence[str | Path] = (),
    latents: str | Path | None = None,
    catalog: str | Path | None = None,
    forests: Sequence[str | Path] = (),
    shift: str | Path | None = None,
    outliers: str | Path | None = None,
    scan: str | Path | None = None,
) -> Path:
    """Write what is known of a model as one self-contained page, ``index.html``.

    Figures are inside the page, which needs no network and no JavaScript. A part whose input is not given is left out
    with a line that says which command makes it.

    Args:
        model: A model folder, ``saved_models/NAME``.
        out: Folder to write.
        records: Record sets of its galaxies.
        latents: A table that `encode` wrote with this model.
        catalog: Votes for its galaxies: SSIM by type, and latents coloured by morphology.
        forests: Folders that `classify` wrote on these latents: Tables 2 and 3, and without votes types and colours.
        shift: A folder that `shift` wrote: the shift between surveys, and Table 4.
        outliers: A folder that `outliers` wrote on these latents.
        scan: A folder that `scan` wrote: SSIM against the number of latents.

    Returns:
        The page.

    Raises:
        GalkerasError: The model is not finished, something is of another model, or the folder holds something else.
    """
    folder, out = Path(model), Path(out)
    page = OutputFolder(out, "report", re.escape(PAGE))
    page.check()
    if catalog is not None and latents is None:
        raise GalkerasError("a catalog says what galaxies are: give --latents beside it, which say how they look")
    config = read_config(folder)
    summary, history = _scores(folder), read_history(folder)
    digest = summary["digest"]
    sets = [RecordSet.load(path) for path in records]
    table = None if latents is None else read_latents(latents)
    if table is not None:
        check_model(Path(latents), {"model": table.model}, digest)
    folders = [Path(path) for path in forests]
    # Before the work that takes time, all that is of another model is refused.
    results = [
        forests_part(folders, digest),
        outliers_part(None if outliers is None else Path(outliers), digest),
        shift_part(None if shift is None else Path(shift), digest),
        scan_part(None if scan is None else Path(scan)),
    ]
    known = None if table is None else _known(table, catalog, folders)
    with reading(folder, "fit"):
        parts = [overview_part(config, summary)]
        if sets:
            parts.append(data_part(sets, config["training"]))
        else:
            parts[0].missing.append(("What the record sets hold:", "galkeras report … --records tfrecords/NAME"))
        parts.append(training_part(config, history))
        parts.append(reconstruction_part(folder, config, summary, table, known))
        parts.append(latents_part(folder, summary, table, known))
    parts += results
    encoded = None if table is None else (Path(latents), table)
    votes = None if catalog is None else Path(catalog)
    parts.append(repeat_part(folder, config, digest, sets, encoded, votes, folders))
    text = render(f"{folder.name}", f"A report of galkeras {__version__} on {folder}", parts)
    with page.writing():
        atomic_write(out / PAGE, text)
    return out / PAGE


def _scores(folder: Path) -> dict[str, Any]:
    path = folder / "summary.json"
    if not path.exists():
        raise GalkerasError(f"{folder} holds no finished model: {path.name} is missing. Go on with --resume")
    summary = read_json(path)
    if not isinstance(summary, dict) or not isinstance(summary.get("digest"), str):
        raise GalkerasError(f"{path} is not what `galkeras fit` writes: it names no `digest`")
    return summary


def _known(table: LatentTable, catalog: str | Path | None, forests: Sequence[Path]) -> Known | None:
    """Return what votes say of the galaxies, or else what forests predict."""
    if catalog is not None:
        votes = read_catalog(catalog, position=False)
        if campaign(votes) == "gzd-5":
            return _by_votes(table, votes)
        if not forests:
            raise GalkerasError(f"{catalog} has no votes of the GZD-5 tree: columns like {VOTE_COLUMNS[0]!r}")
    return _by_forests(table, forests[0]) if forests else None


def _by_votes(table: LatentTable, votes: Table) -> Known:
    here, there = rows_in(votes, table.id)

    def spread(values: np.ndarray) -> np.ndarray:
        everywhere = np.full(len(table), "", values.dtype)
        everywhere[here] = values[there]
        return everywhere

    answers = {TABLE_2[name].title: spread(labels(votes, name)) for name in _COLOURED}
    types, _ = galaxy_types(table.id, votes)
    return Known("votes", np.array([types.get(name, "") for name in table.id.tolist()]), answers)


def _by_forests(table: LatentTable, folder: Path) -> Known:
    loaded = Forests.load(folder)
    loaded.check(table)
    asked = [name for name in _COLOURED if name in loaded.by_question] or list(loaded.by_question)[: len(_COLOURED)]
    answers = {}
    for name in asked:
        forest = loaded.by_question[name]
        answers[forest.title] = np.array(forest.classes)[forest.probabilities(table.z).argmax(1)]
    title = next(iter(answers))
    types = np.array([f"{title} {answer}" for answer in answers[title]])
    return Known("forests", types, answers)
