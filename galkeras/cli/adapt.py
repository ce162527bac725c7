"""``galkeras adapt``: adapt a VAE to a second survey, or to several."""

__all__ = ["command"]

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Context, Option

from galkeras.cli.options import NewModel, Overwrite, Resume, lists, named_values, paper_flag, typed
from galkeras.cli.terminal import echo
from galkeras.io.text import counted
from galkeras.training.options import AdaptOptions


@lists(AdaptOptions)
def command(
    model: Annotated[Path, Argument(help="Model folder that `galkeras fit` wrote.")],
    source: Annotated[Path, Argument(help="Record set of the survey that the model was fitted to.")],
    target: Annotated[list[Path], Argument(help="Record set of the other survey, or those of several.")],
    out: NewModel,
    *,
    context: Context,
    options: AdaptOptions,
    settings: Annotated[
        list[str] | None,
        Option("--set", help="What an --adapter of your own is set to. May be repeated.", metavar="NAME=VALUE"),
    ] = None,
    paper: paper_flag(AdaptOptions) = False,
    resume: Resume = False,
    overwrite: Overwrite = False,
) -> None:
    """Adapt a VAE so that its latents mean the same in a second survey, or in several.

    One encoder for all surveys, a decoder for each. Galaxies are joined by id and position; how many pairs there are,
    and why others were left out, is printed. `galkeras shift` measures what adapting has done.

    Examples:

        galkeras adapt saved_models/vae40 tfrecords/decals tfrecords/bass-mzls --out saved_models/da40

        galkeras adapt saved_models/vae40 tfrecords/decals tfrecords/sdss --unpaired --out saved_models/da40

        galkeras adapt saved_models/vae40 tfrecords/decals tfrecords/bass-mzls tfrecords/hsc --out saved_models/da40
    """
    from galkeras.models.stored import StoredModel
    from galkeras.records.schema import RecordSet
    from galkeras.training.workers import Workers

    if paper:
        options = options.as_paper(typed(context))
    chosen = {
        name.replace("-", "_"): _value(text) for name, text in named_values(settings, "--set", "NAME=VALUE").items()
    }
    # Before TensorFlow, which takes seconds to load.
    StoredModel.load(model)
    sets = [RecordSet.load(records) for records in (source, *target)]
    *surveys, last = (f"{one.path} ({counted(one.written, 'galaxy', 'galaxies')} of {one.survey})" for one in sets)
    if Workers.of().chief:
        echo(f"{out}: {model} adapted to {', '.join(surveys)} and {last}, at most {counted(options.epochs, 'epoch')}")
    from galkeras.training.adapt import adapt

    adapt(model, source, target, out, **asdict(options), settings=chosen, resume=resume, overwrite=overwrite)


def _value(text: str) -> Any:
    """Return what a text says in JSON, else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
