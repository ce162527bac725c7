"""The galaxies, and the flawed images, that are unlike all others."""

__all__ = ["PAPER_SIGMA", "Outliers", "outlier_scores", "outliers", "unusualness"]

import logging
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from galkeras import __version__
from galkeras.discovery.rules import PAPER_SIGMA, RULES
from galkeras.io.calls import Call
from galkeras.io.columns import Columns, write_columns
from galkeras.io.errors import GalkerasError
from galkeras.io.folders import OutputFolder
from galkeras.latents.table import LatentTable, read_latents
from galkeras.records.lookup import Found, find_galaxies
from galkeras.records.pictures import found_pictures
from galkeras.records.schema import RecordSet
from galkeras.surveys.pictures import save_mosaic

_log = logging.getLogger(__name__)

TABLE = "outliers.parquet"
MOSAIC = "outliers.png"
SHOWN = 36
"""Galaxies in the mosaic, as about many are in the paper's Fig. A1."""

# A rule says how many times the sample's 99th percentile a galaxy reaches, so that different rules can be compared.
_ORDINARY = 0.99
_BATCH = 256


@dataclass(frozen=True)
class Outliers:
    """Galaxies by how unusual they are.

    Attributes:
        columns: A row for each galaxy, the most unusual first: ``id``, ``survey``, ``ra``, ``dec``, ``rank``,
            ``score``, ``because`` (the rule that makes the score), ``sigma`` (the largest distance of a latent
            from the sample's mean, in standard deviations), ``sigma_latent`` (which latent that is),
            ``beyond_sigma`` (1 where the paper's rule fires, else 0), and the scores of the rules that rank.
        sigma: The paper's threshold in force.
    """

    columns: Columns
    sigma: float

    def __len__(self) -> int:
        return len(self.columns["id"])

    @property
    def beyond_sigma(self) -> int:
        """Number of galaxies that the paper's rule finds."""
        return int(self.columns["beyond_sigma"].sum())

    @property
    def largest_possible_sigma(self) -> float:
        """How many standard deviations from their mean a value of so many can be at most."""
        return (len(self) - 1) / len(self) ** 0.5


def outliers(
    latents: str | Path | LatentTable,
    out: str | Path | None = None,
    *,
    sigma: float = PAPER_SIGMA,
    records: Sequence[str | Path] = (),
    overwrite: bool = False,
) -> Outliers:
    """Rank galaxies by how unusual they are, and find those that the paper's rule finds.

    The paper takes a galaxy whose latents are anywhere beyond 8 standard deviations of the sample (Xu et al. 2023,
    sec. 6 and Fig. A1). The ranking is by the largest of several rules, each in units of the sample's own 99th
    percentile: a robust Mahalanobis distance of the posterior, the reconstruction error where all galaxies have one
    (``encode(scores="all")``) and, where the images are given, what latents do not see: a streak in one band, and
    pixels nobody observed.

    Args:
        latents: A latent table or its file.
        out: Folder to write: ``outliers.parquet`` and, with ``records``, ``outliers.png``, the first 36 row by row.
        sigma: Threshold of the paper's rule.
        records: The record sets that were encoded, at most one a survey. With them the images are scored too.
        overwrite: Replace what is there.

    Returns:
        The ranked table.

    Raises:
        GalkerasError: One galaxy alone, a threshold that is not positive, or records without the galaxies.
    """
    if not sigma > 0 or not np.isfinite(sigma):
        raise GalkerasError(f"`sigma` must be a positive number of standard deviations. Received: sigma={sigma}")
    call = Call.of(outliers, locals())
    table = read_latents(latents)
    if len(table) < 2:
        raise GalkerasError(f"an outlier is one among many, and {_name(latents)} has 1 galaxy")
    folder = None if out is None else _folder(Path(out), overwrite)
    if folder is not None:
        folder.check()
    sets = [RecordSet.load(path) for path in records]
    found = find_galaxies(sets, table.id, table.survey) if sets else []

    unscored = int(np.sum(~np.isfinite(table.reconstruction_mse)))
    if unscored:
        _log.warning(
            f"{unscored:,} of {len(table):,} galaxies have no reconstruction error, which therefore ranks none:"
            " `encode(scores='all')` gives each its own"
        )
    deviation = _deviations(table.z)
    scores = outlier_scores(table, found)
    units = {name: unusualness(values, RULES[name].least) for name, values in scores.items()}
    names = np.array(list(units))
    stacked = np.stack(list(units.values()))
    score = stacked.max(0)
    order = np.argsort(-score, kind="stable")
    columns = {
        **{name: getattr(table, name) for name in ("id", "survey", "ra", "dec")},
        "rank": np.empty(len(table), np.int64),
        "score": score,
        "because": names[stacked.argmax(0)],
        "sigma": deviation.max(1),
        "sigma_latent": deviation.argmax(1),
        "beyond_sigma": (deviation.max(1) > sigma).astype(np.int64),
        **scores,
    }
    columns["rank"][order] = np.arange(1, len(table) + 1)
    result = Outliers({name: values[order] for name, values in columns.items()}, sigma)
    if folder is not None:
        metadata = {"table": "outliers", "model": table.model, "sigma": sigma, "galkeras": __version__}
        metadata |= {"call": asdict(call)}
        with folder.writing() as out:
            if found:
                shown = order[:SHOWN]
                pictures = found_pictures(found, shown, sets[0].image_size)
                save_mosaic(out / MOSAIC, pictures, names=table.id[shown].tolist())
            # Last, because the folder counts as finished by it.
            write_columns(out / TABLE, result.columns, metadata)
    return result


