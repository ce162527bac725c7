"""Galaxies that look like one another, by the distance of their latents."""

__all__ = ["LatentIndex", "Similar", "information", "similar"]

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from sklearn.neighbors import NearestNeighbors

from galkeras import __version__
from galkeras.io.calls import Call
from galkeras.io.columns import Columns, write_columns
from galkeras.io.errors import GalkerasError, did_you_mean
from galkeras.io.folders import OutputFolder
from galkeras.latents.table import LatentTable, read_latents
from galkeras.records.pictures import galaxy_pictures
from galkeras.records.schema import RecordSet
from galkeras.surveys.cutouts import CutoutError, read_cutout
from galkeras.surveys.pictures import save_mosaic, to_rgb

TABLE = "similar.parquet"
MOSAIC = "similar.png"

# Among how many names, those next to it in the alphabet, the nearest to an unknown one is sought.
_NAMES = 2000


@dataclass(frozen=True)
class Similar:
    """Galaxies that look like others.

    Attributes:
        columns: A row for each neighbour: ``query``, ``query_survey``, ``neighbour`` (1, 2, …), ``id``, ``survey``,
            ``ra``, ``dec``, ``distance``.
        typical_distance: How far apart two galaxies of the table are that have nothing to do with one another.
    """

    columns: Columns
    typical_distance: float


