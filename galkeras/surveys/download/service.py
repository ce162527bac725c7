"""The cutout service of the Legacy Surveys: what is asked of it, and whether an answer is what was asked for."""

__all__ = ["SERVICE", "Request", "Verdict"]

import math
import re
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import numpy as np
from astropy.io import fits

from galkeras.io.errors import GalkerasError
from galkeras.surveys.cutouts import Cutout, CutoutError, one_line, survey_of
from galkeras.surveys.cutouts.fits import read_fits
from galkeras.surveys.cutouts.fits_file import cutout_length
from galkeras.surveys.download.client import FetchError
from galkeras.surveys.facts import PIXEL_SCALE, SURVEYS, Survey
from galkeras.surveys.image import BANDS, band_text, bands_of

SERVICE = "https://www.legacysurvey.org/viewer/fits-cutout"
"""Where the Legacy Surveys answer requests for cutouts."""

# The service answers requests for more with this many, and does not say so.
_MOST_PIXELS = 3000
_SCALES = (0.01, 60.0)
_LAYER = re.compile(r"[A-Za-z0-9][\w.+-]*", re.ASCII)
_RELEASE = re.compile(r"ls-(dr\d+)(-\w+)?")

_BLOCK = 2880
# A cutout's header takes one block; the rest is room for what a service may add.
_ROOM = 32 * _BLOCK
_SAME_SCALE = 1e-3
# What is said of a cutout that is there only in part.
_ZEROS_TOLD = 0.01


@dataclass(frozen=True)
class Verdict:
    """What an answer is.

    Attributes:
        status: ``ok``, or ``outside`` where the survey has nothing at that place.
        reason: What there is to say of it.
    """

    status: str
    reason: str = ""


