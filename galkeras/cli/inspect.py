"""`galkeras inspect`."""

__all__ = ["command"]

from pathlib import Path
from typing import Annotated

from typer import Option

from galkeras.cli.options import Records


def command(
    records: Records,
    verify: Annotated[bool, Option("--verify", help="Read everything and name all that is damaged.")] = False,
    mosaic: Annotated[Path | None, Option(help="Picture to write. [default: NAME/mosaic.png]")] = None,
    galaxies: Annotated[int, Option(help="Galaxies in the picture.", min=1)] = 36,
) -> None:
    """Show what a record set holds: counts and a mosaic of its galaxies.

    galkeras inspect tfrecords/decals --verify
    """
    from galkeras.records.inspect import inspect

    inspect(records, verify=verify, mosaic=mosaic, galaxies=galaxies)
