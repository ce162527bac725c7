"""FITS files of one plain image: of many cutouts, whose headers are much alike, astropy parses each card once."""

__all__ = ["PlainImage", "plain_image"]

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from astropy.io import fits

_CARD, _BLOCK, _MOST_BLOCKS = 80, 2880, 10
_END = b"END".ljust(_CARD)
# Of the 80 bytes of a card: its keyword in full, where the standard has it.
_VALUED = re.compile(rb"(?=[A-Z0-9_-]+ *=)[A-Z0-9_ -]{8}= [ -~]*")
_COMMENTARY = re.compile(rb"(COMMENT |HISTORY | {8})[ -~]*")
_PIXELS = {8: ">u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
# Cards by which the pixels, or what is around them, are more than they seem, or which are no card of their own.
_NOT_PLAIN = {
    "BLANK", "BSCALE", "BZERO", "COMMENT", "CONTINUE", "END", "EXTNAME", "GCOUNT", "GROUPS", "HISTORY", "PCOUNT",
    "TFIELDS", "XTENSION",
}  # fmt: skip


class Card(NamedTuple):
    """A card of a header that has a value."""

    keyword: str
    value: str | bool | int | float


class PlainHeader(dict[str, Any]):
    """Values by keyword, and ``cards`` in their order; it is asked as astropy's headers are."""

    def __init__(self, cards: Sequence[Card]) -> None:
        super().__init__(cards)
        self.cards = cards


class PlainImage:
    """What `galkeras.surveys.cutouts.fits` asks of an HDU, of a file that holds one image and nothing else.

    Attributes:
        header: The cards.
        shape: Of the pixels, as NumPy counts axes.
    """

    name, is_image = "PRIMARY", True

    def __init__(self, file: BinaryIO, start: int, header: PlainHeader) -> None:
        self.header = header
        self.shape: tuple[int, ...] = tuple(header[f"NAXIS{axis}"] for axis in range(header["NAXIS"], 0, -1))
        self._file, self._start, self._dtype = file, start, np.dtype(_PIXELS[header["BITPIX"]])

    @property
    def bytes(self) -> int:
        """How many bytes the pixels take."""
        return math.prod(self.shape) * self._dtype.itemsize

    @property
    def data(self) -> np.ndarray:
        """The pixels, read-only and with their most significant byte first."""
        self._file.seek(self._start)
        return np.frombuffer(self._file.read(self.bytes), self._dtype).reshape(self.shape)


def plain_image(file: BinaryIO) -> PlainImage | None:
    """Return the image of an open FITS file, None where astropy should look what is in it.

    That is wherever there is anything to decide: extensions, scaled pixels, a card that is not as the standard has it
    or stands there twice, a file longer or shorter than it says. Errors are astropy's to find, too.
    """
    cards, start = _header(file)
    header = PlainHeader(cards)
    if not start or len(header) < len(cards) or not header.keys().isdisjoint(_NOT_PLAIN):
        return None
    axes = header.get("NAXIS")
    first = ["SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "NAXIS3"][: 6 if axes == 3 else 5]
    if axes not in (2, 3) or [card.keyword for card in cards[: len(first)]] != first or header["SIMPLE"] is not True:
        return None
    numbers = [header[name] for name in first[1:]]
    if any(type(number) is not int for number in numbers) or numbers[0] not in _PIXELS or min(numbers[1:]) < 1:
        return None
    image = PlainImage(file, start, header)
    length = start + -(-image.bytes // _BLOCK) * _BLOCK
    return image if file.seek(0, 2) == length else None


def _header(file: BinaryIO) -> tuple[list[Card], int]:
    """Return the cards of the first header and where it ends, 0 if it is none that is understood here."""
    cards: list[Card] = []
    for number in range(1, _MOST_BLOCKS + 1):
        block = file.read(_BLOCK)
        if len(block) < _BLOCK:
            break
        for start in range(0, _BLOCK, _CARD):
            raw = block[start : start + _CARD]
            if raw == _END:
                return cards, 0 if block[start + _CARD :].strip(b" ") else number * _BLOCK
            if _COMMENTARY.fullmatch(raw):
                continue
            card = _parsed(raw)
            if card is None:
                return cards, 0
            cards.append(card)
    return cards, 0


@lru_cache(maxsize=4096)
def _parsed(raw: bytes) -> Card | None:
    """Return what astropy makes of the 80 bytes of a card, None where that is no plain value.

    Most cards of a survey's cutouts are the same bytes in each file.
    """
    if not _VALUED.fullmatch(raw):
        return None
    card = fits.Card.fromstring(raw)
    try:
        keyword, value = card.keyword, card.value
    except Exception:  # of a card that astropy minds only if it is asked for
        return None
    plain = isinstance(value, str | bool | int | float) and card.field_specifier is None
    return Card(keyword, value) if plain else None
