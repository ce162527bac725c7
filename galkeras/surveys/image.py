"""What the images of a record set or of a model are: size, units, bands, pixel scale and how they were prepared."""

__all__ = [
    "BANDS",
    "MAX_SCALE",
    "MAX_SIDE",
    "NANOMAGGY",
    "PICTURE",
    "ImageSpec",
    "Preparation",
    "band_text",
    "bands_of",
    "in_order",
    "is_band",
]

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from galkeras.io.errors import GalkerasError

BANDS = ("g", "r", "z")
"""The bands of images that do not say theirs: those of the Legacy Surveys, and of every file from before bands were
written down."""

NANOMAGGY = "nanomaggy"
"""Units of FITS cutouts: float32 flux a pixel."""

PICTURE = "picture"
"""Units of PNG and JPEG cutouts: 0..255."""

MAX_SCALE = 1e6
"""Pixels are less than this many arcsec wide."""

MAX_SIDE = 4096
"""Images wider or higher than this many pixels are not taken."""

_MOST_BANDS = 16
_BAND = re.compile(r"[a-z][a-z0-9_]{0,15}", re.ASCII)

# About the middle of each band in nanometres, by which bands are ordered.
_WAVELENGTHS = {
    "u": 355, "g": 475, "r": 622, "vis": 715, "i": 763, "z": 905, "y": 1020, "j": 1370, "h": 1770, "k": 2200,
}  # fmt: skip


def bands_of(text: str) -> tuple[str, ...]:
    """Return the bands that ``grz``, ``g,r,z`` or ``VIS, Y, J, H`` names, in lower case and the order given.

    Raises:
        GalkerasError: No bands, strange ones, or one twice.
    """
    text = text.strip().lower()
    parts = [part for part in re.split(r"[,\s]+", text) if part]
    letters = len(parts) == 1 and all(letter in _WAVELENGTHS for letter in parts[0])
    bands = tuple(parts[0]) if letters else tuple(parts)
    _check_bands(bands)
    return bands


def band_text(bands: Iterable[str]) -> str:
    """Return bands as people write them: ``grz``, or ``vis,y,j,h`` where a name is longer than a letter."""
    bands = tuple(bands)
    return ("" if all(len(band) == 1 for band in bands) else ",").join(bands)


def in_order(bands: Iterable[str]) -> tuple[str, ...]:
    """Return bands by wavelength, the bluest first; as they come where one is not known."""
    bands = tuple(bands)
    return tuple(sorted(bands, key=_WAVELENGTHS.__getitem__)) if all(b in _WAVELENGTHS for b in bands) else bands


def _ranks(bands: tuple[str, ...]) -> list[int] | None:
    """Return the place of each band among its own by wavelength, None where one is not known."""
    ordered = in_order(bands)
    return [ordered.index(band) for band in bands] if all(band in _WAVELENGTHS for band in bands) else None


def is_band(name: Any) -> bool:
    """Tell whether this may be the name of a band."""
    return isinstance(name, str) and bool(_BAND.fullmatch(name))


def _check_bands(bands: Any) -> None:
    good = isinstance(bands, tuple) and 0 < len(bands) <= _MOST_BANDS and len(set(bands)) == len(bands)
    if not good or not all(map(is_band, bands)):
        raise GalkerasError(
            f"`bands` must be 1 to {_MOST_BANDS} different names in lower case, as g, r, z. Received: bands={bands!r}"
        )


@dataclass(frozen=True)
class Preparation:
    """How cutouts became images.

    Attributes:
        crop: Side, in pixels of the cutouts, of the central square that became the image: the whole cutout where
            nothing was cut off; None where it differed, or is not known.
        resampling: ``area`` where that square was resampled (by exact areas of overlap), ``none`` where not, ``scale``
            where each cutout was from its own pixel scale to a common one, None where that is not known.
        row_0: Where the first row lies.
    """

    crop: int | None = None
    resampling: str | None = None
    row_0: str = "south"

    def __post_init__(self) -> None:
        for name, good, must in (
            ("crop", self.crop is None or _is_side(self.crop), f"1 to {MAX_SIDE} pixels, or nothing"),
            ("resampling", self.resampling in ("area", "none", "scale", None), "area, none, scale, or nothing"),
            ("row_0", self.row_0 in ("south", "north"), "south or north"),
        ):
            if not good:
                raise GalkerasError(f"`{name}` must be {must}. Received: {name}={getattr(self, name)!r}")

    @classmethod
    def from_json(cls, value: Any) -> "Preparation | None":
        """Return the preparation that JSON values describe, None for None; anything else is a `GalkerasError`."""
        if value is None or isinstance(value, Preparation):
            return value
        try:
            return cls(**value)
        except TypeError:
            raise GalkerasError(f"`preparation` must be crop, resampling and row_0. Received: {value!r}") from None


