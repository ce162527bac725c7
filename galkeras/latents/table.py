"""The latent table: one row a galaxy, its posterior and how well it was reconstructed."""

__all__ = [
    "VIEWS",
    "LatentTable",
    "check_views",
    "feature_table",
    "joined",
    "latent_columns",
    "latent_metadata",
    "match_rows",
    "named_rows",
    "read_latents",
]

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from galkeras import __version__
from galkeras.io.calls import Call
from galkeras.io.columns import Columns, Metadata, read_columns, write_columns
from galkeras.io.errors import GalkerasError
from galkeras.io.typed import from_json

VIEWS = (1, 8)
"""Of how many views a posterior may be: the image as it is, or its four quarter turns and their mirror images."""

_STRINGS = ("id", "survey", "split")
_POSE, _CENTRE = ("position_angle", "parity"), ("centre_x", "centre_y")
_NUMBERS = ("ra", "dec", "reconstruction_mse", "ssim")


@dataclass(frozen=True, eq=False, repr=False)
class LatentTable:
    """What a model says of galaxies, row by row.

    As a file it has the columns ``id``, ``ra``, ``dec``, ``survey``, ``split``, ``z_00``…, ``log_var_00``…,
    ``reconstruction_mse``, ``ssim``, and the last three attributes below as metadata.

    Attributes:
        id: (rows,) names of the galaxies; a galaxy seen by two surveys has two rows.
        ra: (rows,) right ascension in degrees, NaN where unknown.
        dec: (rows,) declination in degrees, NaN where unknown.
        survey: (rows,) where the image is from.
        split: (rows,) ``train``, ``validation`` or ``test`` of the model's own training.
        z: (rows, latent_dim) float32, means of the posteriors.
        log_var: (rows, latent_dim) float32, log variances of the posteriors.
        reconstruction_mse: (rows,) mean squared error a pixel and band of the stretched image, NaN where not scored.
        ssim: (rows,) structural similarity of the stretched image (data range 1, window 11, sigma 1.5), likewise.
        model: The digest of the model that made it.
        views: Over how many flips and turns of the image the posterior was averaged: 1 or 8.
        votes: Whether the model learned from the votes or labels of galaxies of its training split.
        elsewhere: Whether it learned them of a record set that these galaxies are not of: which of them it knows can
            then be told by their names alone.
        pose: (rows, 2) how a galaxy lies in its image, where the model tells that apart from what it is, else None:
            position angle in degrees, from the image's x axis towards its y axis; and parity, 1 or -1. Or (rows, 4),
            where the model looks for the centre too: beside these its x and y, in pixels of the network's images from
            the middle.
        version: The version of galkeras that made it.
        call: How it was made, None where nobody knows.
    """

    id: np.ndarray
    ra: np.ndarray
    dec: np.ndarray
    survey: np.ndarray
    split: np.ndarray
    z: np.ndarray
    log_var: np.ndarray
    reconstruction_mse: np.ndarray
    ssim: np.ndarray
    model: str
    views: int = 1
    votes: bool = False
    elsewhere: bool = False
    pose: np.ndarray | None = None
    version: str = __version__
    call: Call | None = None

    def __repr__(self) -> str:
        scored = self.ssim[np.isfinite(self.ssim)]
        ssim = f", mean SSIM {scored.mean():.3f}" if len(scored) else ""
        return f"<LatentTable: {len(self):,} galaxies, {self.latent_dim} latents of model {self.model[:12]}{ssim}>"

    def __len__(self) -> int:
        return len(self.id)

    def __getitem__(self, rows: np.ndarray) -> "LatentTable":
        """Return some of the rows, by index or by a boolean for each."""
        columns = {field.name: getattr(self, field.name) for field in fields(self)}
        # Some of the rows are not what the call made.
        return replace(self, **{k: v[rows] for k, v in columns.items() if isinstance(v, np.ndarray)}, call=None)

    @property
    def latent_dim(self) -> int:
        """Number of latents."""
        return self.z.shape[1]

    @property
    def known(self) -> np.ndarray:
        """(rows,) of which galaxies the model was told the votes or labels: their latents know the answer."""
        return (self.split == "train") & self.votes

    def columns(self) -> Columns:
        """Return the columns of the file, by name."""
        columns = {name: getattr(self, name) for name in ("id", "ra", "dec", "survey", "split")}
        columns |= latent_columns(self.z, self.log_var)
        if self.pose is not None:
            columns |= dict(zip((*_POSE, *_CENTRE)[: self.pose.shape[1]], self.pose.T, strict=True))
        return columns | {"reconstruction_mse": self.reconstruction_mse, "ssim": self.ssim}

    def metadata(self) -> Metadata:
        """Return what the file holds beside its columns."""
        made = self.model, self.latent_dim, self.views, self.votes, self.elsewhere
        return latent_metadata(*made, self.version, self.call)

    def save(self, path: str | Path) -> None:
        """Write the table as Parquet, FITS, ECSV, CSV or NPZ, by the extension of ``path``."""
        write_columns(path, self.columns(), self.metadata())


