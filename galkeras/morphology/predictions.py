"""The table that `predict` writes, question by question."""

__all__ = ["Predictions", "read_predictions"]

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from galkeras.io.columns import read_columns
from galkeras.io.errors import GalkerasError


@dataclass(frozen=True, eq=False)
class Predictions:
    """Class probabilities of galaxies.

    Attributes:
        id: (rows,) names of the galaxies.
        survey: (rows,) where the image is from.
        model: The digest of the model whose latents were classified.
        classes: Question to its class names.
        probabilities: Question to (rows, classes) float64.
    """

    id: np.ndarray
    survey: np.ndarray
    model: str
    classes: dict[str, tuple[str, ...]]
    probabilities: dict[str, np.ndarray]

    def answers(self, question: str) -> np.ndarray:
        """Return the (rows,) most probable class of each galaxy."""
        return np.array(self.classes[question])[self.probabilities[question].argmax(1)]


def read_predictions(path: str | Path) -> Predictions:
    """Read a table that `predict` wrote.

    Raises:
        GalkerasError: It is none, or a column is missing.
    """
    columns, metadata = read_columns(path, strings=("id", "survey"))
    if metadata.get("table") != "predictions":
        raise GalkerasError(f"{path} is no table of predictions: its metadata say {metadata.get('table')!r}")
    questions = metadata.get("questions")
    if not isinstance(questions, dict) or not all(isinstance(names, list) and names for names in questions.values()):
        raise GalkerasError(f"{path}: its metadata must name the `questions` and their classes. Run predict again")
    classes = {name: tuple(map(str, names)) for name, names in questions.items()}
    wanted = ["id", "survey", *(f"{name}_{answer}" for name in classes for answer in classes[name])]
    for name in wanted:
        if name not in columns:
            raise GalkerasError(f"{path} has no column {name!r}, which its metadata speak of")
    try:
        probabilities = {
            name: np.stack([columns[f"{name}_{answer}"] for answer in answers], -1).astype(np.float64)
            for name, answers in classes.items()
        }
    except ValueError as error:
        raise GalkerasError(f"{path}: probabilities must be numbers: {error}") from None
    return Predictions(columns["id"], columns["survey"], str(metadata.get("model")), classes, probabilities)
