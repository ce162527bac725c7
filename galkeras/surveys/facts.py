"""What is known of a survey: how its files are recognised, its bands, and what its telescope makes of the sky."""

__all__ = ["BANDS", "PIXEL_SCALE", "SURVEYS", "ZERO_POINT", "Band", "Survey", "add_survey", "get_survey", "recognise"]

from collections.abc import Callable
from dataclasses import dataclass, field

from galkeras.io.registry import Registry
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
        zero_point: Magnitude by which the simulator dims fluxes, which are DECam's.
        colour_term: Likewise, per magnitude of g - r - 0.6.
        beta: Exponent of the point-spread function's Moffat profile: the smaller, the wider the wings.
        seeing_scatter: Of the seeing's natural logarithm, from galaxy to galaxy.
        sky: AB magnitude of an arcsec^2 of night sky: how much a source's own photons add to the noise. None: that of
            a dark to grey night.
    """

    seeing: float
    depth: float
    pixel_scale: float = PIXEL_SCALE
    zero_point: float = 0.0
    colour_term: float = 0.0
    beta: float = 3.5
    seeing_scatter: float = 0.11
    sky: float | None = None


@dataclass(frozen=True)
class Survey:
    """A survey whose cutouts galkeras knows.

    Attributes:
        name: Our name of it, as used in record sets and on the command line.
        title: Its name in print.
        header: The value of the SURVEY keyword in FITS cutouts.
        bands: Facts for each band, in the order of the planes.
        layer: The layer of the Legacy Surveys' cutout service, empty where the service has none. Never the mixed
            ``ls-dr9``, which changes source at declination 32.375 degrees.
        version: The value of the VERSION keyword, empty where files have none.
        number: What seeds the simulator's random numbers of this survey: another for each, and never changed.
        picture_bands: The bands that its pictures show in blue, green and red.
        recognises: Whether a cutout whose SURVEY and VERSION read so, in lower case, is of this survey; by default
            where SURVEY is ``header``.
    """

    name: str
    title: str
    header: str
    bands: dict[str, Band] = field(hash=False)
    layer: str = ""
    version: str = ""
    number: int = -1
    picture_bands: tuple[str, ...] = BANDS
    recognises: Callable[[str, str], bool] | None = None

    def is_of(self, survey: str, version: str) -> bool:
        """Tell whether a cutout with these SURVEY and VERSION keywords is of this survey."""
        survey, version = survey.strip().lower(), version.strip().lower()
        if self.recognises is None:
            return bool(self.header) and survey == self.header.lower()
        return self.recognises(survey, version)


SURVEYS: Registry[Survey] = Registry("survey", package="galkeras.surveys.known")
"""The surveys by name, each in a file of its own in `galkeras.surveys.known`."""


def add_survey(survey: Survey) -> None:
    """Put a survey into `SURVEYS` under its name; they come in the order of their numbers."""
    SURVEYS.add(survey.name, survey, order=survey.number)


def recognise(survey: str | None, version: str | None) -> Survey | None:
    """Return the survey of a cutout with these SURVEY and VERSION keywords, None where they leave that open."""
    return next((known for known in SURVEYS.values() if known.is_of(survey or "", version or "")), None)


def get_survey(name: str) -> Survey:
    """Return the survey called ``name``; an unknown one is a `GalkerasError` that lists the known."""
    return SURVEYS[name]
