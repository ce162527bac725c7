"""Fitting a VAE to a record set."""

__all__ = ["fit"]

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from galkeras.io.calls import Call
from galkeras.io.errors import GalkerasError
from galkeras.io.text import counted
from galkeras.models.stored import StoredModel
from galkeras.records.schema import RecordSet
from galkeras.surveys.image import band_text
from galkeras.training.options import FitOptions, flags, takes
from galkeras.training.workers import Workers

if TYPE_CHECKING:
    from galkeras.models.vae import VAE

_log = logging.getLogger(__name__)


@takes(FitOptions)
def fit(
    records: str | Path,
    out: str | Path,
    *,
    options: FitOptions,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
) -> "VAE":
    """Fit a VAE to the training split of a record set and write a model folder.

    The weights kept are those of the epoch with the lowest validation ELBO loss.

    Args:
        records: Folder of the record set.
        out: The model folder to write, by convention ``saved_models/NAME``.
        options: By keywords of their own, as in ``latent_dim=40``: those of `FitOptions`, which says what each means
            and what it is by default. ``**FitOptions.PAPER`` gives network and loss of the paper.
        resume: Go on with a run of the same settings, whether it was interrupted or is to have more ``epochs`` or
            ``patience`` than it had; one that has them all is read.
        overwrite: Replace a model that is there.
        quiet: Print no line after each epoch; ``history.csv`` has them.

    Returns:
        The fitted model.

    Raises:
        GalkerasError: On bad settings, too few galaxies, or a folder that holds something else.
    """
    records, out = RecordSet.load(records), Path(out)
    for split in ("train", "validation"):
        if not records.count(split):
            raise GalkerasError(f"{records.path} has no {split} galaxies: make a record set of more galaxies")
    quiet = quiet or not Workers.of().chief
    if not quiet:
        _log.info(_planned(records, out, options))
    # What is refused of these is refused before TensorFlow loads.
    votes = None
    if options.catalog is not None:
        from galkeras.training.votes import read_votes

        votes = read_votes(options.catalog, tuple(options.label_columns), options.id_column)
    if options.warm_start is not None:
        StoredModel.load(options.warm_start)
    from galkeras.training.fitting import fitted

    call = Call.of(fit, {"records": records, **vars(options)}, flags(FitOptions))
    return fitted(records, out, options, votes, call, resume, overwrite, quiet)


def _planned(records: RecordSet, out: Path, options: FitOptions) -> str:
    """Return what is going to be done, in two lines."""
    side, bands = records.image_size, band_text(records.bands)
    network = f" at {options.image_size} pixels" if options.image_size else ""
    beside = "" if options.catalog is None else f", learning from {', '.join(options.label_columns) or 'votes'} too"
    start = "" if options.warm_start is None else f", starting from {options.warm_start}"
    return (
        f"{records.path}: {counted(records.count('train'), 'galaxy', 'galaxies')} of {records.survey} to train on,"
        f" {records.count('validation'):,} to validate, {side} x {side} x {bands} {records.units}\n"
        f"{out}: {options.architecture}{network}, {counted(options.latent_dim, 'latent')}, loss {options.loss}"
        f"{beside}{start}; at most {counted(options.epochs, 'epoch')}"
    )
