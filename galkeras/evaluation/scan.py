"""How many latents a survey's galaxies need: the paper's Figures 3 and 4."""

__all__ = ["LATENTS", "scan"]

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from astropy.table import Table

from galkeras.backend import keras
from galkeras.errors import GalkerasError, did_you_mean
from galkeras.evaluation.knee import bootstrap_means, find_knee
from galkeras.evaluation.scan_report import ALL, Point, Scan, draw_scan
from galkeras.evaluation.scan_types import galaxy_types
from galkeras.files import atomic_write, write_json
from galkeras.latents.encode import encode
from galkeras.latents.table import LatentTable, read_latents
from galkeras.models.config import LOSSES
from galkeras.models.folder import WEIGHTS_FILE
from galkeras.models.stored import CONFIG_FILE
from galkeras.models.vae import active_units
from galkeras.records.pairs import index_galaxies
from galkeras.records.schema import RecordSet
from galkeras.training.fit import fit
from galkeras.training.history import read_history

LATENTS = (10, 20, 40, 60, 80, 100)
"""The default N_L, about those of the paper's Fig. 3."""

_MODELS, _LATENTS = "models", "latents"
_REPORTS = ("scan.csv", "scan.json", "scan.png")
_MOST_LATENTS = 4096


def scan(
    records: str | Path,
    out: str | Path,
    *,
    latent: Sequence[int] = LATENTS,
    loss: Sequence[str] = LOSSES,
    catalogue: str | Path | Table | None = None,
    label_column: str | None = None,
    id_column: str | None = None,
    architecture: str = "residual",
    kl_weight: float = 0.01,
    focus: float = 0.3,
    image_size: int | None = None,
    epochs: int = 50,
    batch_size: int = 64,
    learning_rate: float = 2e-4,
    patience: int = 20,
    seed: int = 0,
) -> Scan:
    """Fit a VAE for every number of latents and loss, and find how many latents are enough.

    Reconstructions are scored by SSIM on galaxies that no model learned from. Models that are finished are taken as
    they are and an interrupted one goes on, so the same call resumes, and one with more numbers of latents adds to it.

    Args:
        records: Folder of the record set.
        out: The folder to write: ``scan.csv``, ``scan.json``, ``scan.png``, and beneath ``models`` and ``latents``
            the model folder and the latent table of the scored galaxies of each fit, as in ``models/mse-040``.
        latent: Numbers of latents N_L.
        loss: Of ``mse`` and ``mae``.
        catalogue: Vote fractions of the GZD-5 tree: adds SSIM by the types of `scan_types.TYPES` (paper, Fig. 4).
        label_column: A column of the catalogue to take the types from instead.
        id_column: The catalogue's column of galaxy names, where it is not one of the usual.
        architecture: This and what follows as in `galkeras.training.fit.fit`, the same for all fits.
        kl_weight: Weight of the KL term.
        focus: Width of the central weight of pixels.
        image_size: Side at which the network works.
        epochs: Passes over the training split, at most.
        batch_size: Images a step.
        learning_rate: Adam's, at its highest.
        patience: Epochs without improvement.
        seed: Of each fit, and of the bootstrap.

    Returns:
        The points, the knees and the recommendation.

    Raises:
        GalkerasError: Bad settings, a record set without enough galaxies, or a folder that holds something else or a
            scan begun with other settings.
    """
    latent, loss = _checked_latents(latent), _checked_losses(loss)
    if catalogue is None and label_column is not None:
        raise GalkerasError("--label-column needs --catalog, whose column it names")
    records, out = RecordSet.load(records), _checked_folder(Path(out))
    split = "test" if records.count("test") else "validation"
    types, left_out = {}, {}
    if catalogue is not None:
        ids = index_galaxies(records, (split,)).id
        types, left_out = galaxy_types(ids, catalogue, label_column, id_column)

    folders = {(name, count): out / _MODELS / f"{name}-{count:03d}" for name in loss for count in latent}
    # Those that are there come first, so that settings that are not theirs are refused before anything is fitted.
    order = sorted(folders, key=lambda key: _stage(folders[key]))
    tables: dict[tuple[str, int], LatentTable] = {}
    history: dict[tuple[str, int], list[dict[str, float]]] = {}
    try:
        for number, (name, count) in enumerate(order, 1):
            folder = folders[name, count]
            there = _stage(folder) == 0
            model = fit(
                records.path,
                folder,
                latent=count,
                loss=name,
                architecture=architecture,
                kl_weight=kl_weight,
                focus=focus,
                image_size=image_size,
                epochs=epochs,
                batch_size=batch_size,
                learning_rate=learning_rate,
                patience=patience,
                seed=seed,
                resume=True,
                quiet=True,
            )
            table = _encoded(folder, model.digest, records, split, out / _LATENTS / f"{folder.name}.parquet")
            # Keras remembers every model of the process. Forgetting them would forget the user's precision too.
            del model
            policy = keras.config.dtype_policy()
            keras.backend.clear_session()
            keras.config.set_dtype_policy(policy)
            tables[name, count], history[name, count] = table, read_history(folder)
            _announce(number, len(order), name, table, history[name, count], there)
    except KeyboardInterrupt:
        print(f"{out}: stopped; the same command goes on")
        raise

    tables = {key: tables[key] for key in folders}
    result = _found(out, split, tables, {key: len(history[key]) for key in folders}, types, left_out, seed)
    _write_points(out / "scan.csv", result.points)
    draw_scan(out / "scan.png", result)
    write_json(out / "scan.json", result.to_json())
    return result


