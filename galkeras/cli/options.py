"""Options that the commands which train have in common."""

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
]

from typing import Annotated

from typer import Option

Architecture = Annotated[str, Option(help="`residual` or `paper` (Xu et al. 2023, Fig. 2).")]
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
