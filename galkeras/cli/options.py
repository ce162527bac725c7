"""Options that several commands have in common, and how values of an option are read."""

__all__ = [
    "Architecture",
    "BatchSize",
    "Epochs",
    "Focus",
    "ImageSize",
    "KlWeight",
    "LearningRate",
    "Patience",
    "Resume",
    "Seed",
    "named_values",
]

from collections.abc import Iterable
from typing import Annotated

from typer import Option

from galkeras.io.errors import GalkerasError

Architecture = Annotated[str, Option(help="`residual`, `upright` or `paper` (Xu et al. 2023, Fig. 2).")]
KlWeight = Annotated[float, Option(help="Weight k of the KL term (paper, eq. 2).")]
Focus = Annotated[
    float, Option(help="Width of the central weight of pixels, in half sides; 0 weighs all alike, as the paper.")
]
ImageSize = Annotated[int | None, Option(help="Side at which the network works [default: the records' side].")]
Epochs = Annotated[int, Option(help="Passes over the training galaxies, at most.")]
BatchSize = Annotated[int, Option(help="Images a step (of two surveys: of each), over all devices.")]
LearningRate = Annotated[float, Option(help="Adam's, at its highest.")]
Patience = Annotated[int, Option(help="Stop after so many epochs without improvement.")]
Seed = Annotated[int, Option(help="Of everything random.")]
Resume = Annotated[bool, Option("--resume", help="Go on with an interrupted run.")]


def named_values(given: Iterable[str] | None, option: str, form: str) -> dict[str, str]:
    """Return ``NAME=VALUE`` texts as a mapping; what is not of this form, or names twice, is a `GalkerasError`.

    Args:
        given: The texts.
        option: The option that they are of, for the error.
        form: What they must look like, as in ``QUESTION=CLASS``, for the error.
    """
    named: dict[str, str] = {}
    for one in given or ():
        name, equals, value = one.partition("=")
        if not (name and equals and value) or name in named:
            raise GalkerasError(f"{option} must be {form}, each {form.partition('=')[0].lower()} once. Received: {one}")
        named[name] = value
    return named
