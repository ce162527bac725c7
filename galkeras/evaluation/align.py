"""Latents of one survey as another survey's would have been: a map of latents, no training."""

__all__ = ["METHODS", "align"]

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from galkeras.evaluation.shift.baselines import BASELINES, Map
from galkeras.io.calls import Call
from galkeras.io.columns import check_new
from galkeras.io.errors import GalkerasError, did_you_mean
from galkeras.latents.table import LatentTable, read_latents
from galkeras.records.pairs import Pairs, join

_log = logging.getLogger(__name__)

METHODS = tuple(BASELINES)
"""The maps by name."""

# Pairs a latent from which a regression on all latents is the better map: of 2,373 mock pairs and 40 latents it was, of
# 48 real ones it was far worse.
_PAIRS_A_LATENT = 10
_FEWEST = 20


def align(
    source: str | Path | LatentTable,
    target: str | Path | LatentTable,
    out: str | Path | None = None,
    *,
    method: str | None = None,
    overwrite: bool = False,
) -> LatentTable:
    """Move the latents of one survey to where those of another are, so that what was fitted on these can be asked.

    Both tables are of one model, which has seen one of the surveys or both. The map is fitted on the rows of the
    training split and moves all rows of ``target``, which must therefore hold galaxies of that split. Widths of the
    posteriors go through the map too. What it is worth is told by `shift`, which sets the same maps beside every model
    on galaxies that they were not fitted on; docs/adaptation.md compares them with adapted models.

    Args:
        source: Latents of the survey that forests, neighbours or whatever else were made from; or their file.
        target: Latents of the other survey; or their file.
        out: Table to write: .parquet, .fits, .ecsv, .csv or others.
        method: ``ridge``, a regression from a galaxy's latents in the target to those in the source, for which both
            hold the same galaxies; ``median-mad``, a shift and a factor for each latent, or ``coral``, means and
            covariances, which take for granted that both hold like galaxies. By default ``ridge`` with 10 pairs a
            latent or more, else ``median-mad``.
        overwrite: Replace what is there.

    Returns:
        The rows of ``target``, their latents moved.

    Raises:
        GalkerasError: The tables are of two models, of one survey, or have too few galaxies or pairs to fit a map on.
    """
    call = Call.of(align, locals())
    if out is not None:
        out = check_new(out, overwrite, (source, target))
    if method is not None and method not in METHODS:
        raise GalkerasError(
            f"`method` must be one of {', '.join(METHODS)}.{did_you_mean(method, METHODS)} Received: method={method!r}"
        )
    from_, to = read_latents(target), read_latents(source)
    _check(to, from_)
    learned = [table[table.split == "train"] for table in (to, from_)]
    pairs = join(*learned)
    if method is None:
        method = "ridge" if len(pairs) >= _PAIRS_A_LATENT * to.latent_dim else "median-mad"
    map_ = _fitted(method, learned, pairs)
    z, log_var = _moved(map_, from_)
    moved = replace(from_, z=z, log_var=log_var, call=call)
    if out is not None:
        moved.save(out)
    return moved


def _check(to: LatentTable, from_: LatentTable) -> None:
    if to.model != from_.model:
        raise GalkerasError(
            f"the latents are of two models ({to.model[:12]} and {from_.model[:12]}): encode both surveys with one"
        )
    if to.latent_dim != from_.latent_dim:
        raise GalkerasError(
            f"`source` has {to.latent_dim} latents and `target` {from_.latent_dim}: encode both surveys with one model"
        )
    if to.views != from_.views:
        raise GalkerasError(
            f"the latents are averaged over {to.views} and {from_.views} views: encode both with the same `views`"
        )
    surveys = [sorted(set(table.survey.tolist())) for table in (to, from_)]
    if any(len(names) > 1 for names in surveys) or surveys[0] == surveys[1]:
        said = " and ".join(", ".join(names) for names in surveys)
        raise GalkerasError(f"`source` and `target` must be of one survey each, and of two. Received: {said}")


def _fitted(method: str, learned: list[LatentTable], pairs: Pairs) -> Map:
    baseline, (to, from_) = BASELINES[method], learned
    if baseline.pairs:
        count, what = len(pairs), "pairs"
        z = to.z[pairs.source], from_.z[pairs.target]
    else:
        count, what = min(len(to), len(from_)), "galaxies of each survey"
        z = to.z, from_.z
    if count < _FEWEST:
        raise GalkerasError(
            f"a map needs {_FEWEST} {what} of the training split or more: encode all splits of both record sets."
            f" Received: {count}"
        )
    _log.info(f"{baseline.title}, fitted on {count:,} {what}")
    return baseline.fit(*z)


def _moved(map_: Map, table: LatentTable) -> tuple[np.ndarray, np.ndarray]:
    """Return the latents where the map moves them, and the log variances of what comes out of it.

    Every map is affine, so that its matrix is what it makes of unit vectors.
    """
    unit = np.eye(table.latent_dim)
    with np.errstate(all="ignore"):
        matrix = map_(unit) - map_(np.zeros_like(unit))
        variance = np.exp(table.log_var.astype(float)) @ np.square(matrix)
        z, log_var = map_(table.z), np.log(np.maximum(variance, 1e-12)).astype(np.float32)
    finite = np.isfinite(z).all(1) & np.isfinite(log_var).all(1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise GalkerasError(
            f"the map takes {np.sum(~finite):,} of {len(table):,} galaxies out of the range of numbers, the first"
            f" {str(table.id[row])!r}: the latents of `source` and `target` are of too different a size"
        )
    return z, log_var
