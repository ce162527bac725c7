"""What the functions of the face are given: an argument of another type than its annotation says is told by name."""

__all__ = ["checked"]

import builtins
import functools
import inspect
import operator
import os
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from galkeras.io.errors import GalkerasError

_SHOWN = 60


@functools.cache
def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function as the face gives it: with its arguments held against its annotations first.

    What is a path may be ``os.PathLike`` too, as are the things that other functions returned; a sequence may be a
    single one of its elements. The same function always gives the same one, which pickles by its name in ``galkeras``.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def checking(*args: Any, **given: Any) -> Any:
        try:
            bound = signature.bind(*args, **given)
        except TypeError:
            return function(*args, **given)  # Python says it: an unknown keyword, or one too few.
        for name, value in bound.arguments.items():
            _check(name, value, signature.parameters[name], function)
        return function(*args, **given)

    checking.__module__ = "galkeras"
    return checking


def _check(name: str, value: Any, parameter: inspect.Parameter, function: Callable[..., Any]) -> None:
    kind = parameter.annotation
    if value is parameter.default or kind in (parameter.empty, Any):
        return
    if isinstance(kind, str):
        kind = eval(kind, {}, _Names(inspect.unwrap(function)))  # noqa: S307 - our own annotation
    kinds = _alternatives(kind)
    if not any(_is(value, one) for one in kinds):
        *most, last = dict.fromkeys(_word(one) for one in kinds if not (one is str and Path in kinds))
        said = f"{', '.join(most)} or {last}" if most else last
        raise GalkerasError(f"`{name}` must be {said}. Received: {name}={_short(value)}")


def _alternatives(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def _is(value: Any, kind: Any) -> bool:
    origin = get_origin(kind)
    if kind is Any:
        return True
    if origin is not None and issubclass(origin, Mapping):
        return isinstance(value, Mapping)
    if origin is not None and issubclass(origin, Iterable):
        inside = _alternatives(get_args(kind)[0])
        if any(_is(value, one) for one in inside):
            return True
        many = isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)
        # What can be gone through once is not gone through here.
        seen = value if isinstance(value, list | tuple | set | frozenset) else ()
        return many and all(any(_is(each, one) for one in inside) for each in seen)
    if kind is Path:
        return isinstance(value, str | os.PathLike)
    if kind in (int, bool):
        return _is_whole(value)
    if kind is float:
        return isinstance(value, Real)
    # A class that is imported for its annotation alone is known by its name.
    return isinstance(value, kind) or any(one.__name__ == kind.__name__ for one in type(value).__mro__)


def _is_whole(value: Any) -> bool:
    try:
        operator.index(value)
    except TypeError:
        return type(value).__name__ in ("bool", "bool_")
    return True


_WORDS = {int: "a whole number", float: "a number", bool: "True or False", type(None): "None", Path: "a path"}


def _word(kind: Any) -> str:
    origin = get_origin(kind)
    if origin is not None and issubclass(origin, Mapping):
        return "a mapping"
    if origin is not None:
        inside = get_args(kind)[0] if get_args(kind) else Any
        return "a sequence of " + {str: "text", int: "whole numbers"}.get(inside, "paths")
    if kind is str:
        return "text"
    return _WORDS.get(kind) or f"a {kind.__name__}"


def _short(value: Any) -> str:
    """Return a value in one line, of objects whose representation is long the type."""
    shown = repr(value) if isinstance(value, str | bytes | int | float | list | tuple | dict | set) else ""
    if not shown or "\n" in shown:
        return f"<{type(value).__name__}>"
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


class _Names(dict[str, Any]):
    """Names that annotations use, of the module of a function; what checkers of types alone know is a class too."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(vars(builtins) | vars(sys.modules[function.__module__]))

    def __missing__(self, name: str) -> type:
        return type(name, (), {})
