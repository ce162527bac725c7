"""One cutout, prepared as the images that a model was fitted on."""

__all__ = ["prepare_cutout"]

from galkeras.records.example import Galaxy
from galkeras.records.write import Row, Settings, prepare
from galkeras.surveys.cutouts import Cutout, CutoutError
from galkeras.surveys.image import PICTURE, ImageSpec
from galkeras.surveys.locate import Source


def prepare_cutout(cutout: Cutout, name: str, survey: str, images: ImageSpec, *, crop: int | None = None) -> Galaxy:
    """Return a cutout as ``make-tfrecords`` would store it for a model that takes such images.

    A larger cutout at the model's own pixel scale is cropped to the model's size. A larger one of another, or
    unknown, scale needs ``crop``.

    Args:
        cutout: What `galkeras.surveys.cutouts.read_cutout` read in the bands of ``images``.
        name: Its galaxy.
        survey: Its survey.
        images: The images that the model takes.
        crop: Take the central ``crop`` x ``crop`` pixels and resample them to the model's size.

    Raises:
        CutoutError: It does not fit the model.
    """
    image_size, units, pixel_scale = images.size, images.units, images.pixel_scale
    side = min(cutout.image.shape[:2])
    if crop is None and side > image_size:
        if not _same_scale(cutout.pixel_scale, pixel_scale):
            raise CutoutError(
                f"wrong shape: {side} pixels where the model takes {image_size}, and which part of the sky that"
                " is cannot be told: say --crop"
            )
        crop = image_size
    dtype = "uint8" if units == PICTURE else "float32"
    settings = Settings(survey, units, dtype, image_size, crop, image_size, images.bands)
    nan = float("nan")
    galaxy = prepare(cutout, Row(0, name, nan, nan, nan, nan, Source(name)), settings)
    if galaxy.pixel_scale == galaxy.pixel_scale and pixel_scale:
        if not _same_scale(galaxy.pixel_scale, pixel_scale):
            raise CutoutError(
                f"wrong pixel scale: {galaxy.pixel_scale:.3f} arcsec a pixel where the model takes {pixel_scale:.3f}"
            )
    return galaxy


def _same_scale(one: float | None, other: float | None) -> bool:
    return bool(one and other and abs(one / other - 1) < 0.01)
