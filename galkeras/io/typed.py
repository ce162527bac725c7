"""JSON files as dataclasses: what a file holds is of the declared types, or is refused with the name of the field."""

__all__ = ["from_json", "of_format", "read_typed"]

import types
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from galkeras.io.errors import GalkerasError
from galkeras.io.files import read_json

_PLAIN = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def read_typed(path: Path, kind: type, command: str, version: int) -> Any:
    """Return what a JSON file holds as an instance of the dataclass ``kind``.

    Args:
        path: The file.
        kind: A dataclass of plain fields, and of others like it. A file may hold more than its fields.
        command: What writes such files, for the error.
        version: The format that is understood, as the file's ``format`` says; files from before it said are of 1.

    Raises:
        GalkerasError: There is no file, or it is damaged, foreign, or of a later format.
    """
    value = read_json(path)
    try:
        return of_format(kind, value, version)
    except (ValueError, OverflowError) as error:
        raise GalkerasError(f"{path} is not what `galkeras {command}` writes: {error}") from None


def of_format(kind: type, value: Any, version: int) -> Any:
    """Return a whole JSON value as an instance of the dataclass ``kind``, as `read_typed` does that of a file.

    Raises:
        ValueError: It is something else or of another format; the error names the field.
    """
    found = value.get("format", 1) if isinstance(value, dict) else 1
    if found != version:
        raise ValueError(f"`format` must be {version}. Received: {found!r}")
    return from_json(kind, value)


def from_json(kind: Any, value: Any, name: str = "") -> Any:
    """Return a JSON value as what a type annotation says.

    >>> from_json(dict[str, tuple[float, ...]], {"interval": [0.1, 1]})
    {'interval': (0.1, 1.0)}

    Args:
        kind: A dataclass, a plain type, a tuple, a dict by text, any of these or None, or Any.
        value: As `json` gives it.
        name: Where in the file it is, for the error.

    Raises:
        ValueError: It is something else; the error names the field.
    """
    if kind is Any:
        return value
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in inside:
            return None
        (kind,) = (one for one in inside if one is not type(None))
        return from_json(kind, value, name)
    if origin is tuple:
        _check(value, (list, tuple), "a list", name)
        each = [inside[0]] * len(value) if inside[-1] is Ellipsis else inside
        if len(each) != len(value):
            raise ValueError(f"`{name}` must be {len(each)} values. Received: {value!r:.60}")
        pairs = enumerate(zip(each, value, strict=True))
        return tuple(from_json(one, part, f"{name}[{place}]") for place, (one, part) in pairs)
    if origin is dict:
        _check(value, dict, "an object", name)
        return {key: from_json(inside[1], part, f"{name}.{key}" if name else key) for key, part in value.items()}
    if is_dataclass(kind):
        _check(value, dict, "an object", name)
        return _dataclass(kind, value, name)
    if isinstance(value, bool) != (kind is bool):
        _check(None, kind, _PLAIN[kind], name, value)
    _check(value, (int, float) if kind is float else kind, _PLAIN[kind], name)
    return kind(value)


def _dataclass(kind: Any, value: dict[str, Any], name: str) -> Any:
    hints = get_type_hints(kind)
    given = {}
    for field in fields(kind):
        where = f"{name}.{field.name}" if name else field.name
        if field.name in value:
            given[field.name] = from_json(hints[field.name], value[field.name], where)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"`{where}` is missing")
    return kind(**given)


def _check(value: Any, kind: Any, wanted: str, name: str, received: Any = None) -> None:
    if not isinstance(value, kind):
        shown = value if received is None else received
        raise ValueError(f"`{name or 'the whole'}` must be {wanted}. Received: {shown!r:.60}")
