"""The shares of votes learned from some galaxies and held against what volunteers said of others."""

__all__ = ["fit_shares", "learn_shares"]

import logging
from collections.abc import Callable

import numpy as np
from astropy.table import Table

from galkeras.galaxyzoo.tree import Question, Tree
from galkeras.io.errors import GalkerasError
from galkeras.io.text import counted
from galkeras.latents.table import LatentTable
from galkeras.morphology.logistic import fit_multinomial
from galkeras.morphology.shares import SharedQuestion, ShareScores, VoteShares
from galkeras.morphology.splits import splits

_log = logging.getLogger(__name__)

# Log odds of an answer that nobody gave: its share is 0.
_NEVER = -1e9
# A question that fewer training galaxies were asked is left out.
_FEWEST = 10


def fit_shares(z: np.ndarray, counts: np.ndarray, question: Question) -> SharedQuestion | None:
    """Fit one question by the likelihood of all its votes: a multinomial whose log odds are linear in the latents.

    Args:
        z: (rows, latent_dim) latents of training galaxies.
        counts: (rows, answers) votes, 0 where nobody was asked.
        question: The question.

    Returns:
        None where all votes are for one answer.
    """
    given = np.flatnonzero(counts.sum(0) > 0)
    if len(given) < 2:
        return None
    # A row for each answer that a galaxy got, which weighs as many as its votes.
    rows, answer = np.nonzero(counts[:, given])
    votes = counts[:, given][rows, answer]
    found = fit_multinomial(z, answer, rows, votes / votes.mean())
    weights, bias = np.zeros((counts.shape[1], z.shape[1])), np.full(counts.shape[1], _NEVER)
    weights[given], bias[given] = found.weights, found.bias
    return SharedQuestion(
        weights=tuple(map(tuple, weights.tolist())),
        bias=tuple(bias.tolist()),
        answers=question.answers,
        after=question.after,
        when=question.when,
    )


def learn_shares(
    latents: LatentTable,
    catalog: Table,
    tree: Tree,
    seed: int,
    folds: int | None,
    tick: Callable[[str], object] | None = None,
) -> tuple[VoteShares, dict[str, ShareScores]]:
    """Learn the shares of all questions of a tree that the catalog has votes of.

    Args:
        latents: The galaxies.
        catalog: Their votes, a row each.
        tree: Whose questions they are.
        seed: Of the sides.
        folds: Score by cross-validation and learn from all; None for one split, whose training side it is learned from.
        tick: Called with the name of each question before its turn.

    Returns:
        The shares, and the scores by question.
    """
    questions: dict[str, SharedQuestion] = {}
    scores: dict[str, ShareScores] = {}
    everything = np.arange(len(latents))
    if len(np.unique(latents.id[~latents.known])) < (folds or 2):
        # Too few are left to test on.
        sides = [(everything, everything[:0])]
    else:
        sides = list(splits(np.zeros(len(latents), int), latents.id, seed, folds, latents.known))
    learned = everything if folds else sides[0][0]
    for question in tree.asks:
        if tick is not None:
            tick(question.name)
        try:
            counts = tree.counts(catalog, question.name)
        except GalkerasError as error:
            _log.info(f"votes of {question.name} are not learned: {error}")
            continue
        asked = int(np.sum(counts[learned].sum(1) > 0))
        found = fit_shares(latents.z[learned], counts[learned], question) if asked >= _FEWEST else None
        if found is None:
            _log.info(f"votes of {question.name} are not learned: {counted(asked, 'galaxy', 'galaxies')} with votes")
            continue
        questions[question.name] = found
        expected, mean = np.zeros((2, *counts.shape))
        tested = np.zeros(len(latents), bool)
        for train, test in sides:
            of_side = fit_shares(latents.z[train], counts[train], question) if folds else found
            if of_side is None:
                continue
            expected[test] = of_side.shares(latents.z[test])
            mean[test] = counts[train].sum(0) / counts[train].sum()
            tested[test] = True
        tested &= counts.sum(1) > 0
        if tested.any():
            without = _without_class(tree, catalog, question)
            scores[question.name] = _score(
                counts[tested], expected[tested], mean[tested], without[tested], latents.id[tested]
            )
    return VoteShares(questions), scores


def _without_class(tree: Tree, catalog: Table, question: Question) -> np.ndarray:
    """Return which rows no threshold gives a class; none of a question that has no classes, or misses columns."""
    if question.name not in tree.label_questions:
        return np.zeros(len(catalog), bool)
    try:
        return tree.labels(catalog, question.name) == ""
    except GalkerasError:
        # Who was asked it cannot be told.
        return np.zeros(len(catalog), bool)


def _score(
    counts: np.ndarray, expected: np.ndarray, mean: np.ndarray, without: np.ndarray, ids: np.ndarray
) -> ShareScores:
    weight = counts.sum(1)
    voted = counts / weight[:, None]
    rows, most = np.arange(len(counts)), expected.argmax(1)
    over = (expected - voted)[rows, most]

    def average(values: np.ndarray, which: np.ndarray | slice = slice(None)) -> float:
        return float(np.average(values[which], weights=weight[which]))

    # Of a ratio of sums over galaxies, to first order.
    _, galaxy = np.unique(ids, return_inverse=True)
    scatter = np.bincount(galaxy, weight * (over - average(over)))
    error = 1.96 * np.sqrt(np.square(scatter).sum()) / weight.sum()
    return ShareScores(
        galaxies=len(scatter),
        expected=average(expected[rows, most]),
        voted=average(voted[rows, most]),
        interval=(average(over) - float(error), average(over) + float(error)),
        without_class=average(over, without) if without.any() else None,
        error=average(np.abs(expected - voted).sum(1) / 2),
        error_of_mean=average(np.abs(mean - voted).sum(1) / 2),
    )
