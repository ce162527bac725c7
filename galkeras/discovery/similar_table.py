"""The table that `similar` writes, as others read it."""

__all__ = ["SimilarTable", "read_similar"]

from dataclasses import dataclass
from pathlib import Path

from galkeras.discovery.findings import read_findings
from galkeras.discovery.similar import TABLE, Similar
from galkeras.io.calls import Call

_TEXT, _NUMBERS = ("query", "query_survey", "id", "survey"), ("neighbour", "distance")


@dataclass(frozen=True, eq=False)
class SimilarTable(Similar):
    """What `Similar` says, and where it is from.

    Attributes:
        model: The digest of the model whose latents were compared.
        call: How it was made, None where that was not written down yet.
    """

    model: str = ""
    call: Call | None = None


def read_similar(path: str | Path) -> SimilarTable:
    """Read a table that `similar` wrote, or that in the folder which it wrote."""
    found = read_findings(path, TABLE, "similar", "similar galaxies", _TEXT, _NUMBERS)
    return SimilarTable(found.columns, found.number("typical_distance"), found.model, found.call)
