"""One cutout, prepared as the images that a model was fitted on."""

__all__ = ["prepare_cutout"]

from galkeras.records.example import Galaxy
from galkeras.records.write import Row, Settings, prepare
from galkeras.surveys.cutouts import Cutout, CutoutError
from galkeras.surveys.locate import Source
from galkeras.surveys.pictures import PICTURE


def prepare_cutout(
    cutout: Cutout,
    name: str,
    survey: str,
    *,
    image_size: int,
    units: str,
    pixel_scale: float | None,
    crop: int | None = None,
) -> Galaxy:
    """Return a cutout as ``make-tfrecords`` would store it for a model that takes such images.

    A larger cutout at the model's own pixel scale is cropped to the model's size. A larger one of another, or
    unknown, scale needs ``crop``.

    Args:
        cutout: What `galkeras.surveys.cutouts.read_cutout` read.
        name: Its galaxy.
        survey: Its survey.
        image_size: Side of the images that the model takes.
        units: ``nanomaggy`` or ``picture``.
        pixel_scale: arcsec a pixel that the model takes, None where that differed or was not known.
        crop: Take the central ``crop`` x ``crop`` pixels and resample them to ``image_size``.

    Raises:
        CutoutError: It does not fit the model.
    """
    side = min(cutout.image.shape[:2])
    if crop is None and side > image_size:
        if not _same_scale(cutout.pixel_scale, pixel_scale):
            raise CutoutError(
                f"wrong shape: {side} pixels where the model takes {image_size}, and which part of the sky that"
                " is cannot be told: say --crop"
            )
        crop = image_size
    settings = Settings(survey, units, "uint8" if units == PICTURE else "float32", image_size, crop, image_size)
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
