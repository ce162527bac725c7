"""``galkeras predict``."""

__all__ = ["command"]

from pathlib import Path
from typing import Annotated

import typer

from galkeras.cli.options import IdColumn, LabelColumn, Overwrite, Samples
from galkeras.cli.terminal import echo
from galkeras.io.text import counted


def command(
    latents: Annotated[Path, typer.Argument(help="Latent table, of the model that the forests were fitted on.")],
    forests: Annotated[Path, typer.Argument(help="Folder that classify wrote, forests/NAME.")],
    out: Annotated[Path, typer.Option(help="Table to write: .parquet, .fits, .ecsv, .csv or others.")],
    catalog: Annotated[
        Path | None,
        typer.Option(help="Score the predictions by this catalog of votes, or of labels with --label-column."),
    ] = None,
    label_column: LabelColumn = None,
    id_column: IdColumn = None,
    samples: Samples = None,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Write the probability of every class of every question for each galaxy of a latent table.

    Columns: id, ra, dec, survey, and of each question QUESTION_CLASS, as in bar_strong, QUESTION, the likeliest class,
    and QUESTION_probability. With --samples also QUESTION_CLASS_std, the standard deviation over the draws. With
    --catalog, OUT.scores.md and OUT.scores.json hold the scores, of galaxies that did not train the forests.

    Those are of galaxies that have a class. Of forests of Galaxy Zoo votes there stand, too, QUESTION_ANSWER_fraction,
    the share of the votes that is expected for each answer, of whatever galaxy, and
    QUESTION_proportion_volunteers_asked, how many would be led to the question.

    Examples:

        galkeras predict latents.parquet forests/first --out predictions.parquet

        galkeras predict new.parquet forests/ring --catalog new.csv --label-column ring --out predictions.parquet
    """
    from galkeras.morphology.predict import predict

    columns = predict(
        latents,
        forests,
        out,
        catalog=catalog,
        label_column=label_column,
        id_column=id_column,
        samples=samples,
        seed=seed,
        overwrite=overwrite,
    )
    galaxies = counted(len(columns["id"]), "galaxy", "galaxies")
    probabilities = sum(map(len, columns.classes.values()))
    averaged = "" if samples is None else f", averaged over {counted(samples, 'draw')}"
    votes = f", the votes expected for {counted(len(columns.votes), 'question')}" if columns.votes else ""
    echo(f"{out}: {galaxies}, {probabilities} probabilities each{averaged}{votes}")
    scores = columns.scores
    if scores is None:
        return
    echo(f"{scores.matched:,} have a row in the catalog. Scored: {scores.method()}\n")
    echo(scores.score_table())
    for name, reason in scores.skipped.items():
        echo(f"skipped {name}: {reason}")
    echo(f"\n{out}.scores.md, {out}.scores.json")
