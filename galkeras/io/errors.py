"""Trouble that a user can mend, told in one line."""

__all__ = ["GalkerasError", "did_you_mean", "missing_extra"]

from collections.abc import Iterable
from difflib import get_close_matches


class GalkerasError(Exception):
    """Expected trouble: the message names the file, the value and the fix; the CLI prints it and exits with 1."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the known word nearest to ``word``, or an empty string."""
    near = get_close_matches(word, list(map(str, known)), n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""


def missing_extra(package: str, extra: str) -> GalkerasError:
    """Return the error for an optional ``package`` that is not installed."""
    return GalkerasError(f"{package} is not installed: pip install 'galkeras[{extra}]'")