def check_views(views: int) -> None:
    """Refuse a number of views that is none of `VIEWS`."""
    if views not in VIEWS:
        raise GalkerasError(f"`views` must be 1 or 8. Received: views={views}")


def joined(parts: Sequence[LatentTable]) -> LatentTable:
    """Return the rows of some tables of one model as one."""
    columns = {field.name: [getattr(part, field.name) for part in parts] for field in fields(LatentTable)}
    return replace(parts[0], **{k: np.concatenate(v) for k, v in columns.items() if isinstance(v[0], np.ndarray)})


def named_rows(batch: Mapping[str, Any], survey: str) -> Columns:
    """Return ``id``, ``ra``, ``dec``, ``survey`` and ``split`` of a batch of `records.reader.ordered_dataset`."""
    ids, splits = (np.array([text.decode() for text in np.asarray(batch[key])]) for key in ("id", "split"))
    ra, dec = (np.asarray(batch[key], np.float64) for key in ("ra", "dec"))
    return {"id": ids, "ra": ra, "dec": dec, "survey": np.full(len(ids), survey), "split": splits}


def feature_table(batches: Sequence[Mapping[str, Any]], survey: str, features: np.ndarray, model: str) -> LatentTable:
    """Return a table of features that no model of galkeras made: without spread, and nothing is rebuilt from them.

    Args:
        batches: What `named_rows` takes, of the galaxies in the order of the features.
        survey: Where the images are from.
        features: (rows, latent_dim) what takes the place of latents.
        model: What made them.
    """
    parts = [named_rows(batch, survey) for batch in batches]
    unknown = np.full(len(features), np.nan, np.float32)
    return LatentTable(
        **{name: np.concatenate([part[name] for part in parts]) for name in parts[0]},
        z=features.astype(np.float32),
        log_var=np.zeros(features.shape, np.float32),
        reconstruction_mse=unknown,
        ssim=unknown,
        model=model,
    )


def latent_columns(z: np.ndarray, log_var: np.ndarray) -> Columns:
    """Return the columns that hold (rows, latent_dim) posterior means and log variances."""
    return {
        f"{name}_{index:02d}": values[:, index]
        for name, values in (("z", z), ("log_var", log_var))
        for index in range(values.shape[1])
    }


def latent_metadata(
    model: str,
    latent_dim: int,
    views: int,
    votes: bool = False,
    elsewhere: bool = False,
    version: str = __version__,
    call: Call | None = None,
) -> Metadata:
    """Return the metadata of a latent table."""
    metadata = {"table": "latents", "model": model, "latent_dim": latent_dim, "views": views, "galkeras": version}
    told = {name: True for name, said in (("votes", votes), ("elsewhere", elsewhere)) if said}
    return metadata | told | ({} if call is None else {"call": asdict(call)})


