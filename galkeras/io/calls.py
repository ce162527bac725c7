"""How a command was called, as what it made remembers it."""

__all__ = ["Call", "calls_with", "read_calls"]

import inspect
import json
import os
import re
import shlex
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from galkeras import __version__
from galkeras.io.errors import GalkerasError
from galkeras.io.files import read_json
from galkeras.io.typed import from_json

# Where the result lies its reader knows; the others leave what is made as it is.
_NOT_KEPT = ("out", "overwrite", "resume", "quiet", "workers", "dask")
_NAME = re.compile(r"[a-z][a-z0-9_-]*", re.ASCII)


@dataclass(frozen=True)
class Call:
    """How a command was called.

    It stands in the file that the command writes, for people who want to repeat it, and is no part of what identifies
    a record set, a model or latents: paths are as they were given.

    Attributes:
        command: Its name on the command line.
        inputs: What it was given by place, by name: a path, or None for what was in memory alone.
        options: What else was not left at its default, by the name on the command line; None as above.
        version: The galkeras whose defaults the others have.
    """

    command: str
    inputs: dict[str, str | None]
    options: dict[str, Any] = field(default_factory=dict)
    version: str = __version__

    def __post_init__(self) -> None:
        for name in (self.command, *self.inputs, *self.options):
            if not _NAME.fullmatch(name):
                raise ValueError(f"`call` must name commands and options. Received: {name!r:.60}")

    @classmethod
    def of(
        cls,
        function: Callable[..., Any],
        given: Mapping[str, Any],
        flags: Mapping[str, str] | None = None,
        commas: Collection[str] = (),
    ) -> "Call":
        """Return the call of the function of a command.

        >>> def encode(model, records, out, *, views=1, scores="sample", splits=None): ...
        >>> given = {"model": "m", "records": "r", "views": 8, "splits": ["test"]}
        >>> Call.of(encode, given, {"splits": "split"}).line("l.npz")
        'galkeras encode m r --views 8 --split test --out l.npz'

        Args:
            function: The function, whose signature has the defaults, and tells inputs, which are given by place, from
                options.
            given: Its arguments by name; there may be more.
            flags: What options are called on the command line, without hyphens in front, where not as in Python;
                and all that Python takes by place.
            commas: Keywords of several values that the command line has in one word, with commas between.
        """
        flags = flags or {}
        inputs: dict[str, str | None] = {}
        options: dict[str, Any] = {}
        for name, one in inspect.signature(function).parameters.items():
            if name in _NOT_KEPT or name not in given or given[name] is None:
                continue
            said = _plain(given[name])
            if one.kind is not one.KEYWORD_ONLY and name not in flags:
                inputs[name] = said
            elif said is None or said not in ([], {}, _plain(one.default)):
                word = ",".join(map(str, said)) if name in commas else said
                options[flags.get(name, name.replace("_", "-"))] = word
        return cls(function.__name__.replace("_", "-"), inputs, options)

    def line(self, out: str | os.PathLike[str], **places: str | None) -> str:
        """Return the call as it is typed in a shell; what is not known is in capitals.

        Args:
            out: What is written.
            places: Where inputs lie, by name, where that is known better.
        """
        words = ["galkeras", self.command]
        for name, value in self.inputs.items():
            word = places.get(name) or value or name.upper()
            words.append(f"./{word}" if word.startswith("-") else word)
        for name, value in self.options.items():
            words += _typed(name, value)
        return shlex.join([*words, "--out", os.fspath(out)])


def read_calls(path: str | Path) -> tuple[Call, ...]:
    """Return how commands were called that wrote into a folder, oldest first, as its JSON file says.

    Raises:
        GalkerasError: The file is missing or damaged. One of before calls were kept has none.
    """
    value = read_json(path)
    try:
        held = value.get("calls", []) if isinstance(value, dict) else None
        calls: tuple[Call, ...] = from_json(tuple[Call, ...], held, "calls")
        return calls
    except ValueError as error:
        raise GalkerasError(f"{path} is damaged: {error}") from None


def calls_with(path: Path, call: Call) -> list[dict[str, Any]]:
    """Return the calls that a folder's JSON file has, and last the one that now adds to it, as the file has them."""
    earlier = read_calls(path) if path.exists() else ()
    return [asdict(one) for one in (*(one for one in earlier if one != call), call)]


def _plain(value: Any) -> Any:
    """Return a value as JSON has it, None for what is neither a value nor a file."""
    if isinstance(value, str | bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    try:
        return os.fspath(value)
    except (TypeError, GalkerasError):
        return None


def _typed(name: str, value: Any) -> Iterator[str]:
    """Yield the words by which an option is typed."""
    if isinstance(value, bool):
        yield f"--{name}" if value else f"--no-{name}"
    elif isinstance(value, list):
        for one in value:
            yield from (f"--{name}", *map(_number, one)) if isinstance(one, list) else _typed(name, one)
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from (f"--{name}", f"{key}={json.dumps(one)}")
    else:
        yield from (f"--{name}", name.upper() if value is None else _number(value))


def _number(value: Any) -> str:
    """Return a value as people write it, and a number so that it is read as the same."""
    short = f"{value:g}" if isinstance(value, float) else str(value)
    return short if not isinstance(value, float) or float(short) == value else repr(value)
