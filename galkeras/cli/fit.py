"""``galkeras fit``: train a VAE."""

__all__ = ["command"]

from dataclasses import asdict

from typer import Context

from galkeras.cli.options import NewModel, Overwrite, Records, Resume, lists, paper_flag, typed
from galkeras.training.options import FitOptions


@lists(FitOptions)
def command(
    records: Records,
    out: NewModel,
    *,
    context: Context,
    options: FitOptions,
    paper: paper_flag(FitOptions) = False,
    resume: Resume = False,
    overwrite: Overwrite = False,
) -> None:
    """Train a variational auto-encoder on a record set.

    Uses all GPUs that CUDA_VISIBLE_DEVICES shows. The model folder holds weights, history, TensorBoard logs and
    figures afterwards. After Ctrl-C or a kill, the same command with --resume goes on from the last whole epoch. Over
    several machines, start it on each with TF_CONFIG set, or with srun.

    Example:

        galkeras fit tfrecords/decals --latent 40 --epochs 50 --out saved_models/vae40

        galkeras fit tfrecords/decals --catalog catalog.parquet --out saved_models/votes40

        galkeras fit tfrecords/decals --paper --out saved_models/paper40

        galkeras fit tfrecords/sdss --from saved_models/vae40 --epochs 10 --out saved_models/sdss40

        galkeras fit tfrecords/decals --latent 40 --epochs 80 --resume --out saved_models/vae40
    """
    if paper:
        options = options.as_paper(typed(context))
    from galkeras.training.fit import fit

    fit(records, out, **asdict(options), resume=resume, overwrite=overwrite)
