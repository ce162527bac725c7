"""Everything known of a model as one HTML page."""

__all__ = ["report"]

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from galkeras import __version__
from galkeras.io.errors import GalkerasError, did_you_mean
from galkeras.io.files import atomic_write
from galkeras.io.folders import OutputFolder
from galkeras.latents.table import read_latents
from galkeras.models.stored import StoredModel
from galkeras.records.schema import RecordSet
from galkeras.records.wanted import images_of
from galkeras.reporting.page import reading, render
from galkeras.reporting.sections import SECTIONS
from galkeras.reporting.subject import Subject, check_model, known_of
from galkeras.training.history import read_history
from galkeras.training.stored import SUMMARY_FILE, AdaptSummary, FitSummary, Summary, read_training

PAGE = "index.html"


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
    inputs: Mapping[str, str | Path] | None = None,
    overwrite: bool = False,
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
        inputs: Option of any other section in `galkeras.reporting.sections.SECTIONS` to what it takes.
        overwrite: Replace what is there.

    Returns:
        The page.

    Raises:
        GalkerasError: The model is not finished, something is of another model, or the folder holds something else.
    """
    folder, out = Path(model), Path(out)
    page = OutputFolder(out, "report", re.escape(PAGE), done=PAGE, overwrite=overwrite)
    page.check()
    if catalog is not None and latents is None:
        raise GalkerasError("a catalog says what galaxies are: give `latents` beside it, which say how they look")
    stored = StoredModel.load(folder)
    summary, history = _summary(folder, stored), read_history(folder)
    digest = summary.digest
    images, surveys = images_of(folder)
    sets = [RecordSet.load(path) for path in records]
    table = None if latents is None else read_latents(latents)
    if table is not None:
        check_model(Path(latents), table.model, digest)
    given: dict[str, Any] = {"shift": shift, "outliers": outliers, "scan": scan, **(inputs or {})}
    given = {name: Path(path) for name, path in given.items() if path is not None}
    given["forests"] = [Path(path) for path in forests]
    _check_inputs(given)
    subject = Subject(
        folder,
        stored,
        images,
        surveys,
        read_training(folder),
        summary,
        history,
        digest,
        sets,
        None if table is None else (Path(latents), table),
        None if catalog is None else Path(catalog),
        inputs=given,
    )
    # Before the work that takes time, all that is of another model is refused.
    made = {name: section.make(subject) for name, section in SECTIONS.items() if section.first}
    if table is not None:
        subject = replace(subject, known=known_of(table, catalog, given["forests"]))
    with reading(folder, "fit"):
        made |= {name: section.make(subject) for name, section in SECTIONS.items() if not section.first}
    parts = [made[name] for name in SECTIONS if made[name] is not None]
    text = render(f"{folder.name}", f"A report of galkeras {__version__} on {folder}", parts)
    with page.writing():
        atomic_write(out / PAGE, text)
    return out / PAGE


def _check_inputs(given: Mapping[str, Any]) -> None:
    options = [section.option for section in SECTIONS.values() if section.option]
    for name in given:
        if name not in options:
            raise GalkerasError(
                f"no section of the report takes {name!r}.{did_you_mean(name, options)} There are: {', '.join(options)}"
            )


def _summary(folder: Path, stored: StoredModel) -> Summary:
    if not (folder / SUMMARY_FILE).exists():
        raise GalkerasError(
            f"{folder} holds no finished model: {SUMMARY_FILE} is missing. Go on with `fit(resume=True)`"
        )
    return (AdaptSummary if stored.adapted else FitSummary).load(folder)
