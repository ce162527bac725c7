"""How differently a model sees two surveys, before and after adapting it."""

__all__ = ["Shift", "shift"]

import csv
import io
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.table import Table

from galkeras.evaluation.shift.compared import compare, mapped_latents
from galkeras.evaluation.shift.conservation import recovered, table_4
from galkeras.evaluation.shift.domains import domain_scores, paired_mse
from galkeras.evaluation.shift.expected import Expected, expected_drop
from galkeras.evaluation.shift.report import draw_shift
from galkeras.evaluation.shift.residuals import Residuals, residuals
from galkeras.evaluation.shift.result import SHIFT_FILE, Shift
from galkeras.evaluation.shift.support import Support, support
from galkeras.galaxyzoo.trees import vote_columns
from galkeras.io.calls import Call
from galkeras.io.errors import GalkerasError
from galkeras.io.files import atomic_write
from galkeras.io.folders import OutputFolder
from galkeras.latents.encode import encode
from galkeras.latents.table import LatentTable, read_latents
from galkeras.models.folder import load_model
from galkeras.models.vae import VAE
from galkeras.morphology.forests import Forests
from galkeras.records.lookup import find_galaxies
from galkeras.records.pairs import join
from galkeras.records.pictures import galaxy_pictures
from galkeras.records.schema import RecordSet
from galkeras.surveys.catalog import read_catalog
from galkeras.surveys.pictures import save_mosaic

_log = logging.getLogger(__name__)

_FEWEST = 20
# Files of which a kill may leave a part.
_WRITTEN = r"shift\.(json|md|png)|(alike|different|outside)\.png|outside\.csv|latents-\w+-\w+\.parquet"
# Galaxies of a mosaic.
_SHOWN = 12


def shift(
    model: str | Path,
    source: str | Path,
    target: str | Path,
    out: str | Path,
    *,
    before: str | Path | None = None,
    catalog: str | Path | Table | None = None,
    forests: Sequence[str | Path] = (),
    split: str = "test",
    unpaired: bool = False,
    refit: bool = True,
    seed: int = 0,
    overwrite: bool = False,
) -> Shift:
    """Measure how differently a model sees two surveys, and what adapting it has done to classification.

    Only galaxies that the models did not learn from are scored: the test split, which follows from a galaxy's id.

    Args:
        model: A model folder, of an adapted model or of a VAE.
        source: Record set of the source survey.
        target: Record set of the target survey.
        out: The folder to write: ``shift.json``, ``shift.md``, ``shift.png``, with pairs ``alike.png`` and
            ``different.png``, the galaxies of the target that are unlike any of the source as ``outside.csv`` and the
            farthest of them as ``outside.png``, and the latents as Parquet tables.
        before: The VAE that the adapted ``model`` started from, to compare.
        catalog: Vote fractions of the GZD-5 tree: adds the paper's Table 4. Forests are fitted on the training
            split's latents.
        forests: Folders that `classify` wrote, each of the model whose latents it was fitted on. What they are expected
            to lose on the target is told without labels and pairs (`galkeras.evaluation.shift.expected`), and the
            verdict follows from it. With ``catalog`` they are used as they are in place of fitting some; they must
            not have seen the galaxies that are scored.
        split: ``test``; ``validation`` to choose settings by; or ``all`` for record sets that no model has learned
            from.
        unpaired: The record sets are of different galaxies.
        refit: Whether to add to Table 4 what forests fitted on the target reach, which takes most of the time.
        seed: Of folds, forests, permutations and bootstrap.
        overwrite: Replace what is there.

    Returns:
        The scores.

    Raises:
        GalkerasError: The sets do not fit the models or each other, or hold too few galaxies.
    """
    if split not in ("validation", "test", "all"):
        raise GalkerasError(f"`split` must be validation, test or all. Received: split={split!r}")
    call = Call.of(shift, locals())
    folder = OutputFolder(Path(out), "shift", within=_WRITTEN, marker=SHIFT_FILE, done=SHIFT_FILE, overwrite=overwrite)
    folder.check()
    loaded = load_model(model)
    if before is not None and not loaded.roles:
        raise GalkerasError(f"`before` needs an adapted model to compare with, and {model} is a VAE")
    stages = ({"before": load_model(before)} if before is not None else {}) | {
        "after" if loaded.roles else "before": loaded
    }
    last = list(stages)[-1]
    sets = {"source": RecordSet.load(source), "target": RecordSet.load(target)}
    surveys = tuple(records.survey for records in sets.values())
    if surveys[0] == surveys[1]:
        raise GalkerasError(f"{source} and {target} are both of {surveys[0]}: a shift is between two surveys")
    for vae in stages.values():
        for records in sets.values():
            vae.check_records(records, any_survey=True)
    by_stage = _forests(forests, stages)
    if catalog is not None:
        catalog = read_catalog(catalog, position=False, columns=vote_columns())
    with folder.writing() as out:
        # What this run may not draw, an earlier one may have.
        for picture in ("alike", "different", "outside"):
            (out / f"{picture}.png").unlink(missing_ok=True)
        latents = {
            f"{domain} {stage}": _encoded(vae, records, out / f"latents-{domain}-{stage}.parquet")
            for stage, vae in stages.items()
            for domain, records in sets.items()
        }
        tested, learned = {}, {}
        for name, table in latents.items():
            mask = np.full(len(table), True) if split == "all" else table.split == split
            tested[name] = table[mask]
            if split != "all":
                learned[name] = table[table.split == "train"]
        if not unpaired:
            pairs = join(tested[f"source {last}"], tested[f"target {last}"])
            _log.info(f"{split}: {pairs}")
            tested = {
                name: table[pairs.source if name.startswith("source") else pairs.target]
                for name, table in tested.items()
            }
        counts = {name: len(table) for name, table in tested.items()}
        if min(counts.values()) < _FEWEST:
            raise GalkerasError(
                f"too few galaxies to compare surveys, at least {_FEWEST} of each are needed: "
                + ", ".join(f"{counts[f'{domain} {last}']} of {records.survey}" for domain, records in sets.items())
                + ("" if unpaired else " in pairs; for different galaxies say `unpaired=True`")
            )

        scores = {
            stage: domain_scores(
                tested[f"source {stage}"].z, tested[f"target {stage}"].z, paired=not unpaired, seed=seed
            )
            for stage in stages
        }
        mapped = mapped_latents(tested, learned, not unpaired, seed)
        rows = [] if catalog is None else table_4(tested | mapped, learned, by_stage, catalog, seed, refit)
        compared = compare(scores, tested, mapped, rows, not unpaired, seed)
        expected = _expected(tested, by_stage, seed)
        supports = _supports(out, sets["target"], tested, learned, not unpaired, seed)
        left = _residuals(stages, sets, tested, seed)
        result = Shift(
            out,
            surveys,
            split,
            not unpaired,
            scores,
            tuple(rows),
            recovered(rows),
            compared=compared,
            expected=expected,
            support=supports,
            residuals=left,
            call=call,
        )
        draw_shift(out / "shift.png", surveys, tested, scores, rows, paired=not unpaired)
        if not unpaired:
            _draw_extremes(out, sets, tested)
        atomic_write(out / "shift.md", result.markdown())
        result.save(out)
    return result


