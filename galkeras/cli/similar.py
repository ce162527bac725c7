"""``galkeras similar``: the galaxies that are most like some of them."""

__all__ = ["command"]

from pathlib import Path
from typing import Annotated

import typer

from galkeras.cli.options import Crop, Latents, Overwrite
from galkeras.cli.terminal import echo
from galkeras.io.text import printable


def command(
    latents: Latents,
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Galaxies of it, by name.")] = None,
    count: Annotated[int, typer.Option(help="Neighbours of each.")] = 12,
    image: Annotated[Path | None, typer.Option(help="A new cutout to look for: FITS, PNG or JPEG.")] = None,
    model: Annotated[Path | None, typer.Option(help="For --image: the model folder that made the table.")] = None,
    crop: Crop = None,
    records: Annotated[
        list[Path] | None,
        typer.Option(help="Record set that was encoded, to show them. May be repeated, once a survey."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write: similar.parquet, and similar.png.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Find the galaxies that look most like others, or like a new image.

    Exact nearest neighbours in the latents, each weighed by the information that it carries. Latents of
    `encode --views 8`, which do not depend on how a galaxy is turned, find the better ones.

    Examples:

        galkeras similar latents.parquet J093144.01+343440.5 --records tfrecords/decals --out similar/

        galkeras similar latents.parquet --image galaxy.fits --model saved_models/first
    """
    from galkeras.discovery.similar import MOSAIC, TABLE, similar

    done = similar(
        latents,
        ids or (),
        out,
        count=count,
        image=image,
        model=model,
        crop=crop,
        records=records or (),
        overwrite=overwrite,
    )
    found = done.columns
    echo(f"two galaxies at random are about {done.typical_distance:.1f} apart")
    width = max(len(printable(name)) for name in found["id"].tolist())
    for row in range(len(found["id"])):
        if found["neighbour"][row] == 1:
            echo(f"like {found['query'][row]} ({found['query_survey'][row]})")
        name, survey, distance = (found[key][row] for key in ("id", "survey", "distance"))
        echo(f"{found['neighbour'][row]:4}  {printable(name):{width}}  {survey}  {distance:.3f}")
    if out:
        echo(f"{out / TABLE}" + (f", {out / MOSAIC}" if records else ""))
