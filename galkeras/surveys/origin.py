"""Where cutouts are from, as their folder remembers: what was simulated, and what was fetched."""

__all__ = ["DOWNLOAD_FILE", "MOCK_FILE", "origin"]

from contextlib import suppress
from pathlib import Path

from galkeras.io.calls import Call, read_calls
from galkeras.io.errors import GalkerasError

MOCK_FILE = "mock.json"
"""In the folder of a mock sample: what decides its pixels, and how it was asked for."""

DOWNLOAD_FILE = "download.json"
"""Beside cutouts that were fetched: what they are, and how they were asked for."""


def origin(cutouts: str | Path) -> tuple[Path, tuple[Call, ...]] | None:
    """Return the folder that commands wrote cutouts into and how these were called, oldest first.

    Args:
        cutouts: The folder of the cutouts: of a mock sample that of one survey, within the folder that is returned.

    Returns:
        None where nothing is known: no command of galkeras brought them, or they are elsewhere now.
    """
    folder = Path(cutouts)
    within_mock = folder.parent.name in ("cutouts", "noise-free")
    for made, name in ((folder, DOWNLOAD_FILE), *([(folder.parent.parent, MOCK_FILE)] if within_mock else [])):
        with suppress(GalkerasError):
            return made, read_calls(made / name)
    return None
