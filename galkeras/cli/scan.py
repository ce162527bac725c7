"""``galkeras scan``: how many latents are enough."""

__all__ = ["command"]

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from typer import Option

from galkeras.cli.options import IdColumn, LabelColumn, Records, lists
from galkeras.cli.terminal import echo
from galkeras.io.errors import GalkerasError
from galkeras.io.text import one_of
from galkeras.models.losses import LOSSES
from galkeras.training.options import NetworkOptions


@lists(NetworkOptions)
def command(
    records: Records,
    out: Annotated[Path, Option(help="Folder to write; the same again goes on where the last run stopped.")],
    latent: Annotated[str, Option(help="Numbers of latents N_L, with commas between.")] = "10,20,40,60,80,100",
    loss: Annotated[str, Option(help=f"{one_of(LOSSES)}, or several with commas between.")] = "gaussian",
    catalog: Annotated[Path | None, Option(help="Galaxy Zoo votes: adds SSIM by morphological type.")] = None,
    label_column: LabelColumn = None,
    id_column: IdColumn = None,
    *,
    options: NetworkOptions,
) -> None:
    """Fit a VAE for every number of latents and loss, and find how many latents are enough.

    Scores reconstructions by SSIM on the validation split, with 95 % intervals, overall and by morphological type,
    chooses by them, and then scores the one chosen model on the test split. Writes scan.csv, scan.json, scan.png, and
    every model. After Ctrl-C the same command goes on; more --latent add to it.

    Example:

        galkeras scan tfrecords/decals --latent 10,20,40,60,80,100
            --catalog gz_decals_volunteers_5.parquet --out scans/decals
    """
    from galkeras.evaluation.scan.scan import scan

    done = scan(
        records,
        out,
        latent_dim=_numbers(latent),
        loss=[name.strip() for name in loss.split(",")],
        catalog=catalog,
        label_column=label_column,
        id_column=id_column,
        **asdict(options),
    )
    echo(f"\n{done.markdown()}\n")
    for kind, count in done.left_out.items():
        echo(f"left out: {kind}, {count} of it are too few")
    echo(f"{out}: scan.csv, scan.json, scan.png")
    echo(done.recommendation)


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise GalkerasError(
            f"`--latent` must be whole numbers with commas between, as in 10,20,40. Received: {text!r}"
        ) from None
