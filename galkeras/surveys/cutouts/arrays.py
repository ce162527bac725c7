"""NumPy's ``.npz``: an array and what it is, for images that come out of a program of one's own.

``image`` is (height, width, band), or (height, width) of one band, with row 0 south; ``bands`` names the planes
(``grz`` unless it says otherwise), ``units`` is ``nanomaggy`` (the default) or ``picture``, ``pixel_scale`` is in
arcsec, and ``survey`` is the survey's name in FITS headers. All but ``image`` may be left out.
"""

__all__: list[str] = []

import zipfile
from pathlib import Path

import numpy as np

from galkeras.io.errors import GalkerasError
from galkeras.surveys.cutouts import FORMATS, Cutout, CutoutError, Format, check_size, one_line
from galkeras.surveys.facts import recognise
from galkeras.surveys.image import BANDS, NANOMAGGY, PICTURE, band_text, bands_of

_MOST_BANDS = 16
_DTYPES = {NANOMAGGY: "f", PICTURE: "u"}


def _read_npz(path: Path, bands: tuple[str, ...] | None) -> Cutout:
    try:
        with zipfile.ZipFile(path) as file:
            image = _image(file)
            text = {name: _text(file, name) for name in ("bands", "units", "pixel_scale", "survey")}
        held = bands_of(text["bands"]) if text["bands"] else BANDS
        scale = float(text["pixel_scale"]) if text["pixel_scale"] else None
    except CutoutError:
        raise
    except GalkerasError as error:
        raise CutoutError(f"wrong shape: {one_line(error)}") from None
    except Exception as error:  # Files of hostile bytes fail in many ways.
        raise CutoutError(f"no image: {one_line(error)}") from None
    units = text["units"] or NANOMAGGY
    if image.dtype.kind != _DTYPES.get(units) or (units == PICTURE and image.dtype != np.uint8):
        raise CutoutError(f"wrong units: {image.dtype} numbers in {units!r}; floats are nanomaggy, uint8 picture")
    if len(held) != image.shape[-1]:
        raise CutoutError(f"wrong shape: {image.shape[-1]} planes for bands {band_text(held)!r}")
    survey = recognise(text["survey"], None)
    chosen = bands or (tuple(survey.bands) if survey and set(survey.bands) <= set(held) else held)
    missing = [band for band in chosen if band not in held]
    if missing:
        raise CutoutError(f"wrong shape: band {', '.join(missing)} is missing, the file has {', '.join(held)}")
    planes = image[..., [held.index(band) for band in chosen]]
    with np.errstate(over="ignore"):
        planes = np.ascontiguousarray(planes, np.uint8 if units == PICTURE else np.float32)
    if scale is not None and not 0 < scale < 1e6:
        raise CutoutError(f"wrong pixel scale: {scale}")
    return Cutout(planes, units, scale, text["survey"], None, chosen)


def _image(file: zipfile.ZipFile) -> np.ndarray:
    """Return the image as (height, width, band), having seen by its header that it is of a sane size."""
    with file.open("image.npy") as member:
        version = np.lib.format.read_magic(member)
        shape, _, _ = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[
            version
        ](member)
    if len(shape) not in (2, 3) or (len(shape) == 3 and not 0 < shape[2] <= _MOST_BANDS):
        raise CutoutError(f"wrong shape: an array of {shape}, not (height, width, band)")
    check_size(*shape[:2])
    with file.open("image.npy") as member:
        image = np.lib.format.read_array(member, allow_pickle=False)
    return image[..., None] if image.ndim == 2 else image


def _text(file: zipfile.ZipFile, name: str) -> str | None:
    """Return a short text or a number of the file, as text."""
    if f"{name}.npy" not in file.namelist():
        return None
    if file.getinfo(f"{name}.npy").file_size > 10_000:
        raise CutoutError(f"no image: {name} is too long")
    with file.open(f"{name}.npy") as member:
        return str(np.lib.format.read_array(member, allow_pickle=False)).strip() or None


FORMATS.add("arrays", Format((".npz",), _read_npz), order=2)