@dataclass(frozen=True)
class ImageSpec:
    """What an image is, which a model and all that it is asked about must agree on.

    Attributes:
        size: Side of the square images in pixels.
        units: `NANOMAGGY` or `PICTURE` (0..255).
        bands: Their names in the order of the planes, in lower case.
        pixel_scale: arcsec a pixel, or None where it differs or nothing is known.
        preparation: How the images were made from cutouts, or None where that is not known.

    >>> ImageSpec(64, "nanomaggy", ("g", "r", "i", "z")).shape
    (64, 64, 4)
    """

    size: int
    units: str
    bands: tuple[str, ...] = BANDS
    pixel_scale: float | None = None
    preparation: Preparation | None = None

    def __post_init__(self) -> None:
        if not _is_side(self.size):
            raise GalkerasError(
                f"`image_size` must be a whole number, 1 to {MAX_SIDE} pixels. Received: image_size={self.size!r}"
            )
        if self.units not in (NANOMAGGY, PICTURE):
            raise GalkerasError(f"`units` must be {NANOMAGGY} or {PICTURE}. Received: units={self.units!r}")
        if isinstance(self.bands, list):
            object.__setattr__(self, "bands", tuple(self.bands))
        _check_bands(self.bands)
        scale = self.pixel_scale
        if scale is not None and not (isinstance(scale, int | float) and 0 < scale < MAX_SCALE):
            raise GalkerasError(f"`pixel_scale` must be positive, or nothing. Received: pixel_scale={scale!r}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and bands of an image."""
        return (self.size, self.size, len(self.bands))

    @property
    def of_differing_sides(self) -> bool:
        """Tell whether they are whole cutouts of differing sides: which part of the sky they show is nowhere said."""
        made = self.preparation
        return made is not None and made.crop is None and made.resampling == "area" and not self.pixel_scale

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return asdict(self)

    def check(self, other: "ImageSpec", whose: object, *, same_survey: bool = True, taker: str = "the model") -> None:
        """Raise a `GalkerasError` unless ``other`` images can be taken for such as these.

        Size, units and orientation must agree, and the pixel scale where both are known; where it is not, the crop,
        which then decides what part of the sky an image shows, and images that were resampled to one pixel scale are
        unlike those of unknown or differing ones. Bands must agree in name, and between two surveys,
        whose filters are never the same, in number and in which is redder than which, where that is known of all.

        Args:
            other: What is offered.
            whose: Whose images it describes, for the message.
            same_survey: Whether both are of one survey.
            taker: Who needs images such as these, for the message.
        """

        def need(what: str, good: bool, got: object, must: object, fix: str) -> None:
            if not good:
                raise GalkerasError(f"{whose} has {what} {got}, and {taker} takes {must}: {fix}")

        need("image size", other.size == self.size, other.size, self.size, "see `make_tfrecords(image_size=…)`")
        need("units", other.units == self.units, other.units, self.units, "use FITS or pictures for both")
        alike, asked = other.bands == self.bands, self.bands
        if not same_survey and sorted(other.bands) != sorted(self.bands):
            theirs, ours = _ranks(other.bands), _ranks(self.bands)
            alike = len(other.bands) == len(self.bands) and (theirs is None or ours is None or theirs == ours)
            if len(other.bands) == len(self.bands) and ours is not None:
                # Another survey's own bands, in the order that the model takes.
                asked = tuple(in_order(other.bands)[rank] for rank in ours)
        fix = f"see `make_tfrecords(bands={band_text(asked)})`"
        need("bands", alike, band_text(other.bands), band_text(self.bands), fix)
        known = self.pixel_scale and other.pixel_scale
        same = not known or abs(other.pixel_scale / self.pixel_scale - 1) < 0.01
        need("pixel scale", same, other.pixel_scale, self.pixel_scale, "arcsec a pixel must agree")
        mine, its = self.preparation, other.preparation
        if mine is None or its is None:
            return
        need("row 0", its.row_0 == mine.row_0, its.row_0, mine.row_0, "turn the images upside down")
        if self.pixel_scale and not known:
            fix = f"see `make_tfrecords(pixel_scale={self.pixel_scale:g})`"
            need("pixel scale", mine.resampling != "scale", "unknown or differing", self.pixel_scale, fix)
        if same_survey and not known and mine.crop:
            fix = f"they show another part of the sky; see `make_tfrecords(crop={mine.crop})`"
            # Neither side nor resampling: of such images nothing is known.
            alike = its.crop == mine.crop or (its.crop is None and its.resampling is None)
            need("a crop of", alike, its.crop or "differing sides", mine.crop, fix)


def _is_side(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_SIDE
