"""How many latents a survey's galaxies need: the paper's Figures 3 and 4."""

__all__ = ["LATENTS", "scan"]

import csv
import io
import logging
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from galkeras.evaluation.scan.knee import bootstrap_means, find_knee
from galkeras.evaluation.scan.report import ALL, Point, Scan, draw_scan
from galkeras.evaluation.scan.types import galaxy_types
from galkeras.io.calls import Call
from galkeras.io.errors import GalkerasError, did_you_mean
from galkeras.io.files import atomic_write
from galkeras.io.folders import OutputFolder
from galkeras.io.processes import in_child
from galkeras.io.text import counted
from galkeras.latents.table import LatentTable, read_latents
from galkeras.models.losses import LOSSES
from galkeras.models.stored import CONFIG_FILE, WEIGHTS_FILE, StoredModel
from galkeras.records.pairs import index_galaxies
from galkeras.records.schema import RecordSet
from galkeras.training.history import read_history
from galkeras.training.options import LONGER, NetworkOptions, flags, takes
from galkeras.training.stored import FitSummary
from galkeras.training.workers import refuse_workers

_log = logging.getLogger(__name__)

LATENTS = (10, 20, 40, 60, 80, 100)
"""The default N_L, about those of the paper's Fig. 3."""

LOSSES_TRIED = ("gaussian",)
"""The default losses; the paper tries mse and mae."""

_MODELS, _LATENTS = "models", "latents"
# Whose galaxies choose, and whose say how good the choice is.
_CHOOSE, _REPORT = "validation", "test"
_MOST_LATENTS = 4096
# TensorFlow keeps some 130 MB of every fit (64 pixels) that nothing gives back but the end of its process.
_FITS_A_PROCESS = 4


@takes(NetworkOptions)
def scan(
    records: str | Path,
    out: str | Path,
    *,
    latent_dim: Sequence[int] = LATENTS,
    loss: Sequence[str] = LOSSES_TRIED,
    catalog: str | Path | Table | None = None,
    label_column: str | None = None,
    id_column: str | None = None,
    options: NetworkOptions,
) -> Scan:
    """Fit a VAE for every number of latents and loss, and find how many latents are enough.

    Reconstructions are scored by SSIM on the validation galaxies, and these alone choose. They stopped the training
    too, so the SSIM to quote is that of the chosen model on the test galaxies. Models that are finished are taken as
    they are and an interrupted one goes on, so the same call resumes, and one with more numbers of latents adds to it.
    Models are fitted in processes of their own.

    Args:
        records: Folder of the record set.
        out: The folder to write: ``scan.csv``, ``scan.json``, ``scan.png``, and beneath ``models`` and ``latents``
            the model folder and the latent table of the validation galaxies of each fit, as in ``models/mse-040``;
            of the chosen one that of the test galaxies too, ``latents/mse-040-test.parquet``.
        latent_dim: Numbers of latents N_L.
        loss: Names in `galkeras.models.losses.LOSSES`.
        catalog: Vote fractions of one of the `TREES`: adds SSIM by the types of the tree (paper, Fig. 4).
        label_column: A column of the catalog to take the types from instead.
        id_column: The catalog's column of galaxy names, where it is not one of the usual.
        options: By keywords of their own, as in ``epochs=50``: those of `NetworkOptions`, the same for all fits; the
            seed is that of the bootstrap, too.

    Returns:
        The points, the knees and the recommendation, with the chosen model's scores on the test galaxies.

    Raises:
        GalkerasError: Bad settings, a record set without enough galaxies, or a folder that holds something else or a
            scan begun with other settings.
    """
    refuse_workers("scan")
    latent_dim, loss = _checked_latents(latent_dim), _checked_losses(loss)
    if catalog is None and label_column is not None:
        raise GalkerasError("`label_column` needs `catalog`, whose column it names")
    call = Call.of(
        scan,
        locals() | vars(options),
        flags(NetworkOptions) | {"latent_dim": "latent"},
        commas=("latent_dim", "loss"),
    )
    records, folder = RecordSet.load(records), _folder(Path(out))
    folder.check()
    types, left_out = {}, {}
    if catalog is not None:
        ids = index_galaxies(records, (_CHOOSE,)).id
        types, left_out = galaxy_types(ids, catalog, label_column, id_column)

    out = folder.path
    folders = {(name, count): out / _MODELS / f"{name}-{count:03d}" for name in loss for count in latent_dim}
    # Those that are there come first, so that settings that are not theirs are refused before anything is fitted.
    order = sorted(folders, key=lambda key: _stage(folders[key]))
    there = [key for key in order if _stage(folders[key]) == 0]
    ahead = order[len(there) :]
    groups = [there] + [ahead[start : start + _FITS_A_PROCESS] for start in range(0, len(ahead), _FITS_A_PROCESS)]
    settings = asdict(options)
    for key in order:
        if _stage(folders[key]) < 2:
            _check_begun(folders[key], settings)
    fitted: dict[tuple[str, int], _Fitted] = {}

    def task(key: tuple[str, int], split: str) -> tuple[Any, ...]:
        table = folders[key].name + ("" if split == _CHOOSE else f"-{split}")
        return records.path, folders[key], out / _LATENTS / f"{table}.parquet", split, *key, settings

    with folder.writing():
        try:
            for group in filter(None, groups):
                tasks = [task(key, _CHOOSE) for key in group]
                with closing(in_child(_fit_and_encode, tasks)) as done:
                    for key, (_, model, table, *_), _ in zip(group, tasks, done, strict=False):
                        fitted[key] = _Fitted.load(model, table)
                        _log.info(f"[{len(fitted)}/{len(order)}] {fitted[key].line(*key, key in there)}")
            result = _found(out, {key: fitted[key] for key in folders}, types, left_out, options.seed, call)
            if records.count(_REPORT):
                last = task(result.chosen, _REPORT)
                with closing(in_child(_fit_and_encode, [last])) as done:
                    list(done)
                result = replace(result, test=_tested(result.chosen, _Fitted.load(*last[1:3]), options.seed))
        except KeyboardInterrupt:
            _log.info(f"{out}: stopped; the same command goes on")
            raise

        _write_points(out / "scan.csv", result)
        draw_scan(out / "scan.png", result)
        result.save(out)
    return result


