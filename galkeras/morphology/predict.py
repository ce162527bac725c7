"""Class probabilities for galaxies that nobody has classified."""

__all__ = ["predict"]

from pathlib import Path

import numpy as np

from galkeras import __version__
from galkeras.io.columns import Columns, check_format, write_columns
from galkeras.latents.table import LatentTable, read_latents
from galkeras.morphology.forests import Forests
from galkeras.morphology.posterior import check_draws, sampled_probabilities


def predict(
    latents: str | Path | LatentTable,
    forests: str | Path | Forests,
    out: str | Path | None = None,
    *,
    samples: int | None = None,
    seed: int = 0,
) -> Columns:
    """Return the probability of every class of every question for each row of a latent table.

    Args:
        latents: A latent table or its file, of the model that the forests were fitted on.
        forests: A folder that `classify` wrote.
        out: Where to write the result as well: ``.parquet``, ``.fits``, ``.ecsv``, ``.csv`` or ``.npz``.
        samples: Average the probabilities over so many draws from each galaxy's posterior, in place of those of its
            mean. By default the mean: see ``docs/calibration.md`` for what either is worth.
        seed: Of the draws. A galaxy's follow from it and from the galaxy's name alone.

    Returns:
        Columns by name: ``id``, ``ra``, ``dec``, ``survey``, and ``{question}_{class}``, float64, which add up to
        1 for each question; with ``samples`` also ``{question}_{class}_std``, their standard deviation over the
        draws. A question is answered for every galaxy; whether it makes sense (the arms of a smooth
        galaxy) is for the reader to say.

    Raises:
        GalkerasError: The latents are of another model, ``samples`` is below 1, or a file is missing or damaged.
    """
    if out is not None:
        check_format(out)
    check_draws(samples, seed)
    table = latents if isinstance(latents, LatentTable) else read_latents(latents)
    loaded = forests if isinstance(forests, Forests) else Forests.load(forests)
    loaded.check(table)
    columns: dict[str, np.ndarray] = {name: getattr(table, name) for name in ("id", "ra", "dec", "survey")}
    drawn = None if samples is None else sampled_probabilities(loaded.by_question, table, samples, seed)
    for question, forest in loaded.by_question.items():
        probabilities, spread = (forest.probabilities(table.z), None) if drawn is None else drawn[question]
        columns |= {f"{question}_{name}": probabilities[:, index] for index, name in enumerate(forest.classes)}
        if spread is not None:
            columns |= {f"{question}_{name}_std": spread[:, index] for index, name in enumerate(forest.classes)}
    if out is not None:
        questions = {name: list(forest.classes) for name, forest in loaded.by_question.items()}
        metadata = {"table": "predictions", "model": loaded.model, "questions": questions, "galkeras": __version__}
        metadata |= {} if samples is None else {"samples": samples, "seed": seed}
        write_columns(out, columns, metadata)
    return columns