class LatentIndex:
    r"""Finds the nearest galaxies, exactly, in a distance that weighs each latent by the information it carries.

    .. math:: d^2(a, b) = \sum_i w_i^2 (\mu_{a,i} - \mu_{b,i})^2, \quad w_i = -\langle \ln \sigma_i \rangle

    where mu and sigma are the means and widths of the posteriors: a latent that images hardly constrain hardly counts.

    Args:
        table: The galaxies to look among.

    >>> index = LatentIndex(read_latents("latents.parquet"))  # doctest: +SKIP
    >>> distances, rows = index.nearest(index.table.z[:2], count=12)  # doctest: +SKIP
    """

    def __init__(self, table: LatentTable):
        self.table = table
        self._weights = information(table.log_var)
        points = (table.z * self._weights).astype(np.float32)
        self._neighbours = NearestNeighbors(algorithm="brute").fit(points)
        # Twice the variance is the mean squared difference of two galaxies drawn at random.
        self.typical_distance = float(np.sqrt(2 * points.var(0, dtype=np.float64).sum()))
        if self.typical_distance == 0:
            raise GalkerasError("all galaxies of the table have the same latents: the model that made it has collapsed")

    def nearest(self, z: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return (queries, count) distances, the nearest first, and the rows of the table that they lead to.

        Args:
            z: (queries, latent_dim) posterior means, of the table's model.
            count: How many, at most the rows of the table.
        """
        return self._neighbours.kneighbors((z * self._weights).astype(np.float32), count)


def information(log_var: np.ndarray) -> np.ndarray:
    """Return (latent_dim,) how much a latent says of a galaxy, in nats: the mean of minus the log posterior width.

    That is, how many e-folds narrower than the prior, whose width is 1, the posteriors are; 0 where they are not.
    Where no latent says anything, as in tables that have no posteriors, each counts as 1.
    """
    nats = np.maximum(-0.5 * log_var.mean(0, dtype=np.float64), 0)
    return nats if nats.any() else np.ones_like(nats)


class _Query(NamedTuple):
    """A galaxy to find others like: its latents, its row in the table or None, and how to show it."""

    name: str
    survey: str
    z: np.ndarray
    row: int | None
    picture: np.ndarray | None = None


def similar(
    latents: str | Path | LatentTable,
    ids: Sequence[str] = (),
    out: str | Path | None = None,
    *,
    count: int = 12,
    image: str | Path | None = None,
    model: str | Path | None = None,
    crop: int | None = None,
    records: Sequence[str | Path] = (),
    overwrite: bool = False,
) -> Similar:
    """Return the galaxies of a latent table that are most like some of them, or like a new image.

    The search is exact, and the distance that of `LatentIndex`. A galaxy is not its own neighbour; its image in
    another survey may be.

    Args:
        latents: A latent table or its file.
        ids: Names of galaxies in it. A name that several surveys have is a query for each.
        out: Folder to write: ``similar.parquet`` and, with ``records``, ``similar.png``: a row for each query, which
            comes first.
        count: Neighbours of each; all others where there are fewer.
        image: A cutout (FITS, PNG or JPEG) to look for as well.
        model: The model folder that encodes it: the one that made the table.
        crop: Take the central ``crop`` x ``crop`` pixels of the cutout and resample them to the model's size; by
            default the cutout is prepared as the model's own images were.
        records: The record sets that were encoded, at most one a survey, to show them.
        overwrite: Replace what is there.

    Returns:
        The neighbours of each query, the nearest first.

    Raises:
        GalkerasError: An unknown galaxy, a table of one galaxy or of another model, or an image that cannot be used.
    """
    if count < 1:
        raise GalkerasError(f"`count` must be 1 or more. Received: count={count}")
    if not ids and image is None:
        raise GalkerasError("nothing to look for: name galaxies of the table, or give `image`")
    if image is not None and model is None:
        raise GalkerasError("`image` needs `model`, the model that made the table")
    if records and out is None:
        raise GalkerasError("`records` needs `out`, the folder of the mosaic")
    call = Call.of(similar, locals() | {"ids": None})
    call = replace(call, inputs=call.inputs | {f"id-{number}": name for number, name in enumerate(ids, 1)})
    folder = None if out is None else _folder(Path(out), overwrite)
    if folder is not None:
        folder.check()
    table = read_latents(latents)
    where = "the table" if isinstance(latents, LatentTable) else str(latents)
    sets = [RecordSet.load(path) for path in records]
    queries = [query for name in dict.fromkeys(ids) for query in _of_table(table, where, name)]
    if image is not None:
        queries.append(_of_image(table, where, Path(image), model, crop))
    if len(table) < 2 and any(query.row is not None for query in queries):
        raise GalkerasError(f"{where} has 1 galaxy, and nothing to compare it with")

    index = LatentIndex(table)
    distances, rows = _nearest_others(index, queries, count)
    columns = _columns(table, queries, distances, rows)
    if folder is not None:
        metadata = {"table": "similar", "model": table.model, "typical_distance": index.typical_distance}
        metadata["call"] = asdict(call)
        with folder.writing() as out:
            if sets:
                _draw(out / MOSAIC, table, sets, queries, rows)
            write_columns(out / TABLE, columns, metadata | {"galkeras": __version__})
    return Similar(columns, index.typical_distance)


def _of_table(table: LatentTable, where: str, name: str) -> list[_Query]:
    rows = np.flatnonzero(table.id == name)
    if not len(rows):
        names = np.unique(table.id)
        middle = int(np.searchsorted(names, name))
        near = names[max(0, middle - _NAMES // 2) : middle + _NAMES // 2].tolist()
        # What is merely cut short would be too unlike its whole.
        whole = [other for other in near if other.startswith(name)][:1] if name else []
        hint = f" Did you mean {whole[0]!r}?" if whole else did_you_mean(name, near)
        raise GalkerasError(f"{where} has no galaxy {name!r}.{hint}")
    return [_Query(name, str(table.survey[row]), table.z[row], int(row)) for row in rows]


def _of_image(table: LatentTable, where: str, path: Path, model: Any, crop: int | None) -> _Query:
    # TensorFlow takes seconds to load, and only images need it.
    from galkeras.latents.views import encode_views
    from galkeras.models.folder import load_model
    from galkeras.records.single import prepare_for

    vae = load_model(model)
    if vae.digest != table.model:
        raise GalkerasError(
            f"{where} is of model {table.model[:12]}, and {model} is model {vae.digest[:12]}: their latents cannot be"
            " compared. Encode with this model, or give the other one"
        )
    takes = vae.config
    try:
        cutout = read_cutout(path, bands=takes.bands)
        galaxy, survey = prepare_for(cutout, path.name, takes.images, takes.surveys, crop=crop)
    except CutoutError as error:
        raise GalkerasError(f"{path}: {error}") from None
    pixels = galaxy.image[None].astype(np.float32)
    z, _ = encode_views(vae, pixels, table.views)
    (picture,) = to_rgb(pixels, takes.units, takes.pixel_scale, takes.bands)
    return _Query(path.name, survey, z.numpy()[0], None, picture)


def _nearest_others(index: LatentIndex, queries: Sequence[_Query], count: int) -> tuple[list, list]:
    """Return for each query the distances and the rows of its neighbours, itself left out."""
    # One more than is asked for, because a galaxy of the table finds itself.
    found = index.nearest(np.stack([query.z for query in queries]), min(count + 1, len(index.table)))
    distances, rows = [], []
    for query, far, row in zip(queries, *found, strict=True):
        others = row != (-1 if query.row is None else query.row)
        distances.append(far[others][:count])
        rows.append(row[others][:count])
    return distances, rows


def _columns(table: LatentTable, queries: Sequence[_Query], distances: list, rows: list) -> Columns:
    lengths = [len(row) for row in rows]
    near = table[np.concatenate(rows)]
    return {
        "query": np.repeat([query.name for query in queries], lengths),
        "query_survey": np.repeat([query.survey for query in queries], lengths),
        "neighbour": np.concatenate([np.arange(1, length + 1) for length in lengths]),
        **{name: getattr(near, name) for name in ("id", "survey", "ra", "dec")},
        "distance": np.concatenate(distances).astype(np.float64),
    }


def _draw(path: Path, table: LatentTable, records: list[RecordSet], queries: Sequence[_Query], rows: list) -> None:
    side = records[0].image_size
    # A row for each query: itself where it is in the table, then its neighbours.
    wanted = [[] if query.row is None else [query.row] for query in queries]
    wanted = [np.array([*first, *near], int) for first, near in zip(wanted, rows, strict=True)]
    flat = np.concatenate(wanted)
    pictures = np.split(
        galaxy_pictures(records, table.id[flat], table.survey[flat], side), np.cumsum([len(row) for row in wanted])[:-1]
    )
    lines, names = [], []
    for query, line, places in zip(queries, pictures, wanted, strict=True):
        names += ([query.name] if query.picture is not None else []) + table.id[places].tolist()
        if query.picture is not None:
            first = np.asarray(Image.fromarray(query.picture).resize((side, side)))
            line = np.concatenate([first[None], line])
        lines.append(line)
    save_mosaic(path, np.concatenate(lines), columns=len(lines[0]), names=names)


def _folder(out: Path, overwrite: bool) -> OutputFolder:
    within = f"{re.escape(TABLE)}|{re.escape(MOSAIC)}"
    return OutputFolder(out, "similar", within=within, marker=TABLE, done=TABLE, overwrite=overwrite)
