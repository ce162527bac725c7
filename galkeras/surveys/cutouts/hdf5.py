"""HDF5 files of many images, such as Galaxy10 and its kin."""

__all__ = ["open_images", "own_datasets", "row_cutout"]

from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np

from galkeras.io.errors import GalkerasError
from galkeras.surveys.cutouts import FORMATS, Cutout, CutoutError, Format, check_size, one_line
from galkeras.surveys.cutouts._apart import LIMITS
from galkeras.surveys.cutouts.pictures import from_rgb
from galkeras.surveys.image import BANDS, NANOMAGGY, PICTURE

# Bytes that an image takes at least, where there are more than so many.
_LEAST, _FEW = 64, 10_000


def open_images(path: Path, file: h5py.File, count: int | None = None) -> h5py.Dataset:
    """Return the images of an HDF5 file.

    They are (images, height, width, bands) uint8, red first, or floats, (images, bands, height, width) or with the
    bands last.

    Args:
        path: Of the file, for messages.
        file: The file.
        count: Number of bands, None where that is for the reader to say.
    """
    if isinstance(file.get("images", getlink=True), h5py.ExternalLink | h5py.SoftLink):
        raise GalkerasError(f"{path}: its images are a link, which is not followed")
    images = file.get("images")
    if not isinstance(images, h5py.Dataset):
        raise GalkerasError(f"{path} holds no dataset 'images'. It has: {', '.join(list(file)[:10])}")
    if images.external or images.is_virtual:
        raise GalkerasError(f"{path}: its images are kept in other files, which is not supported")
    _check_storage(path, images)
    numbers = images.dtype.kind == "f" or images.dtype == np.uint8
    if images.ndim != 4 or not numbers or (count is not None and _axis(images, count) is None):
        planes = count or len(BANDS)
        raise GalkerasError(
            f"{path}: images must be (count, height, width, {planes}) uint8 or (count, {planes}, height, width) floats."
            f" Received: {images.shape} {images.dtype}"
        )
    return images


def _check_storage(path: Path, dataset: h5py.Dataset) -> None:
    """Refuse a dataset that promises more than is stored, and one that is unpacked in pieces of no use."""
    chunk = int(np.prod(dataset.chunks or (0,), dtype=float)) * dataset.dtype.itemsize
    if chunk > LIMITS.bytes:
        raise GalkerasError(
            f"{path}: {dataset.name} is stored in chunks of {chunk / 1e6:,.0f} MB: store each image as a chunk, or"
            f" raise the limit of {LIMITS.megabytes:g} MB by GALKERAS_CUTOUT_MEGABYTES"
        )
    stored, count = dataset.id.get_storage_size(), len(dataset) if dataset.ndim else 0
    # No galaxy with its noise is compressed to so little.
    if dataset.ndim > 1 and count > _FEW and stored < count * _LEAST:
        raise GalkerasError(f"{path}: {dataset.name} promises {count:,} images and stores {stored:,} bytes")


def own_datasets(path: Path, file: h5py.File) -> dict[str, h5py.Dataset]:
    """Return the datasets that an HDF5 file holds itself; links, and what they may lead to, are left alone."""
    names = [name for name in file if isinstance(file.get(name, getlink=True), h5py.HardLink)]
    found = {name: file[name] for name in names if file.get(name, getclass=True) is h5py.Dataset}
    found = {name: one for name, one in found.items() if not (one.is_virtual or one.external)}
    for one in found.values():
        _check_storage(path, one)
    return found


def _axis(images: h5py.Dataset | np.ndarray, count: int) -> int | None:
    """Return the axis of so many bands, None where there is none."""
    axes = (3,) if images.dtype == np.uint8 else (1, 3)
    return next((axis for axis in axes if images.shape[axis] == count), None)


@lru_cache(maxsize=1)
def _opened(path: Path, modified: int, count: int) -> h5py.Dataset:
    try:
        return open_images(path, h5py.File(path, "r"), count)
    except OSError as error:
        raise CutoutError(f"no image: {one_line(error)}") from None


def _read_row(path: Path, row: int, bands: tuple[str, ...] | None) -> Cutout:
    images = _opened(path, path.stat().st_mtime_ns, len(bands or BANDS))
    return row_cutout(images, row, bands)


def row_cutout(images: h5py.Dataset | np.ndarray, row: int, bands: tuple[str, ...] | None) -> Cutout:
    """Return one of many images, whose axes are those that `open_images` describes."""
    bands = bands or BANDS
    if images.ndim != 4 or not (images.dtype.kind == "f" or images.dtype == np.uint8):
        raise CutoutError(f"wrong shape: {images.dtype} of {images.shape}, not uint8 or floats of (images, …)")
    if _axis(images, len(bands)) is None:
        raise CutoutError(f"wrong shape: {images.shape} has no axis of {len(bands)} bands")
    if not 0 <= row < len(images):
        raise CutoutError(f"no image: row {row} of {len(images)}")
    planes_first = _axis(images, len(bands)) == 1
    check_size(*(images.shape[2:] if planes_first else images.shape[1:3]))
    try:
        image = images[row]
    except (OSError, ValueError) as error:
        raise CutoutError(f"truncated: {one_line(error)}") from None
    if images.dtype == np.uint8:
        return Cutout(from_rgb(image), PICTURE, bands=bands)
    image = np.moveaxis(image, 0, -1) if planes_first else image
    with np.errstate(over="ignore"):
        return Cutout(np.ascontiguousarray(image, np.float32), NANOMAGGY, bands=bands)


FORMATS.add("hdf5", Format((".h5", ".hdf5"), read_row=_read_row), order=9)
