"""``galkeras explore``."""

__all__ = ["command"]

from pathlib import Path
from typing import Annotated

import typer

from galkeras.cli.options import Latents, NewFolder, Overwrite
from galkeras.cli.terminal import echo


def command(
    latents: Latents,
    records: Annotated[
        list[Path], typer.Option(help="Record set that was encoded, for its pictures. May be repeated, once a survey.")
    ],
    out: NewFolder,
    predictions: Annotated[
        Path | None, typer.Option(help="Table that predict wrote: adds the most probable answer to each question.")
    ] = None,
    outliers: Annotated[Path | None, typer.Option(help="Folder that outliers wrote: adds its score.")] = None,
    galaxies: Annotated[int, typer.Option(help="Most galaxies to show, drawn at random of more.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Of that draw.")] = 0,
    start: Annotated[bool, typer.Option("--start/--no-start", help="Whether to start TensorBoard.")] = True,
    port: Annotated[int, typer.Option(help="Where TensorBoard listens on this machine; 0 takes a free one.")] = 6006,
    overwrite: Overwrite = False,
) -> None:
    """Look at latents in a browser: points in space, a picture at each, coloured by what is known.

    Writes a folder for TensorBoard's Embedding Projector and starts TensorBoard on it until Ctrl-C.

    Example:

        galkeras explore latents.parquet --records tfrecords/decals --predictions morphology.parquet --out explore/
    """
    from galkeras.discovery.explore import explore
    from galkeras.discovery.projector import check_port, serve
    from galkeras.io.text import counted

    if start:
        check_port(port)
    done = explore(
        latents,
        records,
        out,
        predictions=predictions,
        outliers=outliers,
        galaxies=galaxies,
        seed=seed,
        overwrite=overwrite,
    )
    shown = counted(done.galaxies, "galaxy", "galaxies")
    if done.galaxies < done.given:
        shown += f", drawn from {done.given:,} with seed {seed}"
    echo(f"{out}: {shown}; thumbnails of {done.thumbnail} pixels; columns {', '.join(done.columns)}")
    if start:
        serve(out, port, lambda url: echo(f"{url} shows them in a browser; Ctrl-C ends it"))
    else:
        echo(f"tensorboard --logdir {out} shows them in a browser, under #projector")