def _checked_latents(latent_dim: Sequence[int]) -> tuple[int, ...]:
    good = [count for count in latent_dim if type(count) is int and 1 <= count <= _MOST_LATENTS]
    if len(good) < len(latent_dim) or not good or len(set(good)) < len(good):
        raise GalkerasError(
            f"`latent_dim` must be different whole numbers from 1 to {_MOST_LATENTS}."
            f" Received: latent_dim={','.join(map(str, latent_dim))!r}"
        )
    return tuple(sorted(good))


def _checked_losses(loss: Sequence[str]) -> tuple[str, ...]:
    strange = next((name for name in loss if name not in LOSSES), None)
    if strange is not None or not loss or len(set(loss)) < len(loss):
        raise GalkerasError(
            f"`loss` must be of {', '.join(LOSSES)}, each once. Received: loss={','.join(loss)!r}."
            + (did_you_mean(strange, LOSSES) if strange else "")
        )
    return tuple(loss)


def _folder(out: Path) -> OutputFolder:
    return OutputFolder(out, "scan", rf"{_MODELS}|{_LATENTS}|scan\.(csv|json|png)|\..*")


def _stage(folder: Path) -> int:
    """Return 0 where a model is finished, 1 where it is begun, 2 where there is none."""
    return 0 if (folder / WEIGHTS_FILE).exists() else 1 if (folder / CONFIG_FILE).exists() else 2


def _check_begun(folder: Path, settings: dict[str, Any]) -> None:
    # What `fit` would go on with: its learning rates would be others than those of a model that had all epochs at once.
    training = StoredModel.load(folder).training
    for name in LONGER:
        old = training.get(name, settings[name])
        if old != settings[name]:
            raise GalkerasError(
                f"{folder} was begun with {name}={old}, not {settings[name]}: give the same, or another `out`"
            )


def _fit_and_encode(
    records: Path, folder: Path, path: Path, split: str, loss: str, latent: int, settings: dict[str, Any]
) -> None:
    """Fit a model unless it is there, and write the latents of the galaxies of a split unless they are."""
    from galkeras.latents.encode import encode
    from galkeras.training.fit import fit

    digest = fit(records, folder, loss=loss, latent_dim=latent, **settings, resume=True, quiet=True).digest
    try:
        table = read_latents(path)
        # Scans from when the test split chose hold its latents under the same name.
        there = table.model == digest and set(table.split.tolist()) == {split}
    except GalkerasError:  # none yet, or a damaged one
        there = False
    if not there:
        encode(folder, records, path, splits=(split,), scores="all", overwrite=True)


