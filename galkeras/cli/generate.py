"""``galkeras generate``."""

__all__ = ["command"]

from pathlib import Path
from typing import Annotated

import typer

from galkeras.cli.options import ModelFolder, Overwrite
from galkeras.cli.terminal import echo
from galkeras.io.text import counted


def command(
    model: ModelFolder,
    out: Annotated[Path, typer.Option(help="New folder to write.")],
    count: Annotated[int, typer.Option(help="How many galaxies.")] = 36,
    latents: Annotated[
        Path | None, typer.Option(help="Latent table of this model, whose galaxies are drawn between.")
    ] = None,
    sampling: Annotated[
        str,
        typer.Option(
            "--from",
            help="`neighbours`, between a galaxy of --latents and those most like it; `posterior`, a mixture fitted to"
            " all; or `prior`, N(0, 1).",
        ),
    ] = "neighbours",
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            help="Only galaxies of this class of the forests, or this answer of their expected votes. May be repeated.",
            metavar="QUESTION=CLASS",
        ),
    ] = None,
    forests: Annotated[Path | None, typer.Option(help="Forests that know the class, forests/NAME.")] = None,
    survey: Annotated[
        str | None, typer.Option(help="For an adapted model: which is to look. [default: the first]")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same galaxies.")] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Generate galaxies that never were.

    Writes mosaic.png, cutouts/ (FITS in nanomaggies without noise, PNG for a model of pictures), latents.parquet
    and generate.json.

    Examples:

        galkeras generate saved_models/first --latents latents.parquet --out generated/any

        galkeras generate saved_models/first --latents latents.parquet --forests forests/first
            --class disk-edge-on=no --class bar=strong --out generated/barred

        galkeras generate saved_models/first --latents latents.parquet --forests forests/first
            --class smooth-or-featured=smooth --class how-rounded=round --out generated/round
    """
    from galkeras.cli.options import named_values
    from galkeras.discovery.generate import generate

    asked = named_values(classes, "--class", "QUESTION=CLASS")
    done = generate(
        model,
        out,
        count=count,
        latents=latents,
        sampling=sampling,
        classes=asked,
        forests=forests,
        survey=survey,
        seed=seed,
        overwrite=overwrite,
    )
    origin = "from the prior" if done.origin is None else done.origin.describe()
    echo(f"{out}: {counted(count, 'galaxy', 'galaxies')} {origin}")
    if asked:
        echo(
            f"{', '.join(f'{q}={a}' for q, a in asked.items())}: {count:,} of {done.tried:,} draws accepted"
            f" ({done.acceptance:.1%})"
        )
