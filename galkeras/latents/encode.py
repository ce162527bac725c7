"""Record set and model in, latent table out."""

__all__ = ["SCORES", "Encoded", "encode"]

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from galkeras.io.calls import Call
from galkeras.io.columns import check_new, column_writer
from galkeras.io.errors import GalkerasError
from galkeras.io.schedulers import check_cluster
from galkeras.io.text import one_of
from galkeras.latents.parts import Sampling, latents_of, parts_on_cluster
from galkeras.latents.step import Made
from galkeras.latents.table import LatentTable, check_views, joined, latent_metadata, read_latents
from galkeras.models.folder import load_model
from galkeras.models.vae import VAE
from galkeras.records.reader import damage_named
from galkeras.records.schema import SPLITS, RecordSet

SCORES = ("sample", "all", "none")
"""Of which galaxies `encode` scores the reconstructions."""

# Galaxies that a sample has at least, where there are so many.
_SAMPLE = 1000


@dataclass(frozen=True)
class Encoded:
    """What `encode` wrote.

    Attributes:
        path: The latent table.
        galaxies: Its rows.
        scored: How many of them have scores of their reconstructions.
        ssim: Mean SSIM of these (stretched image, data range 1, window 11, sigma 1.5); NaN where there are none.
    """

    path: Path
    galaxies: int
    scored: int
    ssim: float

    @property
    def table(self) -> LatentTable:
        """The latents, read."""
        return read_latents(self.path)

    def __str__(self) -> str:
        return str(self.path)

    def __fspath__(self) -> str:
        return str(self.path)


def encode(
    model: str | Path | VAE,
    records: str | Path | RecordSet,
    out: str | Path | None = None,
    *,
    batch_size: int = 64,
    splits: Iterable[str] | None = None,
    views: int = 1,
    scores: str = "sample",
    any_survey: bool = False,
    overwrite: bool = False,
    dask: str | Path | None = None,
) -> Encoded | LatentTable:
    """Write the latents of every galaxy of a record set, in the order of the records.

    Images are read, encoded and written batch by batch, so memory stays the same however many galaxies there are
    (with ``.parquet``; other formats are put together at the end).

    Args:
        model: A model folder, ``saved_models/NAME``, or what `fit` returned.
        records: A record set, ``tfrecords/NAME``, of the model's image size, units, pixel scale and survey.
        out: The table to write: ``.parquet``, ``.fits``, ``.ecsv``, ``.csv`` or ``.npz``. Without it the
            table is returned.
        batch_size: Images at a time.
        splits: Which of train, validation and test; all if None.
        views: 8 averages each galaxy's posterior over the eight flips and quarter turns of its image: ``z`` is the
            mean of the eight means, so it no longer depends on how the galaxy is turned, and ``log_var`` the log
            of the mean of the eight variances, which says how wide one posterior is and not how well their mean is
            known. The reconstruction scores are of the image as it is, with 1 view as with 8.
        scores: Which galaxies have a ``reconstruction_mse`` and an ``ssim``, for which they must be decoded; both are
            NaN for the others. ``all`` takes about twice the time of ``none``. A ``sample`` is every n-th galaxy, 1,000
            to 2,000 of them, and all of fewer than 2,000. `outliers` ranks by the reconstruction error where all have
            one.
        any_survey: Encode images of a survey the model was not trained on too, to see how far apart they come out.
        overwrite: Replace what is there.
        dask: Have the workers of a Dask cluster encode, a shard each at a time: ``tcp://HOST:PORT`` of its scheduler,
            or a scheduler file. They must see the model's folder, the records and the folder of ``out`` by the same
            paths. What is done stands in a hidden folder beside ``out``, and a rerun goes on from there. Needs
            ``galkeras[dask]``.

    Returns:
        Where the table is, its rows, how many were scored and their mean SSIM; or the table itself where ``out`` is not
        given.

    Raises:
        GalkerasError: Something does not fit: the model, the records, the splits, the scores, the file name or the
            cluster.
    """
    if out is not None:
        out = check_new(out, overwrite)
    check_views(views)
    if scores not in SCORES:
        raise GalkerasError(f"`scores` must be {one_of(SCORES)}. Received: scores={scores!r}")
    if batch_size < 1:
        raise GalkerasError(f"`batch_size` must be 1 or more. Received: batch_size={batch_size}")
    if dask is not None:
        if out is None or isinstance(model, VAE):
            raise GalkerasError(
                "`dask` needs a `model` in a folder and `out`: workers read the one and write beside the other"
            )
        check_cluster(dask)
    record_set = RecordSet.load(records)
    chosen = _chosen(splits)
    count = record_set.count(*chosen)
    if count == 0:
        raise GalkerasError(f"{record_set} has no galaxies in {', '.join(chosen)}")
    vae = load_model(model)
    vae.check_records(record_set, any_survey=any_survey)

    every = {"sample": max(1, count // _SAMPLE), "all": 1, "none": count + 1}[scores]
    parts: list[LatentTable] = []
    written, scored, similarity = 0, 0, 0.0
    made = Made.by(vae, views, record_set.digest)
    call = Call.of(encode, locals() | {"splits": None if splits is None else chosen}, {"splits": "split"})
    metadata = latent_metadata(latent_dim=vae.config.latent_dim, **made._asdict(), call=call)
    shards = [shard for split in chosen for shard in record_set.in_split(split)]
    how = Sampling(batch_size, views, every)
    with (
        damage_named(record_set),
        tqdm(total=count, desc="encode", unit="image", disable=None) as bar,
        nullcontext(latents_of(vae, made, record_set, shards, how, bar.update))
        if dask is None
        else parts_on_cluster(Path(model), made, record_set, shards, how, bar.update, out, dask) as latents,
        _kept(parts) if out is None else column_writer(out, metadata) as write,
    ):
        for table, rows in latents:
            write(table if out is None else table.columns())
            written += len(table)
            scored += len(rows)
            similarity += float(table.ssim[rows].sum(dtype=np.float64))
    return (
        replace(joined(parts), call=call)
        if out is None
        else Encoded(out, written, scored, similarity / scored if scored else np.nan)
    )


@contextmanager
def _kept(parts: list[LatentTable]) -> Iterator[Callable[[LatentTable], None]]:
    yield parts.append


def _chosen(splits: Iterable[str] | None) -> tuple[str, ...]:
    asked = SPLITS if splits is None else tuple(splits)
    unknown = [split for split in asked if split not in SPLITS]
    if unknown or not asked:
        raise GalkerasError(f"`splits` must be of {', '.join(SPLITS)}. Received: {', '.join(unknown) or 'none'}")
    return tuple(split for split in SPLITS if split in asked)
