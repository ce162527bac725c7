"""NumPy's ``.npz``: an array and what it is, for images that come out of a program of one's own; or many images.

``image`` is (height, width, band), or (height, width) of one band, with row 0 south; ``bands`` names the planes
(``grz`` unless it says otherwise), ``units`` is ``nanomaggy`` (the default) or ``picture``, ``pixel_scale`` is in
arcsec, and ``survey`` is the survey's name in FITS headers. All but ``image`` may be left out.

Many images are one array of four axes, ``images`` or of any other name, as in an HDF5 file: (images, height, width,
bands) uint8, red first, or floats, (images, bands, height, width) or with the bands last. Arrays of one value an image
are columns of their catalog. Pickles are never loaded.
"""

__all__ = ["image_columns"]

import math
import zipfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from galkeras.io.errors import GalkerasError
from galkeras.surveys.cutouts import FORMATS, Cutout, CutoutError, Format, check_size, one_line
from galkeras.surveys.cutouts.hdf5 import row_cutout
from galkeras.surveys.facts import recognise
from galkeras.surveys.image import BANDS, NANOMAGGY, PICTURE, band_text, bands_of

_LABELS = ("label", "labels")
_MOST_BANDS = 16
# Of images that must be read whole.
_MOST_COMPRESSED = 4_000_000_000
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
    return Cutout(planes, units, scale, text["survey"], None, chosen)


def _image(file: zipfile.ZipFile) -> np.ndarray:
    """Return the image as (height, width, band), having seen by its header that it is of a sane size."""
    shape, _, _ = _header(file, "image")
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


# --- files of many images ---


def image_columns(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of one value an image, by name, and ``row``; class numbers become the names in ``class_names``.

    Raises:
        GalkerasError: The file is damaged or holds no images, or labels of it are a pickle.
    """
    try:
        with zipfile.ZipFile(path) as file:
            name = _many(file)
            if name is None:
                raise GalkerasError(f"{path} holds no array of four axes, (images, height, width, bands)")
            count = _header(file, name)[0][0]
            members = [member[: -len(".npy")] for member in file.namelist() if member.endswith(".npy")]
            found = {}
            for other in members:
                shape, _, dtype = _header(file, other)
                if dtype.hasobject and shape in ((count,), ()):
                    raise GalkerasError(
                        f"{path}: {other} is a pickle, which is never loaded: save it as numbers or text"
                    )
                if other in _LABELS and len(shape) == 1 and shape != (count,):
                    raise GalkerasError(f"{path}: {other} has {shape[0]:,} values for {count:,} images")
                if shape == (count,) and dtype.kind in "iufbSU":
                    found[other] = _array(file, other)
            classes = _array(file, "class_names") if "class_names" in members else None
    except GalkerasError:
        raise
    except Exception as error:  # Files of hostile bytes fail in many ways.
        raise GalkerasError(f"{path} is not readable: {one_line(error)}") from None
    for label in _LABELS:
        values = found.get(label)
        if classes is not None and values is not None and values.dtype.kind in "iu" and values.max() < len(classes):
            names = [str(name) for name in classes.tolist()]
            found[label] = np.array([names[value] if value >= 0 else "" for value in values.tolist()])
    return found | {"row": np.arange(count)}


def _header(file: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return shape, Fortran order and dtype of an array, without reading it."""
    with file.open(f"{name}.npy") as member:
        version = np.lib.format.read_magic(member)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        return read(member)


def _array(file: zipfile.ZipFile, name: str) -> np.ndarray:
    shape, _, dtype = _header(file, name)
    size = file.getinfo(f"{name}.npy").file_size
    # What a header promises must be there before memory is taken for it.
    if math.prod(shape) * dtype.itemsize > size:
        raise CutoutError(f"truncated: {name} has {size} bytes")
    with file.open(f"{name}.npy") as member:
        return np.lib.format.read_array(member, allow_pickle=False)


def _many(file: zipfile.ZipFile) -> str | None:
    """Return the name of the array of many images, None where there is none."""
    members = [member[: -len(".npy")] for member in file.namelist() if member.endswith(".npy")]
    found = [name for name in members if len(_header(file, name)[0]) == 4]
    return next((name for name in ("images", *found) if name in found), None)


@lru_cache(maxsize=1)
def _images(path: Path, modified: int) -> np.ndarray:
    """Return the images of a file: mapped where they are stored plainly, which ``np.savez`` does, else read."""
    with zipfile.ZipFile(path) as file:
        name = _many(file)
        if name is None:
            raise CutoutError("no image: the file holds no array of four axes")
        info = file.getinfo(f"{name}.npy")
        if info.compress_type != zipfile.ZIP_STORED:
            if info.file_size > _MOST_COMPRESSED:
                raise CutoutError(f"too large: {info.file_size:,} compressed bytes of images; save them with np.savez")
            return _array(file, name)
    with open(path, "rb") as raw:
        raw.seek(info.header_offset + 26)
        lengths = np.frombuffer(raw.read(4), "<u2")
        raw.seek(info.header_offset + 30 + int(lengths.sum()))
        shape, fortran, dtype = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[np.lib.format.read_magic(raw)](raw)
        if dtype.hasobject:
            raise CutoutError("no image: a pickle, which is never loaded")
        return np.memmap(path, dtype, "r", raw.tell(), shape, "F" if fortran else "C")


def _read_row(path: Path, row: int, bands: tuple[str, ...] | None) -> Cutout:
    try:
        images = _images(path, path.stat().st_mtime_ns)
    except CutoutError:
        raise
    except Exception as error:  # Files of hostile bytes fail in many ways.
        raise CutoutError(f"no image: {one_line(error)}") from None
    return row_cutout(images, row, bands)


FORMATS.add("arrays", Format((".npz",), _read_npz, _read_row), order=2)
