"""Tables of what people look for in latents, as others read them."""

__all__ = ["Findings", "read_findings"]

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from galkeras.io.calls import Call
from galkeras.io.columns import Columns, read_columns
from galkeras.io.errors import GalkerasError
from galkeras.io.typed import from_json


@dataclass(frozen=True, eq=False)
class Findings:
    """What a table holds.

    Attributes:
        path: The file.
        columns: Those that were asked for.
        metadata: What the table says of itself.
        model: The digest of the model whose latents it is about.
        call: How it was made, None where that was not written down yet.
    """

    path: Path
    columns: Columns
    metadata: dict[str, Any]
    model: str
    call: Call | None

    def number(self, name: str) -> float:
        """Return a number that the metadata must name; without it a `GalkerasError` is raised."""
        value = self.metadata.get(name)
        if not isinstance(value, int | float):
            raise GalkerasError(f"{self.path}: its metadata must name `{name}`. Received: {value!r}")
        return float(value)


def read_findings(
    path: str | Path, file: str, command: str, title: str, text: Sequence[str], numbers: Sequence[str]
) -> Findings:
    """Read a table that a command wrote.

    Args:
        path: The table, or the folder which the command wrote.
        file: What the table is called in that folder.
        command: The command, whose name the table's metadata have.
        title: What it is a table of, in messages.
        text: Its columns of text.
        numbers: Its columns of numbers.

    Raises:
        GalkerasError: It is another table, or a column is missing.
    """
    path = Path(path)
    path = path / file if path.is_dir() or not path.suffix else path
    columns, metadata = read_columns(path, strings=tuple(text))
    if metadata.get("table") != command:
        raise GalkerasError(f"{path} is no table of {title}: its metadata say {metadata.get('table')!r}")
    for name in (*text, *numbers):
        if name not in columns or (name in numbers and columns[name].dtype.kind not in "iuf"):
            raise GalkerasError(f"{path} has no column {name!r} as `galkeras {command}` writes it")
    try:
        call = from_json(Call | None, metadata.get("call"), "call")
    except ValueError as error:
        raise GalkerasError(f"{path} is no table of {title}: {error}") from None
    return Findings(path, columns, metadata, str(metadata.get("model")), call)
