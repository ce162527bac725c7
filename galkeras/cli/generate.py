"""``galkeras generate``"""

__all__ = ["command"]

from pathlib import Path
from typing import Annotated

import typer

from galkeras.cli.options import ModelFolder, Overwrite
from galkeras.io.text import counted


def command(
    model: ModelFolder,
    out: Annotated[Path, typer.Option(help="New folder to write.")],
    count: Annotated[int, typer.Option(help="How many galaxies.")] = 36,
    latents: Annotated[
        Path | None, typer.Option(help="Latent table of this model, whose aggregate posterior is drawn from.")
    ] = None,
    sampling: Annotated[
        str, typer.Option("--from", help="`posterior`, of the galaxies in --latents, or `prior`, N(0, 1).")
    ] = "posterior",
    classes: Annotated[
        list[str] | None,
        typer.Option("--class", help="Only galaxies of this class. May be repeated.", metavar="QUESTION=CLASS"),
    ] = None,
    forests: Annotated[Path | None, typer.Option(help="Forests that know the class, forests/NAME.")] = None,
    survey: Annotated[
        str | None, typer.Option(help="For a model of two surveys: which is to look. [default: the first]")
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
    if done.posterior is None:
        origin = "the prior"
    else:
        components = counted(done.posterior.mixture.n_components, "Gaussian")
        origin = f"the aggregate posterior of {done.posterior.galaxies:,} galaxies (mixture of {components})"
    typer.echo(f"{out}: {counted(count, 'galaxy', 'galaxies')} from {origin}")
    if asked:
        typer.echo(
            f"{', '.join(f'{q}={a}' for q, a in asked.items())}: {count:,} of {done.tried:,} draws accepted"
            f" ({done.acceptance:.1%})"
        )
