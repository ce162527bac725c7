"""Cutouts in, a table of latents, classes and outlier scores out, with no record set on the way."""

__all__ = ["Measurement", "measure"]

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from tqdm import tqdm

from galkeras.io.calls import Call
from galkeras.io.columns import Columns, check_new, column_writer, write_rejected
from galkeras.io.errors import GalkerasError
from galkeras.io.processes import cores
from galkeras.latents.table import LatentTable, check_views, latent_metadata
from galkeras.models.stored import StoredModel
from galkeras.morphology.forests import Forests
from galkeras.morphology.predict import class_columns, share_columns
from galkeras.records.example import Galaxy
from galkeras.records.plan import CATALOG_COLUMNS, plan_rows
from galkeras.records.schema import split_of
from galkeras.records.single import prepare_for
from galkeras.records.write import Reject, Row
from galkeras.surveys.cutouts import CutoutError, read_cutout
from galkeras.surveys.gather import gather

if TYPE_CHECKING:
    from galkeras.latents.step import Made
    from galkeras.models.vae import VAE

# Galaxies at a time that forests are asked about: each call costs them some tenths of a second.
_CLASSIFIED = 1024
# Batches that are read ahead.
_AHEAD = 3


@dataclass(frozen=True)
class Measurement:
    """What `measure` wrote.

    Attributes:
        path: The table.
        galaxies: Its rows.
        rejected: The others: name, file and reason of each, in ``OUT.rejected.csv``.
        ssim: Mean SSIM of the reconstructions (stretched image, data range 1).
        probabilities: How many class probabilities each row has.
    """

    path: Path
    galaxies: int
    rejected: tuple[Reject, ...]
    ssim: float
    probabilities: int


class _Prepared(NamedTuple):
    row: Row
    galaxy: Galaxy
    survey: str


def measure(
    cutouts: str | Path,
    catalog: str | Path | None = None,
    *,
    model: str | Path,
    out: str | Path,
    forests: str | Path | Forests | None = None,
    survey: str | None = None,
    crop: int | None = None,
    id_column: str | None = None,
    views: int | None = None,
    batch_size: int = 64,
    overwrite: bool = False,
) -> Measurement:
    """Write latents, classes and outlier scores of cutouts, which are read, prepared and encoded batch by batch.

    Each cutout is prepared as the images were that the model was fitted on, or left out with the reason: rows in are
    rows written and rejected. Memory stays the same however many galaxies there are (with ``.parquet``).

    Args:
        cutouts: A folder, or a file of many images, as in `galkeras.records.make.make_tfrecords`.
        catalog: One row a galaxy; without one a galaxy is named as its file.
        model: A model folder, ``saved_models/NAME``.
        out: The table to write: a latent table, as `encode` writes it, with further columns; ``.parquet``, ``.fits``,
            ``.ecsv``, ``.csv`` or ``.npz``.
        forests: A folder that `classify` wrote on this model's latents. Adds ``outlier_score``, the largest distance of
            a latent from the mean of the galaxies given to `classify` in their standard deviations, and the columns
            of `predict`.
        survey: Of which of the model's surveys cutouts are that do not say so; by default its first.
        crop: Take the central ``crop`` x ``crop`` pixels and resample them to the model's size; by default as the
            model's own images were prepared, and from another pixel scale to theirs, as ``make-tfrecords --like`` does.
        id_column: The catalog's column of galaxy names, where it is not one of the usual.
        views: 8 averages the latents over the flips and quarter turns of each image; by default as the forests need
            it, else 1.
        batch_size: Images at a time.
        overwrite: Replace what is there.

    Raises:
        GalkerasError: Something does not fit, or no cutout can be used.
    """
    out = check_new(out, overwrite, (cutouts, catalog))
    for name, value in (("batch_size", batch_size), ("crop", crop)):
        if value is not None and value < 1:
            raise GalkerasError(f"`{name}` must be 1 or more. Received: {name}={value}")
    call = Call.of(measure, locals())
    loaded = forests if forests is None or isinstance(forests, Forests) else Forests.load(forests)
    if views is None:
        views = 1 if loaded is None else loaded.views
    check_views(views)
    table, sources = gather(catalog, cutouts, id_column, False, CATALOG_COLUMNS)
    rows, rejects = plan_rows(table, sources)
    # As the catalog has them, and not in the order of a record set.
    rows.sort(key=lambda row: row.number)
    StoredModel.load(model)
    # TensorFlow loads when there is something to compute.
    from galkeras.latents.step import Made
    from galkeras.models.folder import load_model

    vae = load_model(model)
    surveys = vae.config.surveys
    if survey is not None and survey not in surveys:
        raise GalkerasError(f"`survey` must be one of the model's, {', '.join(surveys)}. Received: survey={survey!r}")
    if loaded is not None and loaded.model != vae.digest:
        raise GalkerasError(
            f"the forests were fitted on latents of model {loaded.model[:12]}, and {model} is model {vae.digest[:12]}:"
            " name the model that they belong to"
        )
    made = Made.by(vae, views, None)
    work = _Work(vae, loaded, made)
    metadata = latent_metadata(latent_dim=vae.config.latent_dim, **made._asdict(), call=call)
    bar = tqdm(total=len(table), desc="measure", unit="galaxy", disable=None)
    with column_writer(out, metadata) as write, bar:
        for batch in _batches(rows, vae, survey, crop, batch_size, rejects):
            for columns in work.add(batch, rejects):
                write(columns)
            bar.update(work.galaxies + len(rejects) - bar.n)
        for columns in work.rest():
            write(columns)
        if not work.galaxies:
            raise GalkerasError(f"none of {len(table):,} cutouts can be used; {rejects[0].id}: {rejects[0].reason}")
        rejects.sort()
        write_rejected(out, ("id", "file", "reason"), [reject[1:] for reject in rejects])
    return Measurement(out, work.galaxies, tuple(rejects), work.ssim / work.galaxies, work.probabilities)


