"""How expected shares of votes agree with volunteers, as a table for people."""

__all__ = ["HEADER", "VOTES", "share_rows", "share_table"]

from collections.abc import Mapping

from galkeras.io.text import markdown_table
from galkeras.morphology.shares import ShareScores

VOTES = (
    "The share of the votes for each answer, from the votes of all training galaxies, held against those of others that"
    " were asked; each galaxy weighs as many as its volunteers. *Expected*: the mean share of the answer from which"
    " most is expected, and the share that it got; *too much*: the difference, with its 95 % interval, and of the"
    " galaxies that no threshold gives a class. *Volunteers to change*: how many would have to change their minds for"
    " the votes to be as expected, their own scatter with it; *by the mean*: if the mean of the training galaxies were"
    " expected of each."
)
"""What the columns of the table are."""

HEADER = (
    "question",
    "tested",
    "expected",
    "got",
    "too much, points",
    "– without a class",
    "volunteers to change",
    "– by the mean",
)


def share_table(scores: Mapping[str, ShareScores]) -> str:
    """Return a row a question, as Markdown."""
    return markdown_table(HEADER, share_rows(scores))


def share_rows(scores: Mapping[str, ShareScores]) -> list[tuple[str, ...]]:
    """Return the cells of `share_table`, by question."""
    rows = []
    for name, one in scores.items():
        low, high = one.interval
        over = f"{100 * (one.expected - one.voted):+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
        without = "" if one.without_class is None else f"{100 * one.without_class:+.1f}"
        changed = (f"{one.error:.1%}", f"{one.error_of_mean:.1%}")
        rows.append((name, f"{one.galaxies:,}", f"{one.expected:.1%}", f"{one.voted:.1%}", over, without, *changed))
    return rows
