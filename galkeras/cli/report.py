"""``galkeras report``."""

__all__ = ["command"]

from pathlib import Path
from typing import Annotated

import typer

from galkeras.cli.options import ModelFolder, NewFolder, Overwrite
from galkeras.cli.terminal import echo


def command(
    model: ModelFolder,
    out: NewFolder,
    records: Annotated[list[Path] | None, typer.Option(help="Record set of its galaxies. May be repeated.")] = None,
    latents: Annotated[Path | None, typer.Option(help="Table that encode wrote with this model.")] = None,
    catalog: Annotated[Path | None, typer.Option(help="Galaxy Zoo votes: SSIM by type, latents by morphology.")] = None,
    forests: Annotated[
        list[Path] | None, typer.Option(help="Folder that classify wrote: Tables 2 and 3. May be repeated.")
    ] = None,
    shift: Annotated[Path | None, typer.Option(help="Folder that shift wrote: Table 4.")] = None,
    outliers: Annotated[Path | None, typer.Option(help="Folder that outliers wrote.")] = None,
    scan: Annotated[Path | None, typer.Option(help="Folder that scan wrote.")] = None,
    input: Annotated[
        list[str] | None, typer.Option(metavar="NAME=PATH", help="What another section takes. May be repeated.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write everything known of a model as one self-contained HTML page.

    Data, training, reconstructions, latents, Tables 2, 3 and 4 beside the paper's numbers, versions and commands. A
    part that is not given is left out with a line that says which command makes it.

    Example:

        galkeras report saved_models/vae40 --records tfrecords/decals --latents latents.parquet
            --catalog catalog.parquet --forests forests/gzd5 --out report/
    """
    from galkeras.cli.options import named_values
    from galkeras.reporting.report import report

    page = report(
        model,
        out,
        records=records or (),
        latents=latents,
        catalog=catalog,
        forests=forests or (),
        shift=shift,
        outliers=outliers,
        scan=scan,
        inputs=named_values(input, "--input", "NAME=PATH"),
        overwrite=overwrite,
    )
    echo(f"{page}: {page.stat().st_size / 1e6:.1f} MB, needs nothing else")