def _forests(folders: Sequence[str | Path], stages: dict[str, VAE]) -> dict[str, Forests]:
    found = {}
    digests = {stage: vae.digest for stage, vae in stages.items()} if folders else {}
    for folder in folders:
        loaded = Forests.load(folder)
        stage = next((stage for stage, digest in digests.items() if digest == loaded.model), None)
        if stage is None:
            raise GalkerasError(
                f"{folder} was fitted on latents of model {loaded.model[:12]}, and the models here are "
                + ", ".join(digest[:12] for digest in digests.values())
            )
        found[stage] = loaded
    return found


def _expected(tested: dict[str, LatentTable], by_stage: dict[str, Forests], seed: int) -> dict[str, Expected]:
    """Return what forests are expected to lose, by stage, from source galaxies that they did not learn from."""
    found = {}
    for stage in ("before", "after"):
        if stage in by_stage:
            source, forests = tested[f"source {stage}"], by_stage[stage]
            fresh = ~np.isin(source.id, list(forests.trained or ()))
            if fresh.sum() < _FEWEST:
                _log.info(f"{stage}: no verdict, the forests learned from all but {fresh.sum()} of the source galaxies")
                continue
            found[stage] = expected_drop(source.z[fresh], tested[f"target {stage}"].z, forests, seed)
    return found


def _supports(
    out: Path,
    records: RecordSet,
    tested: dict[str, LatentTable],
    learned: dict[str, LatentTable],
    paired: bool,
    seed: int,
) -> dict[str, Support]:
    """Return how much of the target is unlike the source, by stage; write and draw which, as the last stage has it."""
    found = {}
    for stage in ("before", "after"):
        if f"source {stage}" not in tested:
            continue
        source, target = tested[f"source {stage}"], tested[f"target {stage}"]
        known = learned[f"source {stage}"].z if f"source {stage}" in learned else None
        found[stage], distance = support(known, source.z, target.z, paired=paired, seed=seed)
    # Farthest first; those that were not judged are NaN, which is beyond nothing.
    rows = np.argsort(-np.nan_to_num(distance), kind="stable")[: np.sum(distance > 1)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("id", "distance"))
    writer.writerows((target.id[row], f"{distance[row]:.4f}") for row in rows)
    atomic_write(out / "outside.csv", text.getvalue())
    if len(shown := target[rows[:_SHOWN]]):
        save_mosaic(out / "outside.png", galaxy_pictures([records], shown.id, shown.survey), columns=len(shown))
    return found


def _residuals(
    stages: dict[str, VAE], sets: dict[str, RecordSet], tested: dict[str, LatentTable], seed: int
) -> dict[str, dict[str, Residuals]]:
    """Return what each model leaves undrawn of each survey, by stage and by source and target."""
    found: dict[str, dict[str, Residuals]] = {stage: {} for stage in stages}
    for domain, records in sets.items():
        table = next(tested[f"{domain} {stage}"] for stage in stages)
        ((_, galaxies),) = find_galaxies([records], table.id, table.survey)
        for stage, vae in stages.items():
            found[stage][domain] = residuals(vae, galaxies, seed)
    return found


def _encoded(model: VAE, records: RecordSet, path: Path) -> LatentTable:
    encode(model, records.path, path, scores="none", any_survey=True, overwrite=True)
    return read_latents(path)


def _draw_extremes(out: Path, sets: dict[str, RecordSet], tested: dict[str, LatentTable]) -> None:
    """Draw the pairs whose latents are most alike and least (paper, fig. 5), of the first model there is."""
    stage = "before" if "source before" in tested else "after"
    order = np.argsort(paired_mse(tested[f"source {stage}"].z, tested[f"target {stage}"].z))
    for name, rows in (("alike", order[:_SHOWN]), ("different", order[::-1][:_SHOWN])):
        shown = [tested[f"{domain} {stage}"][rows] for domain in sets]
        names, surveys = (np.concatenate([getattr(table, column) for table in shown]) for column in ("id", "survey"))
        pictures = galaxy_pictures(list(sets.values()), names, surveys)
        # In two rows, source above target.
        save_mosaic(out / f"{name}.png", pictures, columns=len(rows))
