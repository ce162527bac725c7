"""``galkeras fit``: train a VAE."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option


def command(
    records: Annotated[Path, Argument(help="Record set to fit, as `galkeras make-tfrecords` wrote it.")],
    out: Annotated[Path, Option(help="Model folder to write.")],
    latent: Annotated[int, Option(help="Number of latents N_L.")] = 40,
    architecture: Annotated[str, Option(help="`residual` or `paper` (Xu et al. 2023, Fig. 2).")] = "residual",
    loss: Annotated[str, Option(help="`mse` or `mae`, summed over the pixels of a stretched image.")] = "mse",
    kl_weight: Annotated[float, Option(help="Weight k of the KL term (paper, eq. 2).")] = 0.01,
    focus: Annotated[
        float, Option(help="Width of the central weight of pixels, in half sides; 0 weighs all alike, as the paper.")
    ] = 0.3,
    image_size: Annotated[
        int | None, Option(help="Side at which the network works [default: the records' side].")
    ] = None,
    epochs: Annotated[int, Option(help="Passes over the training split, at most.")] = 50,
    batch_size: Annotated[int, Option(help="Images a step, over all devices.")] = 64,
    learning_rate: Annotated[float, Option(help="Adam's, at its highest.")] = 2e-4,
    patience: Annotated[int, Option(help="Stop after so many epochs without improvement.")] = 20,
    seed: Annotated[int, Option(help="Of everything random.")] = 0,
    resume: Annotated[bool, Option("--resume", help="Go on with an interrupted run.")] = False,
) -> None:
    """Train a variational auto-encoder on a record set.

    Uses all GPUs that CUDA_VISIBLE_DEVICES shows. The model folder holds weights, history, TensorBoard logs and
    figures afterwards. After Ctrl-C or a kill, the same command with --resume goes on from the last whole epoch.

    Example:

        galkeras fit tfrecords/decals --latent 40 --epochs 50 --out saved_models/vae40
    """
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
        resume=resume,
    )
