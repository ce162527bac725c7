"""An extension of Griffe, by which the reference shows docstrings of options, which are put together when imported."""

import inspect
from importlib import import_module

import griffe

_HOME = "galkeras.training.options"


class ToldOptions(griffe.Extension):
    """Takes the docstrings of the classes of options as they are in Python."""

    def on_class_instance(self, *, cls: griffe.Class, **_: object) -> None:
        """Replace the docstring that stands in the source."""
        if cls.parent.path == _HOME and cls.docstring:
            cls.docstring.value = inspect.getdoc(getattr(import_module(_HOME), cls.name))
