"""Numbers in sentences, and tables in Markdown."""

__all__ = ["counted", "markdown_table", "one_of", "printable", "readable_bytes", "share_within"]

import unicodedata
from collections.abc import Iterable, Sequence

# Categories of what moves a terminal's cursor, colours or reorders text.
_UNSEEN = ("Cc", "Cf")


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """Return a count with its noun.

    >>> counted(1, "galaxy", "galaxies"), counted(1500, "shard")
    ('1 galaxy', '1,500 shards')
    """
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table of text cells; a bar in a cell is escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def share_within(value: float, bounds: Sequence[float]) -> str:
    """Return a share with its interval.

    >>> share_within(0.9376, (0.85, 1))
    '93.8% (85.0–100.0)'
    """
    low, high = bounds
    return f"{value:.1%} ({100 * low:.1f}–{100 * high:.1f})"


def readable_bytes(size: float) -> str:
    """Return a number of bytes as people say it.

    >>> readable_bytes(789120), readable_bytes(2.4e11)
    ('789.1 kB', '240.0 GB')
    """
    for unit in ("kB", "MB"):
        size /= 1000
        if size < 1000:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} GB"


def one_of(names: Iterable[str]) -> str:
    """Return names as help lists them.

    >>> one_of(["gaussian", "mse", "mae"])
    '`gaussian`, `mse` or `mae`'
    """
    *first, last = (f"`{name}`" for name in names)
    return f"{', '.join(first)} or {last}" if first else last


def printable(text: str) -> str:
    r"""Return text with what a terminal would obey written out; lines and tabs stay.

    Names of files and ids come from elsewhere, and may hold anything.

    >>> printable("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return "".join(_written(sign) if unicodedata.category(sign) in _UNSEEN else sign for sign in text)


def _written(sign: str) -> str:
    return sign if sign in "\n\t" else sign.encode("unicode_escape").decode()
