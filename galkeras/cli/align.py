"""``galkeras align``."""

__all__ = ["command"]

from pathlib import Path
from typing import Annotated

import typer

from galkeras.cli.options import NewLatents, Overwrite
from galkeras.cli.terminal import echo
from galkeras.io.text import counted


def command(
    source: Annotated[Path, typer.Argument(help="Latent table of the survey that forests know.")],
    target: Annotated[Path, typer.Argument(help="Latent table of the other survey, by the same model.")],
    out: NewLatents,
    method: Annotated[
        str | None,
        typer.Option(
            help="ridge, from pairs; median-mad or coral, from any galaxies."
            " [default: ridge with 10 pairs a latent or more, else median-mad]"
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Move the latents of one survey to where another's are, without training.

    Forests, neighbours and outliers of the source can then be asked about the target. The map is fitted on the training
    split of both; galkeras shift tells what each is worth, beside an adapted model.

    Example:

        galkeras encode saved_models/vae40 tfrecords/bass-mzls --any-survey --out bass.parquet

        galkeras align decals.parquet bass.parquet --out bass-as-decals.parquet

        galkeras predict bass-as-decals.parquet forests/gzd5 --out morphology.parquet
    """
    from galkeras.evaluation.align import align

    moved = align(source, target, out, method=method, overwrite=overwrite)
    echo(f"{out}: {counted(len(moved), 'galaxy', 'galaxies')} of {moved.survey[0]}, their latents moved")
