"""``galkeras predict``"""

__all__ = ["command"]

from pathlib import Path
from typing import Annotated

import typer

from galkeras.words import counted


def command(
    latents: Annotated[Path, typer.Argument(help="Latent table, of the model that the forests were fitted on.")],
    forests: Annotated[Path, typer.Argument(help="Folder that classify wrote, forests/NAME.")],
    out: Annotated[Path, typer.Option(help="Table to write: .parquet, .fits, .ecsv, .csv, .npz.")],
) -> None:
    """Write the probability of every class of every question for each galaxy of a latent table.

    Columns: id, ra, dec, survey, and QUESTION_CLASS, as in bar_strong.

    Example:

        galkeras predict latents.parquet forests/first --out predictions.parquet
    """
    from galkeras.morphology.predict import predict

    columns = predict(latents, forests, out)
    typer.echo(f"{out}: {counted(len(columns['id']), 'galaxy', 'galaxies')}, {len(columns) - 4} probabilities each")
