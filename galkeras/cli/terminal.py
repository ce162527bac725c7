"""What is told on the terminal: lines of commands, and messages of the logger ``galkeras`` as lines of stdout."""

__all__ = ["echo", "told"]

import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from tqdm import tqdm

from galkeras.io.text import printable


def echo(text: str, *, err: bool = False) -> None:
    """Print a command's own words; what a terminal would obey in the names and classes among them is written out."""
    typer.echo(printable(text), err=err)


class _Lines(logging.Handler):
    """Writes each message as it stands, above the bars there are; warnings say that they are."""

    def __init__(self, say: Callable[[str], str]):
        super().__init__()
        self.say = say

    def emit(self, record: logging.LogRecord) -> None:
        # Whatever stdout is now; trouble with it is for `main` to tell, as that of all output.
        about = "warning: " if record.levelno >= logging.WARNING else ""
        tqdm.write(printable(f"{about}{self.say(record.getMessage())}"), file=sys.stdout)
        sys.stdout.flush()


@contextmanager
def told(say: Callable[[str], str] = str) -> Iterator[None]:
    """Show on stdout, inside, what the library logs, and warnings of Python on stderr, each in one line.

    Args:
        say: Gives a message in the words of the shell.
    """
    logger, handler = logging.getLogger("galkeras"), _Lines(say)
    level, up, shown = logger.level, logger.propagate, warnings.showwarning

    def show(message: Warning | str, *about: Any, **more: Any) -> None:
        tqdm.write(printable(f"warning: {say(str(message))}"), file=sys.stderr)

    warnings.showwarning = show
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = up
        warnings.showwarning = shown
