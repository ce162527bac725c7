"""How volunteers would vote: the share of each answer, for galaxies of all kinds.

Forests know galaxies of clear classes, and their probabilities are of such a class. Of a galaxy that has none they are
nearly as sure. The shares here are learned from the votes of all galaxies that were asked.
"""

__all__ = ["ShareScores", "SharedQuestion", "VoteShares"]

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from galkeras.morphology.multinomial import Multinomial


@dataclass(frozen=True)
class SharedQuestion(Multinomial):
    """How latents tell the votes of one question: what `Multinomial` says of its answers, and where it is asked.

    Attributes:
        answers: Its answers in the order of the published columns. One that nobody gave gets a share of 0.
        after: The question that leads here, None for the first.
        when: The answers of ``after`` that lead here.
    """

    answers: tuple[str, ...]
    after: str | None
    when: tuple[str, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.answers) != len(self.weights):
            raise ValueError("`weights` and `bias` must be of each of the `answers`")

    def shares(self, z: np.ndarray) -> np.ndarray:
        """Return (rows, answers) float64 shares of the votes, which add up to 1, of (rows, latent_dim) latents."""
        return np.exp(self.log_probabilities(z))


@dataclass(frozen=True)
class VoteShares:
    """How latents tell the votes down a tree.

    Attributes:
        questions: By name, in the order of the tree.
    """

    questions: dict[str, SharedQuestion]

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for name, question in self.questions.items():
            before = self.questions.get(question.after or "")
            if before and (question.after not in seen or not {*question.when} <= {*before.answers}):
                raise ValueError(f"`votes.{name}` must come after {question.after} and by its answers")
            seen.add(name)

    def shares(self, z: np.ndarray) -> dict[str, np.ndarray]:
        """Return by question the (rows, answers) shares of the votes of those who are asked it."""
        return {name: question.shares(z) for name, question in self.questions.items()}

    def asked(self, shares: Mapping[str, Any]) -> dict[str, Any]:
        """Return by question the (rows,) proportion of volunteers who are led to it: a product down the tree.

        A question is left out where nothing is known of one that leads to it. Shares are arrays or tensors.
        """
        asked: dict[str, Any] = {}
        for name, question in self.questions.items():
            if question.after is None:
                asked[name] = 0 * shares[name][:, 0] + 1
            elif question.after in asked:
                before = self.questions[question.after].answers
                leading = sum(shares[question.after][:, before.index(answer)] for answer in question.when)
                asked[name] = asked[question.after] * leading
        return asked

    def columns(self, shares: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is expected of all questions, (rows,) each, by the names that `read_catalog` gives to votes.

        Args:
            shares: By question its (rows, answers) shares, arrays or tensors.
        """
        asked = self.asked(shares)
        found = {}
        for name, question in self.questions.items():
            if name in asked:
                found[f"{name}_proportion_volunteers_asked"] = asked[name]
            for index, answer in enumerate(question.answers):
                found[f"{name}_{answer}_fraction"] = shares[name][:, index]
        return found


@dataclass(frozen=True)
class ShareScores:
    """How the shares of one question agree with the votes for galaxies that they were not learned from.

    Each galaxy weighs as many as the volunteers who were asked the question of it.

    Attributes:
        galaxies: How many were asked.
        expected: Mean share of the answer from which most is expected.
        voted: The share that it got.
        interval: The 95 % interval of ``expected`` less ``voted`` by the scatter between galaxies.
        without_class: ``expected`` less ``voted`` of the galaxies that have no class by the thresholds of the tree;
            None where all have one, or classes cannot be told.
        error: Half the sum over answers of the distances of expected and voted shares: how many volunteers would have
            to change their minds. It holds the scatter of a few dozen volunteers.
        error_of_mean: The same of always expecting the mean of the training galaxies.
    """

    galaxies: int
    expected: float
    voted: float
    interval: tuple[float, float]
    without_class: float | None
    error: float
    error_of_mean: float
