"""Sections of the report: one file a section, with its option, its reading and its part of the page."""

__all__ = ["SECTIONS", "Section"]

from collections.abc import Callable
from dataclasses import dataclass

from galkeras.io.registry import Registry
from galkeras.reporting.page import Part
from galkeras.reporting.subject import Subject


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        part: Returns it, or None where there is nothing to say.
        option: Name of the option that gives its input, which is in ``Subject.inputs`` by this name, where it has one.
        without: The part where that option was not given: what could be here, and the command that makes it.
        first: Whether it is made before the others: those that refuse what is of another model before the work that
            takes time.
    """

    part: Callable[[Subject], Part | None]
    option: str | None = None
    first: bool = False
    without: Part | None = None

    def make(self, subject: Subject) -> Part | None:
        """Return the part of this subject, None where there is nothing to say."""
        given = self.without is None or subject.inputs.get(self.option)
        return self.part(subject) if given else self.without


SECTIONS: Registry[Section] = Registry("report section", package=__name__)
"""Name to section, in the order of the page."""