def match_rows(table: LatentTable, ids: np.ndarray, surveys: np.ndarray) -> np.ndarray:
    """Return for each row of ``table`` the row of another one that is the same image, -1 where there is none.

    Args:
        table: Latents.
        ids: (rows,) names in the other table.
        surveys: (rows,) its surveys.
    """
    place = {name: row for row, name in enumerate(zip(ids.tolist(), surveys.tolist(), strict=True))}
    names = zip(table.id.tolist(), table.survey.tolist(), strict=True)
    return np.array([place.get(name, -1) for name in names], np.int64)


def read_latents(path: str | Path | LatentTable) -> LatentTable:
    """Read a latent table that `galkeras encode` or `LatentTable.save` wrote; one that was read is given back as it is.

    Raises:
        GalkerasError: It is no latent table, or a column is missing, not numeric or not finite; names file and
            column.
    """
    if isinstance(path, LatentTable):
        return path
    columns, metadata = read_columns(path, strings=_STRINGS)
    if metadata.get("table") != "latents":
        raise GalkerasError(f"{path} is no latent table: its metadata say {metadata.get('table')!r}")
    model, views, latent_dim = (metadata.get(key) for key in ("model", "views", "latent_dim"))
    if not (isinstance(model, str) and model and isinstance(views, int) and isinstance(latent_dim, int)):
        raise GalkerasError(f"{path}: its metadata must name `model`, `views` and `latent_dim`. Received: {metadata}")
    if latent_dim != sum(re.fullmatch(r"z_\d+", name) is not None for name in columns) or latent_dim < 1:
        raise GalkerasError(f"{path}: its metadata say {latent_dim} latents, and its columns z_00, z_01, … do not")

    try:
        call = from_json(Call | None, metadata.get("call"), "call")
    except ValueError as error:
        raise GalkerasError(f"{path}: its metadata are not what galkeras writes: {error}") from None

    def numbers(name: str, dtype: type, finite: bool) -> np.ndarray:
        values = _column(path, columns, name)
        if values.dtype.kind not in "iuf":
            raise GalkerasError(f"{path}: column {name!r} must hold numbers. Received: {values.dtype}")
        with np.errstate(over="ignore"):  # What is too large for it is infinite.
            held = values.astype(dtype)
        if finite and not np.isfinite(held).all():
            row = int(np.flatnonzero(~np.isfinite(held))[0])
            raise GalkerasError(f"{path}: column {name!r} is {values[row]} in row {row + 1}; latents must be finite")
        return held

    def latents(prefix: str) -> np.ndarray:
        return np.stack([numbers(f"{prefix}_{i:02d}", np.float32, True) for i in range(latent_dim)], -1)

    # One that is missing beside the others is named, and none takes its place.
    pose = (*_POSE, *(_CENTRE if columns.keys() & set(_CENTRE) else ()))
    table = LatentTable(
        **{name: _column(path, columns, name) for name in _STRINGS},
        **{name: numbers(name, np.float64 if name in ("ra", "dec") else np.float32, False) for name in _NUMBERS},
        z=latents("z"),
        log_var=latents("log_var"),
        model=model,
        views=views,
        votes=metadata.get("votes") is True,
        elsewhere=metadata.get("elsewhere") is True,
        pose=np.stack([numbers(name, np.float32, True) for name in pose], -1) if columns.keys() & set(pose) else None,
        version=str(metadata.get("galkeras")),
        call=call,
    )
    if len(table) == 0:
        raise GalkerasError(f"{path} has no rows")
    return table


def _column(path: str | Path, columns: Columns, name: str) -> np.ndarray:
    if name not in columns:
        raise GalkerasError(f"{path} has no column {name!r}, which a latent table needs")
    if columns[name].shape != columns["id" if "id" in columns else name].shape or columns[name].ndim != 1:
        raise GalkerasError(f"{path}: column {name!r} must hold one value a row. Received: {columns[name].shape}")
    return columns[name]


def pose_columns(pose: np.ndarray) -> np.ndarray:
    """Return the columns of `LatentTable.pose` of what a network says: (rows, 3) cosines, sines and parities, or 5."""
    angle = np.degrees(np.arctan2(pose[:, 1], pose[:, 0]))
    return np.concatenate([angle[:, None], pose[:, 2:]], -1).astype(np.float32)
