"""``galkeras fit``: train a VAE."""

__all__ = ["command"]

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from galkeras.cli.options import (
    Architecture,
    BatchSize,
    Epochs,
    Focus,
    ImageSize,
    KlWeight,
    LearningRate,
    Patience,
    Resume,
    Seed,
)


def command(
    records: Annotated[Path, Argument(help="Record set to fit, as `galkeras make-tfrecords` wrote it.")],
    out: Annotated[Path, Option(help="Model folder to write.")],
    latent: Annotated[int, Option(help="Number of latents N_L.")] = 40,
    architecture: Architecture = "residual",
    loss: Annotated[
        str, Option(help="`mse` or `mae`, summed over stretched pixels, or `gaussian`: in nats, its noise learned.")
    ] = "mse",
    kl_weight: KlWeight = 0.01,
    focus: Focus = 0.3,
    image_size: ImageSize = None,
    epochs: Epochs = 50,
    batch_size: BatchSize = 64,
    learning_rate: LearningRate = 2e-4,
    patience: Patience = 20,
    seed: Seed = 0,
    catalog: Annotated[Path | None, Option(help="Learn from the votes of this catalog too.")] = None,
    label_column: Annotated[
        list[str] | None, Option(help="Learn from this column of labels instead of votes; may be repeated.")
    ] = None,
    votes_weight: Annotated[float, Option(help="Weight of the votes' log likelihood.")] = 10.0,
    id_column: Annotated[str | None, Option(help="Column of the catalog that names the galaxies.")] = None,
    resume: Resume = False,
) -> None:
    """Train a variational auto-encoder on a record set.

    Uses all GPUs that CUDA_VISIBLE_DEVICES shows. The model folder holds weights, history, TensorBoard logs and
    figures afterwards. After Ctrl-C or a kill, the same command with --resume goes on from the last whole epoch.

    Example:

        galkeras fit tfrecords/decals --latent 40 --epochs 50 --out saved_models/vae40

        galkeras fit tfrecords/decals --architecture upright --loss gaussian --kl-weight 1 --focus 0.4
        --learning-rate 1.5e-3 --epochs 12 --catalog catalog.parquet --out saved_models/upright40
    """
    from galkeras.records.schema import RecordSet

    # Before TensorFlow, which takes seconds to load.
    RecordSet.load(records)
    from galkeras.training.fit import fit

    fit(
        records,
        out,
        latent=latent,
        architecture=architecture,
        loss=loss,
        kl_weight=kl_weight,
        focus=focus,
        image_size=image_size,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        patience=patience,
        seed=seed,
        catalog=catalog,
        label_columns=tuple(label_column or ()),
        votes_weight=votes_weight,
        id_column=id_column,
        resume=resume,
    )
