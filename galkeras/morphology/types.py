"""Morphological types: the first branches of the GZD-5 tree."""

__all__ = ["TYPES", "first_branches"]

import numpy as np
from astropy.table import Table

from galkeras.morphology.tree import GZD5, answer_fractions

_NEXT = {"smooth": "how-rounded", "featured-or-disk": "disk-edge-on"}
_NAMES = {
    ("smooth", "round"): "smooth, round",
    ("smooth", "in-between"): "smooth, in-between",
    ("smooth", "cigar-shaped"): "smooth, cigar-shaped",
    ("featured-or-disk", "yes"): "featured, edge-on",
    ("featured-or-disk", "no"): "featured, not edge-on",
}
TYPES = (*_NAMES.values(), "artifact")
"""What `first_branches` calls them, in this order."""


def first_branches(table: Table) -> np.ndarray:
    """Return the type of each galaxy: which way more than half of its votes go, at the first two questions.

    Args:
        table: A catalogue with the vote fractions of the tree.

    Returns:
        (rows,) names in `TYPES`, empty where no answer has more than half of the votes.
    """
    first = _majority(table, "smooth-or-featured")
    types = np.where(first == "artifact", "artifact", "").astype(f"U{max(map(len, TYPES))}")
    for answer, question in _NEXT.items():
        second = _majority(table, question)
        for (one, two), name in _NAMES.items():
            if one == answer:
                types[(first == one) & (second == two)] = name
    return types


def _majority(table: Table, question: str) -> np.ndarray:
    fractions = np.nan_to_num(answer_fractions(table, question))
    return np.where(fractions.max(-1) > 0.5, np.array(GZD5[question].answers)[fractions.argmax(-1)], "")