@dataclass(frozen=True, eq=False)
class _Fitted:
    """A model's latents of the galaxies of one split, its summary, and its history."""

    table: LatentTable
    summary: FitSummary
    history: list[dict[str, float]]

    @classmethod
    def load(cls, folder: Path, latents: Path) -> "_Fitted":
        return cls(read_latents(latents), FitSummary.load(folder), read_history(folder))

    @property
    def kl(self) -> np.ndarray:
        """The (galaxies,) KL divergence of each posterior from the standard normal, in nats."""
        return 0.5 * (self.table.z**2 + np.exp(self.table.log_var) - 1 - self.table.log_var).sum(1)

    def line(self, loss: str, latent: int, there: bool) -> str:
        spent = "there already" if there else f"{sum(row['seconds'] for row in self.history):,.0f} s"
        return (
            f"{loss} {latent}: {_CHOOSE} SSIM {self.table.ssim.mean():.4f}, {self.summary.active_units} of {latent}"
            f" latents active, KL {self.kl.mean():.1f} nats, {counted(len(self.history), 'epoch')}, {spent}"
        )

    def point(self, key: tuple[str, int], kind: str, mask: np.ndarray, interval: np.ndarray) -> Point:
        """Return the scores of the galaxies of one type, those of the (galaxies,) ``mask``, with SSIM's interval."""
        loss, latents = key
        return Point(
            loss=loss,
            latents=latents,
            type=kind,
            galaxies=int(mask.sum()),
            ssim=float(self.table.ssim[mask].mean(dtype=np.float64)),
            ssim_low=float(interval[0]),
            ssim_high=float(interval[1]),
            mse=float(self.table.reconstruction_mse[mask].mean()),
            kl=float(self.kl[mask].mean()),
            active_units=self.summary.active_units,
            epochs=len(self.history),
        )


def _found(
    out: Path,
    fitted: dict[tuple[str, int], _Fitted],
    types: dict[str, str],
    left_out: dict[str, int],
    seed: int,
    call: Call,
) -> Scan:
    """Put the scores together; every model has scored the same galaxies in the same order."""
    first = next(iter(fitted.values())).table
    of = np.array([types.get(name, "") for name in first.id.tolist()])
    masks = {ALL: np.full(len(first), True)} | {kind: of == kind for kind in dict.fromkeys(types.values())}
    points, knees = [], {name: {} for name, _ in fitted}
    ssim = np.stack([one.table.ssim for one in fitted.values()], -1).astype(np.float64)
    for kind, mask in masks.items():
        samples = bootstrap_means(ssim[mask], seed)
        intervals, mean = _intervals(samples), ssim[mask].mean(0)
        for column, (key, one) in enumerate(fitted.items()):
            points.append(one.point(key, kind, mask, intervals[column]))
        for name in knees:
            columns = [column for column, key in enumerate(fitted) if key[0] == name]
            latents = np.array([count for key, count in fitted if key == name])
            knees[name][kind] = find_knee(latents, mean[columns], samples[:, columns])
    summary = next(iter(fitted.values())).summary
    return Scan(_CHOOSE, tuple(points), knees, left_out, summary.ssim_window, summary.data_range, out, call=call)


def _tested(key: tuple[str, int], one: _Fitted, seed: int) -> Point:
    """Return what the chosen model scores on the galaxies that chose nothing."""
    ssim = one.table.ssim.astype(np.float64)
    (interval,) = _intervals(bootstrap_means(ssim[:, None], seed))
    return one.point(key, ALL, np.full(len(ssim), True), interval)


def _intervals(samples: np.ndarray) -> np.ndarray:
    """Return the (columns, 2) bounds of 95 % of (resamples, columns) means."""
    return np.percentile(samples, (2.5, 97.5), axis=0).T


def _write_points(path: Path, found: Scan) -> None:
    rows = [{"split": found.split} | asdict(point) for point in found.points]
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    atomic_write(path, text.getvalue())