@dataclass(frozen=True)
class Request:
    """What is asked of the service for every galaxy alike.

    Attributes:
        layer: The service's name of a survey and release, as ``ls-dr9-south``.
        size: Side of the cutouts in pixels.
        pixel_scale: arcsec a pixel.
        bands: Bands of the planes.
    """

    layer: str
    size: int = 256
    pixel_scale: float = PIXEL_SCALE
    bands: tuple[str, ...] = BANDS

    def __post_init__(self) -> None:
        if not isinstance(self.layer, str) or not _LAYER.fullmatch(self.layer):
            raise GalkerasError(
                f"`layer` must be a layer of the cutout service, as ls-dr9-south. Received: layer={self.layer!r}"
            )
        if not isinstance(self.size, int) or not 1 <= self.size <= _MOST_PIXELS:
            raise GalkerasError(
                f"`size` must be 1 to {_MOST_PIXELS} pixels: of more, the service sends {_MOST_PIXELS} without a word."
                f" Received: size={self.size!r}"
            )
        if not _SCALES[0] <= self.pixel_scale <= _SCALES[1]:
            raise GalkerasError(
                f"`pixel_scale` must be {_SCALES[0]:g} to {_SCALES[1]:g} arcsec. Received:"
                f" pixel_scale={self.pixel_scale!r}"
            )
        object.__setattr__(self, "bands", bands_of(",".join(self.bands)))
        survey = self.survey
        strange = [band for band in self.bands if survey and band not in survey.bands]
        if strange:
            raise GalkerasError(
                f"layer {self.layer} has bands {band_text(survey.bands)}. Received: bands={band_text(self.bands)}"
            )

    @property
    def survey(self) -> Survey | None:
        """The survey whose layer it is, where galkeras knows it."""
        return next((survey for survey in SURVEYS.values() if survey.layer == self.layer), None)

    @property
    def length(self) -> int:
        """How many bytes a cutout takes."""
        return cutout_length(self.size, len(self.bands))

    @property
    def limit(self) -> int:
        """How many bytes an answer may have."""
        return self.length + _ROOM

    def url(self, service: str, ra: float, dec: float) -> str:
        """Return the URL of the cutout about a place in degrees."""
        asked = {
            "ra": _plain(ra % 360),
            "dec": _plain(dec),
            "layer": self.layer,
            "pixscale": _plain(self.pixel_scale),
            "size": self.size,
            "bands": band_text(self.bands),
        }
        return f"{service}?{urlencode(asked)}"

    def judge(self, data: bytes, ra: float, dec: float) -> Verdict:
        """Return what an answer is; one that is not what was asked for is a `FetchError` that says why."""
        if not data.startswith(b"SIMPLE  ="):
            raise FetchError(f"{_likeness(data)} instead of a FITS file", again=True)
        if len(data) % _BLOCK:
            raise FetchError(f"truncated: {len(data):,} bytes are no whole FITS file", again=True)
        try:
            cutout = read_fits(BytesIO(data), self.bands)
            header = _cards(data)
        except CutoutError as error:
            raise FetchError(str(error), again=str(error).startswith(("truncated", "no image"))) from None
        except Exception as error:  # Cards whose values are nonsense fail when they are read.
            raise FetchError(f"no image: {one_line(error)}", again=True) from None
        self._check(cutout, header, ra, dec)
        return self._judge_pixels(cutout.image)

    def _check(self, cutout: Cutout, header: dict[str, Any], ra: float, dec: float) -> None:
        height, width = cutout.image.shape[:2]
        if (height, width) != (self.size, self.size):
            raise FetchError(f"wrong size: {height} x {width} pixels, not {self.size} x {self.size}")
        held = str(header["BANDS"] or "").strip().lower()
        if held and held != band_text(self.bands):
            raise FetchError(f"wrong bands: {held}, not {band_text(self.bands)}")
        self._check_survey(cutout)
        scale = cutout.pixel_scale
        if scale is None or abs(scale / self.pixel_scale - 1) > _SAME_SCALE:
            raise FetchError(f"wrong pixel scale: {scale or 'none in the header'}, not {self.pixel_scale:g} arcsec")
        away = _distance(header, self.size, ra, dec)
        if not away <= self.pixel_scale:
            told = "none in the header" if math.isnan(away) else f"{away:,.1f} arcsec away"
            raise FetchError(f"wrong position: {told}")

    def _check_survey(self, cutout: Cutout) -> None:
        found, known, version = survey_of(cutout), self.survey, (cutout.version or "").lower()
        release = _RELEASE.fullmatch(self.layer.lower())
        if release and known:
            good = found == known.name and version == release[0].removeprefix("ls-")
        elif release:
            said = _RELEASE.fullmatch(f"ls-{version}")
            # Of releases that galkeras does not know, a header may say less than the layer, but nothing else.
            good = said is None or (said[1] == release[1] and said[2] in (None, release[2]))
        else:
            good = not known or found in (None, known.name)
        if not good:
            says = f"SURVEY {cutout.survey or 'missing'}, VERSION {cutout.version or 'missing'}"
            raise FetchError(f"wrong survey: the header says {says}, not layer {self.layer}")

    def _judge_pixels(self, image: np.ndarray) -> Verdict:
        finite = np.isfinite(image)
        if not finite.all():
            raise FetchError(f"not finite: {100 * np.mean(~finite):.1f} % of the pixels are NaN or infinite")
        zeros = (image == 0).mean((0, 1))
        empty = [band for band, share in zip(self.bands, zeros, strict=True) if share == 1]
        if len(empty) == len(self.bands):
            return Verdict("outside", "all pixels are 0")
        if empty:
            return Verdict("outside", f"all pixels of {band_text(empty)} are 0")
        if zeros.max() > _ZEROS_TOLD:
            return Verdict("ok", f"{100 * zeros.max():.0f} % of a band's pixels are 0")
        return Verdict("ok")


def _plain(number: float) -> str:
    """Return a number without exponent: degrees to a tenth of a milliarcsecond."""
    return f"{number:.8f}".rstrip("0").rstrip(".")


def _likeness(data: bytes) -> str:
    if not data:
        return "an empty answer"
    text = data[:200].lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        return "an HTML page"
    return f"something that begins with {data[:12]!r}"


def _cards(data: bytes) -> dict[str, Any]:
    """Return the cards of the first header that are checked here, None for those that are not there."""
    header = fits.Header.fromfile(BytesIO(data))
    return {name: header.get(name) for name in ("BANDS", "CRPIX1", "CRPIX2", "CRVAL1", "CRVAL2")}


def _distance(header: dict[str, Any], size: int, ra: float, dec: float) -> float:
    """Return how many arcsec the middle of the image is from a place, NaN where the header does not tell."""
    try:
        x, y, its_ra, its_dec = (float(header[name]) for name in ("CRPIX1", "CRPIX2", "CRVAL1", "CRVAL2"))
    except (TypeError, ValueError):
        return math.nan
    middle = (size + 1) / 2
    if max(abs(x - middle), abs(y - middle)) > 1:
        return math.nan
    around = (its_ra - ra + 180) % 360 - 180
    return 3600 * math.hypot(around * math.cos(math.radians(dec)), its_dec - dec)
