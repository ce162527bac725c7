"""``galkeras adapt``: adapt a VAE to a second survey."""

__all__ = ["command"]

from pathlib import Path
from typing import Annotated

from typer import Argument, Option


def command(
    model: Annotated[Path, Argument(help="Model folder that `galkeras fit` wrote.")],
    source: Annotated[Path, Argument(help="Record set of the survey that the model was fitted to.")],
    target: Annotated[Path, Argument(help="Record set of the other survey.")],
    out: Annotated[Path, Option(help="Model folder to write.")],
    mmd_weight: Annotated[
        float, Option(help="λ of the paper's eq. 6, on the scale of the loss per image. The paper's is 0.5.")
    ] = 0.5,
    pair_weight: Annotated[
        float | None,
        Option(
            help="Weight of what the two images of a galaxy say differently of it. The paper's is 0."
            "  [default: 1, or 0 with --unpaired]"
        ),
    ] = None,
    alignment: Annotated[str, Option(help="What --mmd-weight weighs: `mmd2` or `coral`.")] = "mmd2",
    unpaired: Annotated[bool, Option("--unpaired", help="The two sets are of different galaxies.")] = False,
    pairs_only: Annotated[bool, Option("--pairs-only", help="Leave out source galaxies without a partner.")] = False,
    epochs: Annotated[int, Option(help="Passes over the pairs, at most.")] = 30,
    batch_size: Annotated[int, Option(help="Galaxies of each survey a step, over all devices.")] = 64,
    learning_rate: Annotated[float, Option(help="Adam's, at its highest.")] = 3e-4,
    patience: Annotated[int, Option(help="Stop after so many epochs without improvement.")] = 10,
    seed: Annotated[int, Option(help="Of everything random.")] = 0,
    resume: Annotated[bool, Option("--resume", help="Go on with an interrupted run.")] = False,
) -> None:
    """Adapt a VAE so that its latents mean the same in a second survey.

    One encoder for both surveys, a decoder for each. Galaxies are joined by id and position; how many pairs there are,
    and why others were left out, is printed. `galkeras shift` measures what adapting has done.

    Examples:

        galkeras adapt saved_models/vae40 tfrecords/decals tfrecords/bass-mzls --out saved_models/da40

        galkeras adapt saved_models/vae40 tfrecords/decals tfrecords/sdss --unpaired --out saved_models/da40
    """
    from galkeras.training.adapt import adapt

    adapt(
        model,
        source,
        target,
        out,
        mmd_weight=mmd_weight,
        pair_weight=pair_weight,
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
