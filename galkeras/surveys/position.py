"""Where a cutout lies on the sky, by the WCS of its header."""

__all__ = ["WCS_CARDS", "sky_position", "wcs_cards"]

import math
import re
import warnings
from collections.abc import Mapping
from typing import Any

WCS_CARDS = re.compile(
    r"NAXIS[12]|(CTYPE|CRPIX|CRVAL|CUNIT|CDELT|CROTA)[12]|(CD|PC)[12]_[12]|PV[12]_\d{1,2}"
    r"|LONPOLE|LATPOLE|RADE?SYSA?|EQUINOX"
)
"""Cards that say how two axes lie on the sky. Distortions are left out: at the middle of a cutout they are none."""


# Pixels from the middle to the reference point, beyond which a header is damaged; and the declination of the pole.
_FARTHEST, _POLE = 1e6, 90


def wcs_cards(header: Any) -> dict[str, Any] | None:
    """Return what a FITS header says of the celestial coordinates of its image, None where it says nothing.

    Cards that are damaged are left out.
    """
    if not str(header.get("CTYPE1", "")).strip():
        return None
    cards = {}
    for card in header.cards:
        try:
            if WCS_CARDS.fullmatch(card.keyword) and _is_sound(card.keyword, card.value):
                cards[card.keyword] = card.value
        except Exception:  # noqa: S112 - a damaged card, of which astropy has many kinds of trouble
            continue
    return cards


def sky_position(cards: Mapping[str, Any] | None) -> tuple[float, float] | None:
    """Return right ascension and declination (ICRS, degrees) of the middle of an image by cards of `wcs_cards`.

    None where they do not tell: there are none, they are no celestial coordinates, or are damaged.
    """
    if cards is None:
        return None
    from astropy.io.fits import Header
    from astropy.wcs import WCS

    try:
        middle = [(cards[f"NAXIS{axis}"] - 1) / 2 for axis in (1, 2)]
        # What is missing would be 0, and a position without a word.
        for axis in (0, 1):
            if not abs(cards[f"CRPIX{axis + 1}"] - middle[axis]) < _FARTHEST or math.isnan(cards[f"CRVAL{axis + 1}"]):
                return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # wcslib reads the suffix of distortions that are not there.
            plain = {name: value[:8] if name.startswith("CTYPE") else value for name, value in cards.items()}
            wcs = WCS(Header(plain), naxis=2, fix=False)
            if not wcs.has_celestial:
                return None
            its = wcs.wcs
            of_2000 = its.radesys in ("", "ICRS", "FK5") and not abs(its.equinox - 2000) > 0
            if its.lng == 0 and its.lngtyp == "RA" and of_2000:
                # FK5 of J2000 is ICRS to some hundredths of an arcsec, and this is many times as fast.
                ra, dec = map(float, wcs.wcs_pix2world(*middle, 0))
            else:
                place = wcs.pixel_to_world(*middle).icrs
                ra, dec = float(place.ra.deg), float(place.dec.deg)
    except Exception:  # Headers may say anything, and where the image lies is not worth its galaxy.
        return None
    return (ra % 360, dec) if math.isfinite(ra) and abs(dec) <= _POLE else None


def _is_sound(keyword: str, value: Any) -> bool:
    text = keyword.startswith(("CTYPE", "CUNIT", "RAD"))
    return isinstance(value, str) if text else isinstance(value, int | float) and not isinstance(value, bool)
