"""The table that `similar` writes, as others read it."""

__all__ = ["SimilarTable", "read_similar"]

from dataclasses import dataclass
from pathlib import Path

from galkeras.discovery.similar import TABLE, Similar
from galkeras.io.calls import Call
from galkeras.io.columns import read_columns
from galkeras.io.errors import GalkerasError
from galkeras.io.typed import from_json

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
    path = Path(path)
    path = path / TABLE if path.is_dir() or not path.suffix else path
    columns, metadata = read_columns(path, strings=_TEXT)
    if metadata.get("table") != "similar":
        raise GalkerasError(f"{path} is no table of similar galaxies: its metadata say {metadata.get('table')!r}")
    for name in (*_TEXT, *_NUMBERS):
        if name not in columns or (name in _NUMBERS and columns[name].dtype.kind not in "iuf"):
            raise GalkerasError(f"{path} has no column {name!r} as `galkeras similar` writes it")
    typical = metadata.get("typical_distance")
    if not isinstance(typical, int | float):
        raise GalkerasError(f"{path}: its metadata must name `typical_distance`. Received: {typical!r}")
    try:
        call = from_json(Call | None, metadata.get("call"), "call")
    except ValueError as error:
        raise GalkerasError(f"{path} is no table of similar galaxies: {error}") from None
    return SimilarTable(columns, float(typical), str(metadata.get("model")), call)
