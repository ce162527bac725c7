"""What commands have in common, as the command line shows it: arguments, and the options of those that train."""

__all__ = [
    "CUTOUTS",
    "BatchSize",
    "Crop",
    "Dask",
    "IdColumn",
    "LabelColumn",
    "Latents",
    "ModelFolder",
    "NewFolder",
    "NewLatents",
    "NewModel",
    "Overwrite",
    "Records",
    "Resume",
    "Samples",
    "lists",
    "named_values",
    "paper_flag",
    "typed",
]

from collections.abc import Callable, Iterable, Sequence
from dataclasses import Field, fields
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Context, Option

from galkeras.io.errors import GalkerasError
from galkeras.training.options import flag, takes

ModelFolder = Annotated[Path, Argument(help="Model folder, saved_models/NAME.")]
Records = Annotated[Path, Argument(help="Record set that make-tfrecords wrote, tfrecords/NAME.")]
Latents = Annotated[Path, Argument(help="Latent table that encode wrote.")]
CUTOUTS = Argument(help="Folder of FITS, PNG, JPEG, Parquet or Arrow files; or an HDF5, npz or Parquet file.")
NewModel = Annotated[Path, Option(help="Model folder to write.")]
NewFolder = Annotated[Path, Option(help="Folder to write.")]
NewLatents = Annotated[
    Path, Option(help="Table to write: .parquet (streams, so memory stays flat), .fits, .ecsv, .csv or others.")
]
Crop = Annotated[
    int | None,
    Option(help="Take the central N x N pixels. [default: as the model's own images were prepared]", metavar="N"),
]
BatchSize = Annotated[int, Option(help="Images at a time.")]
Dask = Annotated[
    str | None,
    Option(
        help="Scheduler of a Dask cluster, tcp://HOST:PORT or a scheduler file, whose workers do it, a shard at a time"
        " each. They must see the same files under the same paths.",
        metavar="ADDRESS",
    ),
]
LabelColumn = Annotated[str | None, Option(help="The catalog's column of classes, in place of votes.")]
Samples = Annotated[
    int | None,
    Option(help="Average probabilities over so many draws from each galaxy's posterior. [default: its mean alone]"),
]
IdColumn = Annotated[str | None, Option(help="The catalog's column of galaxy names.")]
Resume = Annotated[
    bool, Option("--resume", help="Go on with an interrupted run, or with one that is to have more --epochs.")
]
Overwrite = Annotated[bool, Option("--overwrite", help="Replace what is there.")]


def lists(options: type) -> Callable[[Callable], Callable]:
    """Return a decorator by which a command lists the options of a class, with their defaults and help."""
    return takes(options, _shown)


def paper_flag(options: type) -> Any:
    """Return the type of ``--paper``, which sets those options that the paper chose otherwise."""
    chosen = [
        f"{flag(one)} {options.PAPER[one.name]:{'' if one.type is str else 'g'}}"
        for one in fields(options)
        if one.name in options.PAPER
    ]
    return Annotated[bool, Option("--paper", help=f"As the paper: {' '.join(chosen)}.")]


def typed(context: Context) -> set[str]:
    """Return the names of the parameters that stand on the command line, be it with their defaults."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"}


def _shown(one: Field) -> Any:
    # Of what people type, a path is a path, and what may be repeated is a list.
    shown = {str | Path | None: Path | None, Sequence[str]: list[str]}.get(one.type, one.type)
    return Annotated[shown, Option(flag(one), help=one.metadata["about"])]


def named_values(given: Iterable[str] | None, option: str, form: str) -> dict[str, str]:
    """Return ``NAME=VALUE`` texts as a mapping; what is not of this form, or names twice, is a `GalkerasError`.

    Args:
        given: The texts.
        option: The option that they are of, for the error.
        form: What they must look like, as in ``QUESTION=CLASS``, for the error.
    """
    named: dict[str, str] = {}
    for one in given or ():
        name, equals, value = one.partition("=")
        if not (name and equals and value) or name in named:
            raise GalkerasError(f"{option} must be {form}, each {form.partition('=')[0].lower()} once. Received: {one}")
        named[name] = value
    return named
