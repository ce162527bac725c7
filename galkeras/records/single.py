"""One cutout, prepared as the images that a model was fitted on."""

__all__ = ["prepare_cutout", "prepare_for"]

from collections.abc import Sequence
from dataclasses import replace

from galkeras.records.example import Galaxy
from galkeras.records.write import Row, Settings, pixel_scale, prepare, same_scale
from galkeras.surveys.cutouts import Cutout, CutoutError, survey_of
from galkeras.surveys.image import PICTURE, ImageSpec
from galkeras.surveys.locate import Source


def prepare_for(
    cutout: Cutout,
    name: str,
    images: ImageSpec,
    surveys: Sequence[str],
    *,
    crop: int | None = None,
    row: Row | None = None,
    survey: str | None = None,
) -> tuple[Galaxy, str]:
    """Return a cutout as a model of ``surveys`` takes it, and of which of these it is: if it does not say, ``survey``.

    By default that is the first.

    The other arguments and errors are those of `prepare_cutout`.
    """
    said = survey_of(cutout)
    survey = said if said in surveys else survey or surveys[0]
    # How images were made is known of the first survey.
    known = images if survey == surveys[0] else replace(images, preparation=None)
    return prepare_cutout(cutout, name, survey, known, crop=crop, row=row), survey


def prepare_cutout(
    cutout: Cutout,
    name: str,
    survey: str,
    images: ImageSpec,
    *,
    crop: int | None = None,
    row: Row | None = None,
) -> Galaxy:
    """Return a cutout as ``make-tfrecords`` would store it for a model that takes such images.

    It is prepared as the images were that the model was fitted on. Where the pixel scales of both are known, a cutout
    of another one is resampled to the model's, as ``make-tfrecords --like`` does. Where they are not, a cutout of the
    model's size is taken to be prepared already, a larger one is cropped as the model's were, and needs ``crop`` where
    that is unknown too.

    Args:
        cutout: What `galkeras.surveys.cutouts.read_cutout` read in the bands of ``images``.
        name: Its galaxy.
        survey: Its survey.
        images: The images that the model takes.
        crop: Take the central ``crop`` x ``crop`` pixels and resample them to the model's size.
        row: What the catalog says of it.

    Raises:
        CutoutError: It does not fit the model.
    """
    image_size, units = images.size, images.units
    nan = float("nan")
    row = row or Row(0, name, nan, nan, nan, nan, Source(name))
    own = pixel_scale(cutout, row, survey)
    side = min(cutout.image.shape[:2])
    scaled = images.preparation is not None and images.preparation.resampling == "scale"
    if crop is None and images.pixel_scale and (own == own or (scaled and side != image_size)):
        crop, scale = images.preparation and images.preparation.crop, images.pixel_scale
    else:
        scale = None
        crop = _crop(side, images) if crop is None else crop
    dtype = "uint8" if units == PICTURE else "float32"
    galaxy = prepare(cutout, row, Settings(survey, units, dtype, image_size, crop, image_size, images.bands, scale))
    if galaxy.pixel_scale == galaxy.pixel_scale and images.pixel_scale:
        if not same_scale(galaxy.pixel_scale, images.pixel_scale):
            raise CutoutError(
                f"wrong pixel scale: {galaxy.pixel_scale:.3f} arcsec a pixel where the model takes"
                f" {images.pixel_scale:.3f}"
            )
    return galaxy


def _crop(side: int, images: ImageSpec) -> int | None:
    """Return the side of the central square to take where a pixel scale is not known, None for all of the cutout."""
    if side <= images.size:
        return None
    if images.preparation and images.preparation.crop:
        return images.preparation.crop
    raise CutoutError(
        f"wrong shape: {side} pixels where the model takes {images.size}, and which part of the sky that is cannot be"
        " told: say `crop`"
    )