def outlier_scores(table: LatentTable, found: Sequence[Found] = ()) -> Columns:
    """Return the (rows,) scores of the rules that rank, `galkeras.discovery.rules.RULES`, by name.

    Larger is more unusual. Rules that look at images have a say where these were ``found``.
    """
    rules = {name: rule.latents for name, rule in RULES.items() if rule.latents}
    of_latents = {}
    with tqdm(rules.items(), desc="latents", unit="rule", disable=None) as bar:
        for name, rule in bar:
            bar.set_postfix_str(name)
            of_latents[name] = rule(table)
    scores = {name: values for name, values in of_latents.items() if values is not None}
    if found:
        scores |= _of_images(found, len(table))
    return {name: scores[name] for name in RULES if name in scores}


def unusualness(values: np.ndarray, least: float = 0.0) -> np.ndarray:
    """Return (rows,) scores in units of their 99th percentile, which is taken for at least ``least``."""
    ordinary = max(np.quantile(values, _ORDINARY), least)
    return values / ordinary if ordinary > 0 else np.zeros_like(values)


def _deviations(z: np.ndarray) -> np.ndarray:
    """Return how many standard deviations each latent is from the sample's mean; 0 where a latent is constant."""
    z = z.astype(np.float64)
    varies = np.ptp(z, axis=0) > 0
    return np.where(varies, np.abs(z - z.mean(0)) / np.where(varies, z.std(0), 1), 0)


def _of_images(found: Sequence[Found], rows: int) -> Columns:
    rules = {name: rule.images for name, rule in RULES.items() if rule.images}
    scores = {name: np.zeros(rows) for name in rules}
    with tqdm(total=rows, desc="images", unit="image", disable=None) as bar:
        for one in found:
            for start in range(0, len(one.rows), _BATCH):
                part = slice(start, start + _BATCH)
                images = one.galaxies[part].images()
                for name, rule in rules.items():
                    scores[name][one.rows[part]] = rule(images, one.galaxies.records.units)
                bar.update(len(images))
    return scores


def _name(latents: str | Path | LatentTable) -> str:
    return "the table" if isinstance(latents, LatentTable) else str(latents)


def _folder(out: Path, overwrite: bool) -> OutputFolder:
    within = f"{re.escape(TABLE)}|{re.escape(MOSAIC)}"
    return OutputFolder(out, "outliers", within=within, marker=TABLE, done=TABLE, overwrite=overwrite)
