"""``galkeras adapt``: adapt a VAE to a second survey."""

__all__ = ["command"]

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from galkeras.cli.options import BatchSize, Epochs, LearningRate, Patience, Resume, Seed


def command(
    model: Annotated[Path, Argument(help="Model folder that `galkeras fit` wrote.")],
    source: Annotated[Path, Argument(help="Record set of the survey that the model was fitted to.")],
    target: Annotated[Path, Argument(help="Record set of the other survey.")],
    out: Annotated[Path, Option(help="Model folder to write.")],
    mmd_weight: Annotated[
        float, Option(help="λ of the paper's eq. 6, on the scale of the loss per image. The paper's is 0.5.")
    ] = 500.0,
    pair_weight: Annotated[
        float | None,
        Option(
            help="Weight of what the two images of a galaxy say differently of it. The paper's is 0."
            "  [default: 1, or 0 with --unpaired]"
        ),
    ] = None,
    keep_weight: Annotated[
        float, Option(help="Weight of what is said of a source image differently from the VAE. The paper's is 0.")
    ] = 1.0,
    paper: Annotated[
        bool, Option("--paper", help="The paper's loss: --mmd-weight 0.5 --pair-weight 0 --keep-weight 0.")
    ] = False,
    alignment: Annotated[str, Option(help="What --mmd-weight weighs: `mmd2` or `coral`.")] = "mmd2",
    unpaired: Annotated[bool, Option("--unpaired", help="The two sets are of different galaxies.")] = False,
    pairs_only: Annotated[bool, Option("--pairs-only", help="Leave out source galaxies without a partner.")] = False,
    epochs: Epochs = 30,
    batch_size: BatchSize = 64,
    learning_rate: LearningRate = 3e-4,
    patience: Patience = 10,
    seed: Seed = 0,
    resume: Resume = False,
) -> None:
    """Adapt a VAE so that its latents mean the same in a second survey.

    One encoder for both surveys, a decoder for each. Galaxies are joined by id and position; how many pairs there are,
    and why others were left out, is printed. `galkeras shift` measures what adapting has done.

    Examples:

        galkeras adapt saved_models/vae40 tfrecords/decals tfrecords/bass-mzls --out saved_models/da40

        galkeras adapt saved_models/vae40 tfrecords/decals tfrecords/sdss --unpaired --out saved_models/da40
    """
    from galkeras.io.errors import GalkerasError
    from galkeras.models.stored import read_config
    from galkeras.records.schema import RecordSet

    if paper:
        if (mmd_weight, pair_weight, keep_weight) != (500.0, None, 1.0):
            raise GalkerasError("--paper sets the weights of the loss: give it, or --mmd-weight and its like")
        mmd_weight, pair_weight, keep_weight = 0.5, 0.0, 0.0
    # Before TensorFlow, which takes seconds to load.
    read_config(model)
    for records in (source, target):
        RecordSet.load(records)
    from galkeras.training.adapt import adapt

    adapt(
        model,
        source,
        target,
        out,
        mmd_weight=mmd_weight,
        pair_weight=pair_weight,
        keep_weight=keep_weight,
        alignment=alignment,
        unpaired=unpaired,
        pairs_only=pairs_only,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        patience=patience,
        seed=seed,
        resume=resume,
    )
