"""``galkeras classify``."""

__all__ = ["command"]

from pathlib import Path
from typing import Annotated

import typer

from galkeras.cli.options import IdColumn, Latents, Overwrite, Samples
from galkeras.cli.terminal import echo
from galkeras.morphology.settings import FOREST


def command(
    latents: Latents,
    catalog: Annotated[Path, typer.Argument(help="Galaxy Zoo votes, or any catalog with --label-column.")],
    out: Annotated[Path, typer.Option(help="Folder to write, forests/NAME.")],
    id_column: IdColumn = None,
    label_column: Annotated[
        list[str] | None,
        typer.Option(help="Classify by this column instead of the paper's nine questions; may be given again."),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(help="Score by cross-validation, and fit the saved forests on all. Default: one 70/30 split."),
    ] = None,
    minimum: Annotated[int, typer.Option(help="Leave out classes of fewer galaxies.")] = 10,
    trees: Annotated[
        int | None,
        typer.Option(help=f"Trees in a forest: fewer make smaller files. [default: {FOREST['n_estimators']}]"),
    ] = None,
    samples: Samples = None,
    records: Annotated[
        Path | None,
        typer.Option(help="Record set that was encoded: score principal components of its pixels beside the latents."),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            help="Column of the catalog to draw the scores against; may be given again. Default: size, brightness,"
            " redshift and seeing, where it has them."
        ),
    ] = None,
    paper: Annotated[
        bool, typer.Option("--paper", help="As the paper: forests read the latents and no logistic regression.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the split, the forests, the draws and the intervals.")] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Train and score random forests on latents: the questions of Galaxy Zoo, or a column of yours.

    Writes forests.json, a skops file a question, scores.md, scores.json, confusion.png, calibration.png and curves.png,
    how scores change with size and brightness. Accuracy comes with the majority class, balanced accuracy, macro F1 and
    95 % intervals, probabilities with their Brier score and calibration error.

    Examples:

        galkeras classify latents.parquet gz_decals_volunteers_5.parquet --out forests/first

        galkeras classify latents.parquet catalog.csv --label-column ring --folds 5 --by mag_r --out forests/ring

        galkeras classify latents.parquet catalog.parquet --records tfrecords/decals --out forests/against-components
    """
    from galkeras.morphology.classify import classify

    done = classify(
        latents,
        catalog,
        out,
        label_column=label_column,
        id_column=id_column,
        folds=folds,
        minimum=minimum,
        trees=trees,
        samples=samples,
        records=records,
        by=by,
        paper=paper,
        seed=seed,
        overwrite=overwrite,
    )
    echo(f"{done.matched:,} latents have a row in the catalog, {done.unmatched:,} do not\n")
    echo(done.class_table() + "\n")
    echo(done.score_table())
    for name, reason in done.skipped.items():
        echo(f"skipped {name}: {reason}")
    names = ", ".join(result.name for result in done.results)
    drawn = ", curves.png" if any(result.curves for result in done.results) else ""
    echo(f"\n{out}: forests of {names}; scores.md, scores.json, confusion.png, calibration.png{drawn}")