def _checked_latents(latent: Sequence[int]) -> tuple[int, ...]:
    good = [count for count in latent if type(count) is int and 1 <= count <= _MOST_LATENTS]
    if len(good) < len(latent) or not good or len(set(good)) < len(good):
        raise GalkerasError(
            f"`latent` (--latent) must be different whole numbers from 1 to {_MOST_LATENTS}."
            f" Received: latent={','.join(map(str, latent))!r}"
        )
    return tuple(sorted(good))


def _checked_losses(loss: Sequence[str]) -> tuple[str, ...]:
    strange = next((name for name in loss if name not in LOSSES), None)
    if strange is not None or not loss or len(set(loss)) < len(loss):
        raise GalkerasError(
            f"`loss` (--loss) must be of {', '.join(LOSSES)}, each once. Received: loss={','.join(loss)!r}."
            + (did_you_mean(strange, LOSSES) if strange else "")
        )
    return tuple(loss)


def _checked_folder(out: Path) -> Path:
    if out.exists() and not out.is_dir():
        raise GalkerasError(f"{out} is a file; a scan needs a folder: give another --out")
    known = (_MODELS, _LATENTS, *_REPORTS)
    # What begins with a dot is left of a write that was killed.
    others = sorted(p.name for p in out.iterdir() if p.name not in known and p.name[0] != ".") if out.exists() else []
    if others:
        raise GalkerasError(f"{out} holds something else ({', '.join(others[:3])}): give another --out")
    return out


def _stage(folder: Path) -> int:
    """Return 0 where a model is finished, 1 where it is begun, 2 where there is none."""
    return 0 if (folder / WEIGHTS_FILE).exists() else 1 if (folder / CONFIG_FILE).exists() else 2


def _encoded(folder: Path, digest: str, records: RecordSet, split: str, path: Path) -> LatentTable:
    """Return the latents of the scored galaxies, from the table that an earlier run wrote where it is of this model."""
    try:
        if (table := read_latents(path)).model == digest:
            return table
    except GalkerasError:  # there is none yet, or it is damaged: it is made again
        pass
    encode(folder, records.path, path, splits=(split,))
    return read_latents(path)


def _announce(
    number: int, fits: int, loss: str, table: LatentTable, history: list[dict[str, float]], there: bool
) -> None:
    spent = "there already" if there else f"{sum(row['seconds'] for row in history):,.0f} s"
    print(
        f"[{number}/{fits}] {loss} {table.latent_dim}: SSIM {table.ssim.mean():.4f}, {active_units(table.z)} of"
        f" {table.latent_dim} latents active, KL {_kl(table).mean():.1f} nats, {len(history)} epochs, {spent}",
        flush=True,
    )


def _kl(table: LatentTable) -> np.ndarray:
    """Return the (rows,) KL divergence of each galaxy's posterior from the standard normal, in nats."""
    return 0.5 * (table.z**2 + np.exp(table.log_var) - 1 - table.log_var).sum(1)


def _found(
    out: Path,
    split: str,
    tables: dict[tuple[str, int], LatentTable],
    epochs: dict[tuple[str, int], int],
    types: dict[str, str],
    left_out: dict[str, int],
    seed: int,
) -> Scan:
    """Put the scores together; every model has scored the same galaxies in the same order."""
    first = next(iter(tables.values()))
    of = np.array([types.get(name, "") for name in first.id.tolist()])
    masks = {ALL: np.full(len(first), True)} | {kind: of == kind for kind in dict.fromkeys(types.values())}
    points, knees = [], {name: {} for name, _ in tables}
    ssim = np.stack([table.ssim for table in tables.values()], -1).astype(np.float64)
    for kind, mask in masks.items():
        samples = bootstrap_means(ssim[mask], seed)
        low, high = np.percentile(samples, (2.5, 97.5), axis=0)
        mean = ssim[mask].mean(0)
        for column, ((name, count), table) in enumerate(tables.items()):
            points.append(
                Point(
                    loss=name,
                    latents=count,
                    type=kind,
                    galaxies=int(mask.sum()),
                    ssim=float(mean[column]),
                    ssim_low=float(low[column]),
                    ssim_high=float(high[column]),
                    mse=float(table.reconstruction_mse[mask].mean()),
                    kl=float(_kl(table)[mask].mean()),
                    active_units=active_units(table.z),
                    epochs=epochs[name, count],
                )
            )
        for name in knees:
            columns = [column for column, key in enumerate(tables) if key[0] == name]
            latents = np.array([count for key, count in tables if key == name])
            knees[name][kind] = find_knee(latents, mean[columns], samples[:, columns])
    return Scan(out, split, tuple(points), knees, left_out)


def _write_points(path: Path, points: Sequence[Point]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, asdict(points[0]).keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(asdict, points))
    atomic_write(path, text.getvalue())
