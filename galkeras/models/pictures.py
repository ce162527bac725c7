"""Ordinary pictures, as arrays, PIL images or files, prepared as a model takes them."""

__all__ = ["Picture", "batches_of", "prepared_images"]

from collections.abc import Iterable, Iterator
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from galkeras.io.errors import GalkerasError
from galkeras.models.config import ModelConfig
from galkeras.records.single import prepare_for
from galkeras.surveys.cutouts import Cutout, CutoutError, read_cutout
from galkeras.surveys.cutouts.pictures import cutout_of

Picture = str | PathLike[str] | Image.Image | np.ndarray


def prepared_images(
    images: Picture | Iterable[Picture], config: ModelConfig, crop: int | None = None
) -> Iterator[np.ndarray]:
    """Yield each picture as a (side, side, band) float32 array in the model's units, row 0 south.

    Args:
        images: One picture or many.
        config: Of the model.
        crop: As in `galkeras.records.single.prepare_cutout`.

    Raises:
        GalkerasError: One cannot be read or does not fit; the message names it.
    """
    alone = isinstance(images, str | PathLike | Image.Image) or (isinstance(images, np.ndarray) and images.ndim < 4)
    count = 0
    for count, image in enumerate([images] if alone else images, 1):
        name = str(image) if isinstance(image, str | PathLike) else f"image {count}"
        try:
            cutout = _cutout(image, config.bands)
            galaxy, _ = prepare_for(cutout, Path(name).name, config.images, config.surveys, crop=crop)
        except CutoutError as error:
            raise GalkerasError(f"{name}: {error}") from None
        yield galaxy.image.astype(np.float32)
    if not count:
        raise GalkerasError("`images` must be one image or more. Received: none")


def batches_of(images: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Yield (batch, side, side, band) arrays of up to ``size`` images."""
    if size < 1:
        raise GalkerasError(f"`batch_size` must be 1 or more. Received: batch_size={size}")
    rest = iter(images)
    while batch := list(islice(rest, size)):
        yield np.stack(batch)


def _cutout(image: Any, bands: tuple[str, ...]) -> Cutout:
    if isinstance(image, str | PathLike):
        return read_cutout(Path(image), bands=bands)
    if isinstance(image, Image.Image):
        return cutout_of(image, bands)
    image = np.asarray(image)
    if image.dtype != np.uint8:
        raise CutoutError(f"wrong units: an array of {image.dtype}, and pictures are uint8, 0 to 255; give files else")
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[-1] != len(bands):
        raise CutoutError(f"wrong shape: {image.shape}, not (height, width, {len(bands)})")
    return cutout_of(Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image), bands)
