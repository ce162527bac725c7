"""What is known of each survey: layer, bands, seeing, depth, pixels."""

__all__ = ["BANDS", "PIXEL_SCALE", "SURVEYS", "ZERO_POINT", "Band", "Survey", "get_survey"]

from dataclasses import dataclass

from galkeras.io.errors import GalkerasError, did_you_mean
from galkeras.surveys.image import BANDS

PIXEL_SCALE = 0.262
"""arcsec a pixel at which the Legacy Surveys' cutout service delivers."""

ZERO_POINT = 22.5
"""AB magnitude of one nanomaggy."""


@dataclass(frozen=True)
class Band:
    """One survey's imaging in one band.

    Attributes:
        seeing: FWHM of the point-spread function in arcsec.
        depth: 5-sigma AB magnitude of a small galaxy (an exponential disc of half-light radius 0.45 arcsec).
        pixel_scale: The camera's native pixels in arcsec.
    """

    seeing: float
    depth: float
    pixel_scale: float = PIXEL_SCALE


@dataclass(frozen=True)
class Survey:
    """A survey that the Legacy Surveys' cutout service serves.

    Attributes:
        name: Our name of it, as used in record sets and on the command line.
        title: Its name in print.
        layer: The layer of the cutout service. Never the mixed ``ls-dr9``, which changes source at
            declination 32.375 degrees.
        header: The value of the SURVEY keyword in its FITS cutouts. The service writes the same for both halves of
            DR9, so it never tells them apart.
        version: The value of the VERSION keyword, which does.
        bands: Facts for each band.
    """

    name: str
    title: str
    layer: str
    header: str
    version: str
    bands: dict[str, Band]


# Seeing and depth after Dey et al. 2019 (AJ 157, 168), to be taken as about right.
SURVEYS: dict[str, Survey] = {
    survey.name: survey
    for survey in (
        Survey(
            "decals",
            "DECaLS",
            "ls-dr9-south",
            "DECaLS",
            "DR9-south",
            {"g": Band(1.29, 23.95), "r": Band(1.18, 23.54), "z": Band(1.11, 22.50)},
        ),
        Survey(
            "bass-mzls",
            "BASS+MzLS",
            "ls-dr9-north",
            "DECaLS",
            "DR9-north",
            {"g": Band(1.61, 23.65, 0.454), "r": Band(1.47, 23.08, 0.454), "z": Band(1.01, 22.60)},
        ),
    )
}


def get_survey(name: str) -> Survey:
    """Return the survey called ``name``; an unknown one is a `GalkerasError` that lists the known."""
    if name not in SURVEYS:
        raise GalkerasError(f"unknown survey {name!r}; known: {', '.join(SURVEYS)}.{did_you_mean(name, SURVEYS)}")
    return SURVEYS[name]