class _Work:
    """Turns prepared galaxies into columns, some thousand galaxies at a time."""

    def __init__(self, vae: "VAE", forests: Forests | None, made: "Made") -> None:
        self._vae, self._forests, self._made = vae, forests, made
        self._steps: dict[str, Any] = {}
        self._waiting: list[LatentTable] = []
        self.galaxies, self.ssim = 0, 0.0
        self.probabilities = sum(len(one.classes) for one in forests.by_question.values()) if forests else 0

    def add(self, batch: Sequence[_Prepared], rejects: list[Reject]) -> Iterator[Columns]:
        """Encode a batch, a survey at a time, and yield columns where enough galaxies have come together."""
        from galkeras.latents.step import latent_step

        for survey in dict.fromkeys(one.survey for one in batch):
            part = [one for one in batch if one.survey == survey]
            if survey not in self._steps:
                self._steps[survey] = latent_step(self._vae, survey, self._made.views)
            encoded = self._steps[survey](np.stack([one.galaxy.image for one in part]).astype(np.float32))
            finite = np.isfinite(np.concatenate([np.asarray(values) for values in encoded[:2]], -1)).all(-1)
            rejects += [
                Reject(one.row.number, one.row.id, one.row.source.path, "the model's answer is not finite")
                for one, good in zip(part, finite, strict=True)
                if not good
            ]
            part = [one for one, good in zip(part, finite, strict=True) if good]
            if part:
                self._keep(part, tuple(np.asarray(values)[finite] for values in encoded), survey)
        if sum(map(len, self._waiting)) >= _CLASSIFIED:
            yield from self.rest()

    def _keep(self, part: Sequence[_Prepared], encoded: tuple[np.ndarray, ...], survey: str) -> None:
        from galkeras.latents.step import latent_rows

        names = [one.row.id for one in part]
        table = latent_rows(
            encoded,
            self._made,
            id=np.array(names),
            ra=np.array([one.galaxy.ra for one in part]),
            dec=np.array([one.galaxy.dec for one in part]),
            survey=np.full(len(part), survey),
            split=np.array([split_of(name) for name in names]),
        )
        self._waiting.append(table)
        self.galaxies += len(table)
        self.ssim += float(table.ssim.sum(dtype=np.float64))

    def rest(self) -> Iterator[Columns]:
        """Yield the columns of what waits."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        columns = {name: np.concatenate([one.columns()[name] for one in waiting]) for name in waiting[0].columns()}
        if self._forests is not None:
            z = np.concatenate([one.z for one in waiting])
            mean, std = np.array(self._forests.latent_mean), np.array(self._forests.latent_std)
            far = np.divide(np.abs(z - mean), std, out=np.zeros(z.shape), where=std > 0)
            columns["outlier_score"] = far.max(1)
            for question, forest in self._forests.by_question.items():
                columns |= class_columns(question, forest.classes, forest.probabilities(z), columns)
            if self._forests.votes is not None:
                columns |= share_columns(self._forests.votes, z, columns)
        yield columns


def _batches(
    rows: Sequence[Row], vae: "VAE", survey: str | None, crop: int | None, batch_size: int, rejects: list[Reject]
) -> Iterator[list[_Prepared]]:
    """Yield prepared galaxies in batches; those that do not fit go to ``rejects``."""
    takes = vae.config

    def prepared(row: Row) -> _Prepared | Reject:
        try:
            cutout = read_cutout(*row.source, bands=takes.bands)
            galaxy, its = prepare_for(cutout, row.id, takes.images, takes.surveys, crop=crop, row=row, survey=survey)
            return _Prepared(row, galaxy, its)
        except CutoutError as error:
            return Reject(row.number, row.id, row.source.path, str(error))

    # Readers of files that hold many images are not made for several threads.
    threads = 1 if any(row.source.row is not None for row in rows) else cores()
    waiting: deque[Future[_Prepared | Reject]] = deque()
    batch: list[_Prepared] = []
    left = iter(rows)
    pool = ThreadPoolExecutor(threads)
    try:
        while True:
            while len(waiting) < _AHEAD * batch_size and (row := next(left, None)) is not None:
                waiting.append(pool.submit(prepared, row))
            if not waiting:
                break
            one = waiting.popleft().result()
            if isinstance(one, Reject):
                rejects.append(one)
                continue
            batch.append(one)
            if len(batch) == batch_size:
                yield batch
                batch = []
        if batch:
            yield batch
    finally:
        pool.shutdown(cancel_futures=True)
