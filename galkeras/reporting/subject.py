"""What a report is of: a model, and what was given with it."""

__all__ = ["Known", "Subject", "check_model", "known_of"]

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from galkeras.evaluation.scan.types import galaxy_types
from galkeras.galaxyzoo.tree import Tree
from galkeras.galaxyzoo.trees import TREES, recognized
from galkeras.io.errors import GalkerasError
from galkeras.latents.table import LatentTable
from galkeras.models.stored import StoredModel
from galkeras.morphology.forests import Forests
from galkeras.records.schema import RecordSet
from galkeras.surveys.catalog import read_catalog, rows_in
from galkeras.surveys.image import ImageSpec
from galkeras.training.stored import Summary, TrainingConfig

_log = logging.getLogger(__name__)

_COLORINGS = 5


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of a model's galaxies beside their latents.

    Attributes:
        source: Where it is from: ``votes`` or ``forests``.
        types: (rows,) morphological type, empty where unknown.
        answers: Question as people read it to (rows,) classes, empty where unknown.
    """

    source: str
    types: np.ndarray
    answers: dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Subject:
    """What a section may tell of.

    Attributes:
        folder: The model folder.
        stored: What its ``config.json`` holds.
        images: What images the model takes.
        surveys: Of which surveys.
        training: How it was trained.
        summary: Its scores, as `fit` or `adapt` wrote them.
        history: Its losses, a row for each epoch.
        digest: The model's digest.
        sets: Record sets of its galaxies.
        latents: The latent table and its file.
        catalog: The catalog's file.
        known: What is known of the galaxies of the latent table.
        inputs: By the option of a section, the path or the paths that were given.
    """

    folder: Path
    stored: StoredModel
    images: ImageSpec
    surveys: tuple[str, ...]
    training: TrainingConfig
    summary: Summary
    history: list[dict[str, float]]
    digest: str
    sets: Sequence[RecordSet] = ()
    latents: tuple[Path, LatentTable] | None = None
    catalog: Path | None = None
    known: Known | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def table(self) -> LatentTable | None:
        """The latent table, where one was given."""
        return None if self.latents is None else self.latents[1]


def check_model(path: Path, model: str, digest: str) -> None:
    """Raise a `GalkerasError` where what ``path`` holds is of the model with another digest than the report's."""
    if model != digest:
        raise GalkerasError(
            f"{path} is of model {model[:12]}, and the report is of model {digest[:12]}: give what was made with"
            " this model"
        )


def known_of(table: LatentTable, catalog: str | Path | None, forests: Sequence[Path]) -> Known | None:
    """Return what votes say of the galaxies, or else what forests predict."""
    if catalog is not None:
        votes = read_catalog(catalog, position=False)
        tree = recognized(votes)
        if tree is not None and not tree.refused:
            return _by_votes(table, votes, tree)
        known = ", ".join(tree.name for tree in TREES.values() if not tree.refused)
        without = f"{catalog} has no votes of a known decision tree ({known})"
        if not forests:
            raise GalkerasError(f"{without}: columns like 'smooth-or-featured_smooth_fraction'")
        _log.info(f"{without}: types and colours are those that {forests[0]} predicts")
    return _by_forests(table, forests[0]) if forests else None


def _by_votes(table: LatentTable, votes: Table, tree: Tree) -> Known:
    here, there = rows_in(votes, table.id)

    def spread(values: np.ndarray) -> np.ndarray:
        everywhere = np.full(len(table), "", values.dtype)
        everywhere[here] = values[there]
        return everywhere

    answers = {tree.label_questions[name].title: spread(tree.labels(votes, name)) for name in tree.colored}
    types, _ = galaxy_types(table.id, votes)
    return Known("votes", np.array([types.get(name, "") for name in table.id.tolist()]), answers)


def _by_forests(table: LatentTable, folder: Path) -> Known:
    loaded = Forests.load(folder)
    loaded.check(table)
    known = dict.fromkeys(name for tree in TREES.values() for name in tree.colored)
    asked = ([name for name in known if name in loaded.by_question] or list(loaded.by_question))[:_COLORINGS]
    answers = {}
    for name in asked:
        forest = loaded.by_question[name]
        answers[forest.title] = np.array(forest.classes)[forest.probabilities(table.z).argmax(1)]
    title = next(iter(answers))
    types = np.array([f"{title} {answer}" for answer in answers[title]])
    return Known("forests", types, answers)
