"""The commands alone, as functions of the same name: ``from galkeras.api import fit``."""

from typing import Any

import galkeras

__all__ = list(galkeras.COMMANDS)


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(galkeras, name)


def __dir__() -> list[str]:
    return __all__
