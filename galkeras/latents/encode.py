"""Record set and model in, latent table out."""

__all__ = ["Encoded", "encode", "latent_rows", "latent_step"]

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from galkeras.backend import tf
from galkeras.io.columns import check_new, column_writer
from galkeras.io.errors import GalkerasError
from galkeras.latents.table import LatentTable, joined, latent_metadata, named_rows, pose_columns, read_latents
from galkeras.latents.views import VIEWS, encode_views
from galkeras.models.folder import load_model
from galkeras.models.measure import measure
from galkeras.models.vae import VAE
from galkeras.records.reader import damage_named, ordered_dataset
from galkeras.records.schema import SPLITS, RecordSet


@dataclass(frozen=True)
class Encoded:
    """What `encode` wrote.

    Attributes:
        path: The latent table.
        galaxies: Its rows.
        ssim: Mean SSIM of the reconstructions (stretched image, data range 1, window 11, sigma 1.5).
    """

    path: Path
    galaxies: int
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
    any_survey: bool = False,
    overwrite: bool = False,
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
        any_survey: Encode images of a survey the model was not trained on too, to see how far apart they come out.
        overwrite: Replace what is there.

    Returns:
        Where the table is, its rows and the mean SSIM; or the table itself where ``out`` is not given.

    Raises:
        GalkerasError: Something does not fit: the model, the records, the splits or the file name.
    """
    if out is not None:
        out = check_new(out, overwrite)
    if views not in VIEWS:
        raise GalkerasError(f"`views` must be 1 or 8. Received: views={views}")
    if batch_size < 1:
        raise GalkerasError(f"`batch_size` must be 1 or more. Received: batch_size={batch_size}")
    record_set = RecordSet.load(records)
    chosen = _chosen(splits)
    count = record_set.count(*chosen)
    if count == 0:
        raise GalkerasError(f"{record_set} has no galaxies in {', '.join(chosen)}")
    vae = load_model(model)
    vae.check_records(record_set, any_survey=any_survey)

    step = latent_step(vae, record_set.survey, views)
    parts: list[LatentTable] = []
    written, similarity = 0, 0.0
    metadata = latent_metadata(vae.digest, vae.config.latent_dim, views, bool(vae.config.questions))
    with (
        damage_named(record_set),
        _kept(parts) if out is None else column_writer(out, metadata) as write,
        tqdm(total=count, desc="encode", unit="image", disable=None) as bar,
    ):
        for batch in ordered_dataset(record_set, splits=chosen, batch_size=batch_size):
            table = latent_rows(step(batch["image"]), vae, views, **named_rows(batch, record_set.survey))
            write(table if out is None else table.columns())
            written += len(table)
            similarity += float(table.ssim.sum(dtype=np.float64))
            bar.update(len(table))
    return joined(parts) if out is None else Encoded(out, written, similarity / written)


@contextmanager
def _kept(parts: list[LatentTable]) -> Iterator[Callable[[LatentTable], None]]:
    yield parts.append


def _chosen(splits: Iterable[str] | None) -> tuple[str, ...]:
    asked = SPLITS if splits is None else tuple(splits)
    unknown = [split for split in asked if split not in SPLITS]
    if unknown or not asked:
        raise GalkerasError(f"`splits` must be of {', '.join(SPLITS)}. Received: {', '.join(unknown) or 'none'}")
    return tuple(split for split in SPLITS if split in asked)


def latent_step(vae: VAE, survey: str, views: int) -> Callable[[Any], tuple[tf.Tensor, ...]]:
    """Return the compiled function from images to posterior means, log variances, MSE, SSIM and, of some, the pose."""
    # A survey that the model does not know is drawn as its first.
    known = survey if survey in vae.config.surveys else None

    @tf.function(input_signature=[tf.TensorSpec((None, *vae.config.images.shape), tf.float32)])
    def step(images: tf.Tensor) -> tuple[tf.Tensor, ...]:
        measured = measure(vae, images, known)
        z, log_var = (measured.z, measured.log_var) if views == 1 else encode_views(vae, images, views)
        found = (z, log_var, measured.mse, measured.ssim)
        return found if measured.pose is None else (*found, measured.pose)

    return step


def latent_rows(encoded: Sequence[Any], vae: VAE, views: int, **columns: np.ndarray) -> LatentTable:
    """Return rows of a latent table.

    Args:
        encoded: What the function of `latent_step` gave.
        vae: The model.
        views: Over how many views it was averaged.
        columns: ``id``, ``ra``, ``dec``, ``survey`` and ``split``, each (rows,).

    Raises:
        GalkerasError: Latents are not finite.
    """
    z, log_var, mse, similarity, *pose = (np.asarray(values, np.float32) for values in encoded)
    good = np.isfinite(z).all(-1) & np.isfinite(log_var).all(-1)
    if not good.all():
        bad = columns["id"][~good][0]
        raise GalkerasError(f"the latents of galaxy {bad} are not finite: check its image and the model's weights")
    return LatentTable(
        **columns,
        z=z,
        log_var=log_var,
        reconstruction_mse=mse,
        ssim=similarity,
        model=vae.digest,
        views=views,
        votes=bool(vae.config.questions),
        pose=pose_columns(pose[0]) if pose else None,
    )
