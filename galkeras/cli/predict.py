"""``galkeras predict``"""

__all__ = ["command"]

from pathlib import Path
from typing import Annotated

import typer

from galkeras.io.text import counted


def command(
    latents: Annotated[Path, typer.Argument(help="Latent table, of the model that the forests were fitted on.")],
    forests: Annotated[Path, typer.Argument(help="Folder that classify wrote, forests/NAME.")],
    out: Annotated[Path, typer.Option(help="Table to write: .parquet, .fits, .ecsv, .csv, .npz.")],
    samples: Annotated[
        int | None,
        typer.Option(help="Average over so many draws from each galaxy's posterior. [default: its mean alone]"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
) -> None:
    """Write the probability of every class of every question for each galaxy of a latent table.

    Columns: id, ra, dec, survey, and QUESTION_CLASS, as in bar_strong. With --samples also QUESTION_CLASS_std, the
    standard deviation over the draws.

    Example:

        galkeras predict latents.parquet forests/first --out predictions.parquet
    """
    from galkeras.morphology.predict import predict

    columns = predict(latents, forests, out, samples=samples, seed=seed)
    galaxies = counted(len(columns["id"]), "galaxy", "galaxies")
    probabilities = (len(columns) - 4) // (1 if samples is None else 2)
    averaged = "" if samples is None else f", averaged over {counted(samples, 'draw')}"
    typer.echo(f"{out}: {galaxies}, {probabilities} probabilities each{averaged}")
