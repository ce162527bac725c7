"""Class probabilities for galaxies that nobody has classified."""

from __future__ import annotations

__all__ = ["Predicted", "class_columns", "predict", "share_columns"]

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from galkeras import __version__
from galkeras.io.columns import Columns, check_new, column_writer
from galkeras.io.errors import GalkerasError
from galkeras.latents.table import LatentTable, read_latents
from galkeras.morphology.forests import Forests
from galkeras.morphology.posterior import check_draws, sampled_probabilities
from galkeras.morphology.shares import VoteShares

if TYPE_CHECKING:
    from astropy.table import Table

    from galkeras.morphology.judge import Judgement


class Predicted(Columns):
    """The columns of a table of predictions, by name.

    Attributes:
        classes: Question to its class names.
        votes: Questions of which the expected votes are told.
        scores: How they agree with a catalog, where one was given.
    """

    def __init__(
        self,
        columns: Columns,
        classes: dict[str, tuple[str, ...]],
        votes: tuple[str, ...] = (),
        scores: Judgement | None = None,
    ) -> None:
        super().__init__(columns)
        self.classes = classes
        self.votes = votes
        self.scores = scores


def predict(
    latents: str | Path | LatentTable,
    forests: str | Path | Forests,
    out: str | Path | None = None,
    *,
    catalog: str | Path | Table | None = None,
    label_column: str | None = None,
    id_column: str | None = None,
    samples: int | None = None,
    seed: int = 0,
    overwrite: bool = False,
) -> Predicted:
    """Return the probability of every class of every question for each row of a latent table.

    Args:
        latents: A latent table or its file, of the model that the forests were fitted on.
        forests: A folder that `classify` wrote.
        out: Where to write the result as well: ``.parquet``, ``.fits``, ``.ecsv``, ``.csv`` or ``.npz``.
        catalog: Galaxies whose classes are known, by votes or ``label_column``, to score the predictions by
            (`galkeras.morphology.judge.judge`): galaxies that trained the forests are left out. With ``out`` the scores
            are written beside it, to ``OUT.scores.json`` and ``OUT.scores.md``.
        label_column: The catalog's column of classes.
        id_column: The catalog's column of galaxy names, where it is not one of the usual.
        samples: Average the probabilities over so many draws from each galaxy's posterior, in place of those of its
            mean. By default the mean: see ``docs/calibration.md`` for what either is worth.
        seed: Of the draws. A galaxy's follow from it and from the galaxy's name alone.
        overwrite: Replace what is there.

    Returns:
        Columns by name: ``id``, ``ra``, ``dec``, ``survey``, and ``{question}_{class}``, float64, which add up to
        1 for each question; with ``samples`` also ``{question}_{class}_std``, their standard deviation over the
        draws; and behind them ``{question}``, the likeliest class, and ``{question}_probability``, its own. These are
        of galaxies that have a class. Forests of a catalog of votes know of the others, too: at the end stand, for
        every question of its tree, the share of the votes that is expected for each answer,
        ``{question}_{answer}_fraction``, and the proportion of volunteers who would be led to the question,
        ``{question}_proportion_volunteers_asked``, named as `read_catalog` names votes. A question is answered for
        every galaxy; whether it makes sense (the arms of a smooth galaxy) that proportion says. ``classes`` names the
        classes of each question, and ``scores`` are those by the catalog.

    Raises:
        GalkerasError: The latents are of another model, ``samples`` is below 1, or a file is missing or damaged.
    """
    if out is not None:
        check_new(out, overwrite, (latents, catalog))
    check_draws(samples, seed)
    if catalog is None and (label_column is not None or id_column is not None):
        raise GalkerasError("`label_column` and `id_column` are of a catalog: say `catalog`")
    table = read_latents(latents)
    loaded = forests if isinstance(forests, Forests) else Forests.load(forests)
    loaded.check(table)
    if catalog is not None:
        # Catalogs are astropy's, which takes a second to load. What cannot be scored by is told before all the work.
        from galkeras.morphology.judge import judge, read_classes, save_judgement

        catalog = read_classes(catalog, loaded, label_column, id_column)
    columns: dict[str, np.ndarray] = {name: getattr(table, name) for name in ("id", "ra", "dec", "survey")}
    drawn = None if samples is None else sampled_probabilities(loaded.by_question, table, samples, seed)
    by_question: dict[str, np.ndarray] = {}
    for question, forest in loaded.by_question.items():
        probabilities, spread = (forest.probabilities(table.z), None) if drawn is None else drawn[question]
        by_question[question] = probabilities
        columns |= class_columns(question, forest.classes, probabilities, columns, spread)
    if loaded.votes is not None:
        columns |= share_columns(loaded.votes, table.z, columns)
    scores = None
    if catalog is not None:
        scores = judge(
            table,
            loaded,
            by_question,
            catalog,
            name="forests" if isinstance(forests, Forests) else forests,
            label_column=label_column,
            id_column=id_column,
            samples=samples,
            seed=seed,
        )
    if out is not None:
        questions = {name: list(forest.classes) for name, forest in loaded.by_question.items()}
        metadata = {"table": "predictions", "model": loaded.model, "questions": questions, "galkeras": __version__}
        metadata |= {} if samples is None else {"samples": samples, "seed": seed}
        with column_writer(out, metadata) as write:
            write(columns)
            if scores is not None:  # Before the table appears, which means that all is there.
                save_judgement(scores, Path(out))
    classes = {name: forest.classes for name, forest in loaded.by_question.items()}
    return Predicted(columns, classes, tuple(loaded.votes.questions) if loaded.votes else (), scores)


def class_columns(
    question: str,
    classes: Sequence[str],
    probabilities: np.ndarray,
    beside: Collection[str],
    spread: np.ndarray | None = None,
) -> Columns:
    """Return the columns of one question.

    Args:
        question: Its name.
        classes: Its classes.
        probabilities: (rows, classes) of these.
        beside: Names of the columns that are there already.
        spread: (rows, classes) standard deviations of the probabilities.

    Raises:
        GalkerasError: Two columns would have one name.
    """
    added = {f"{question}_{name}": probabilities[:, index] for index, name in enumerate(classes)}
    if spread is not None:
        added |= {f"{question}_{name}_std": spread[:, index] for index, name in enumerate(classes)}
    named = {question: np.array(classes)[probabilities.argmax(1)], f"{question}_probability": probabilities.max(1)}
    return _distinct(beside, added, named)


def share_columns(votes: VoteShares, z: np.ndarray, beside: Collection[str]) -> Columns:
    """Return the columns of the votes that are expected, of all questions.

    Args:
        votes: What tells them.
        z: (rows, latent_dim) latents.
        beside: Names of the columns that are there already.

    Raises:
        GalkerasError: Two columns would have one name.
    """
    return _distinct(beside, votes.columns(votes.shares(z)))


def _distinct(beside: Collection[str], *added: Columns) -> Columns:
    """Return the added columns together; a name that is there already is a `GalkerasError`."""
    together: Columns = {}
    for columns in added:
        if taken := {*beside, *together} & {*columns}:
            raise GalkerasError(f"two columns would be called {taken.pop()!r}: rename the label and classify again")
        together |= columns
    return together
