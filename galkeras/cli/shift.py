"""``galkeras shift``: how differently a model sees two surveys."""

__all__ = ["command"]

from pathlib import Path
from typing import Annotated

import typer

from galkeras.cli.options import NewFolder, Overwrite
from galkeras.cli.terminal import echo


def command(
    model: Annotated[Path, typer.Argument(help="Model folder: an adapted model, or a VAE.")],
    source: Annotated[Path, typer.Argument(help="Record set of the source survey.")],
    target: Annotated[Path, typer.Argument(help="Record set of the target survey.")],
    out: NewFolder,
    before: Annotated[Path | None, typer.Option(help="The VAE that the model was adapted from, to compare.")] = None,
    catalog: Annotated[Path | None, typer.Option(help="Galaxy Zoo votes: adds the paper's Table 4.")] = None,
    forests: Annotated[
        list[Path] | None,
        typer.Option(
            help="Forests of the model: says whether they hold on the target, without labels. With --catalog used as"
            " they are, by default fitted on the training split. May be repeated, once a model."
        ),
    ] = None,
    split: Annotated[
        str, typer.Option(help="`validation`, `test`, or `all` for sets that no model learned from.")
    ] = "test",
    unpaired: Annotated[bool, typer.Option("--unpaired", help="The two sets are of different galaxies.")] = False,
    refit: Annotated[
        bool, typer.Option("--refit/--no-refit", help="Whether to fit forests on the target too, which takes longest.")
    ] = True,
    seed: Annotated[int, typer.Option(help="Of folds, forests, permutations and bootstrap.")] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Measure how differently a model sees two surveys, on galaxies it did not learn from.

    How well the surveys can be told apart from latents, how far the two images of a galaxy are from each other, with
    forests whether these hold there, and with a catalog what becomes of classification. Writes shift.md, shift.json,
    outside.csv (galaxies of the target that are unlike any of the source), figures and the latents.

    Examples:

        galkeras shift saved_models/vae40 tfrecords/decals tfrecords/new --unpaired --forests forests/gzd5 --out shift/

        galkeras shift saved_models/da40 tfrecords/decals tfrecords/bass-mzls --before saved_models/vae40
            --catalog gz_decals_volunteers_5.parquet --out shift/
    """
    from galkeras.evaluation.shift.shift import shift

    done = shift(
        model,
        source,
        target,
        out,
        before=before,
        catalog=catalog,
        forests=forests or (),
        split=split,
        unpaired=unpaired,
        refit=refit,
        seed=seed,
        overwrite=overwrite,
    )
    echo(done.markdown())
    echo(f"{out}: shift.md, shift.json, shift.png")
