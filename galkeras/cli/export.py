"""`galkeras export`."""

__all__ = ["command"]

from pathlib import Path
from typing import Annotated

from typer import Option

from galkeras.cli.options import ModelFolder
from galkeras.cli.terminal import echo


def command(
    model: ModelFolder,
    forests: Annotated[
        Path | None, Option(help="Forests on this model's latents, forests/NAME: serve their answers as well.")
    ] = None,
    version: Annotated[int | None, Option(help="Number of the version [default: the next].")] = None,
) -> None:
    """Write a fitted model as a SavedModel that TensorFlow Serving runs, saved_models/NAME/N.

    It takes cutouts as survey files hold them and answers with latents, reconstructions and, with forests, the
    morphology. A server that polls the folder sees the version when it is whole.

    Examples:

        galkeras export saved_models/first

        galkeras export saved_models/first --forests forests/first
    """
    from galkeras.serving.export import export

    done = export(model, forests=forests, version=version)
    echo(f"{done.path}: version {done.version}, {done.bytes / 1e6:.1f} MB")
    echo(f"signatures: {', '.join(done.signatures)}")
