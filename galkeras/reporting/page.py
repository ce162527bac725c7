"""What a report is made of, and how that becomes one HTML page."""

__all__ = ["Part", "Picture", "Table", "reading", "render"]

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from galkeras.io.errors import GalkerasError


@dataclass(frozen=True)
class Picture:
    """An image in the page.

    Attributes:
        uri: The image itself, as a ``data:`` URI.
        alt: What it shows, for those who do not see it.
        caption: What stands below it.
        wide: Whether it spans the page, and scrolls in its own box where that is narrow.
    """

    uri: str
    alt: str
    caption: str
    wide: bool = False


@dataclass(frozen=True)
class Table:
    """A table of text; columns after the first are set right.

    Attributes:
        header: One text a column.
        rows: Rows of as many texts.
        caption: What stands above it.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str


@dataclass
class Part:
    """A part of the report.

    Attributes:
        name: Its anchor.
        title: Its heading.
        text: Paragraphs.
        facts: Name and value of numbers that say most.
        tables: Tables.
        pictures: Pictures.
        commands: Commands to type.
        missing: What else could be here, and the command that makes it: pairs.
    """

    name: str
    title: str
    text: list[str] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def reading(path: Path, command: str) -> Iterator[None]:
    """Turn what a file of another shape makes Python raise into one line that names the file."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise GalkerasError(f"{path} is not what `galkeras {command}` writes: {type(error).__name__} {error}") from None


def render(title: str, subtitle: str, parts: Sequence[Part]) -> str:
    """Return the page. Every text is escaped: names come from files that anyone may have written."""
    template = resources.files("galkeras.reporting").joinpath("report.html").read_text("utf-8")
    # Explicitly, since by default Jinja escapes nothing.
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(template).render(title=title, subtitle=subtitle, parts=parts)
