"""What the images of a record set are to be: as options say, or as a model or another record set has them."""

__all__ = ["Wanted", "images_of", "wanted"]

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from galkeras.io.errors import GalkerasError, did_you_mean
from galkeras.io.files import read_json
from galkeras.records.schema import DATASET_FILE, DTYPES, RecordSet
from galkeras.surveys.facts import SURVEYS
from galkeras.surveys.image import MAX_SIDE, ImageSpec, Preparation, bands_of

# Of a model folder, whose room is above this one.
_CONFIG_FILE = "config.json"


# arcsec: to so much are the scales of files told, and numbers far below leave the range of floats.
_LEAST = 1e-6


@dataclass(frozen=True)
class Wanted:
    """What is asked for; None where the cutouts are to tell.

    Attributes:
        survey: Name of the survey.
        bands: Bands to keep.
        crop: Side of the central square to take, in pixels of the cutouts.
        image_size: Side of the images.
        scale: arcsec a pixel to resample each cutout to, from its own.
        dtype: Storage dtype.
        like: The images that these must be like.
        whose: Whose those are, for messages.
    """

    survey: str | None = None
    bands: tuple[str, ...] | None = None
    crop: int | None = None
    image_size: int | None = None
    scale: float | None = None
    dtype: str | None = None
    like: ImageSpec | None = None
    whose: str = ""


def wanted(
    survey: str | None,
    bands: str | Sequence[str] | None,
    crop: int | None,
    image_size: int | None,
    pixel_scale: float | None,
    width_arcsec: float | None,
    dtype: str | None,
    like: str | Path | None,
) -> Wanted:
    """Return the options of ``make-tfrecords`` in one object.

    Raises:
        GalkerasError: An option is out of range, or two of them contradict each other.
    """
    for name, value in (("crop", crop), ("image_size", image_size)):
        if value is not None and not 1 <= value <= MAX_SIDE:
            raise GalkerasError(f"`{name}` must be 1 to {MAX_SIDE} pixels. Received: {name}={value}")
    for name, value in (("pixel_scale", pixel_scale), ("width_arcsec", width_arcsec)):
        if value is not None and not _LEAST <= value < 1e6:
            raise GalkerasError(f"`{name}` must be positive arcsec, {_LEAST:g} or more. Received: {name}={value}")
    if dtype is not None and dtype not in DTYPES:
        raise GalkerasError(
            f"`dtype` must be one of {', '.join(DTYPES)}.{did_you_mean(dtype, DTYPES)} Received: dtype={dtype!r}"
        )
    if survey is not None and not re.fullmatch(r"[\w.+-]+", survey):
        raise GalkerasError(f"`survey` must be letters, digits, dots and hyphens. Received: survey={survey!r}")
    if survey is not None and survey.lower() in SURVEYS:
        survey = survey.lower()
    if like is not None:
        images, surveys = images_of(like)
        taken = {"bands": bands, "image_size": image_size, "pixel_scale": pixel_scale, "width_arcsec": width_arcsec}
        if not images.of_differing_sides:
            taken["crop"] = crop
        for name, value in taken.items():
            if value is not None:
                raise GalkerasError(f"`like` takes `{name}` from {like}: leave it out. Received: {name}={value}")
        return Wanted(survey or surveys[0], images.bands, crop, dtype=dtype, like=images, whose=str(like))
    size, scale = _scaled(crop, image_size, pixel_scale, width_arcsec)
    named = None if bands is None else bands_of(bands if isinstance(bands, str) else ",".join(bands))
    return Wanted(survey, named, crop, size, scale, dtype)


def images_of(path: str | Path) -> tuple[ImageSpec, tuple[str, ...]]:
    """Return what images a model folder or a record set takes or holds, and of which surveys.

    Raises:
        GalkerasError: It is neither, or its description is damaged.
    """
    path = Path(path)
    if (path / DATASET_FILE).exists():
        records = RecordSet.load(path)
        return records.images, (records.survey,)
    file = path / _CONFIG_FILE
    if not file.exists():
        raise GalkerasError(f"{path} is neither a model folder nor a record set: no {_CONFIG_FILE}, no {DATASET_FILE}")
    try:
        model = read_json(file)["model"]
        chosen = {name: model[name] for name in ("units", "bands", "pixel_scale") if name in model}
        preparation = Preparation.from_json(model.get("preparation"))
        surveys = tuple(map(str, model["surveys"]))
        first = surveys[0]
        return ImageSpec(model["image_size"], **chosen, preparation=preparation), (first, *surveys[1:])
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise GalkerasError(f"{file} is not a model's: {error}") from None


def _scaled(
    crop: int | None, size: int | None, scale: float | None, width: float | None
) -> tuple[int | None, float | None]:
    """Return the side and the pixel scale that are asked for; of side, scale and width two give the third."""
    if scale is None and width is None:
        return size, None
    if crop is not None:
        raise GalkerasError(
            "`crop` counts pixels of each cutout, and `pixel_scale` or `width_arcsec` take a part of the sky: leave one"
            f" out. Received: crop={crop}"
        )
    if scale is not None and width is not None:
        if size is not None:
            raise GalkerasError("`image_size` follows from `pixel_scale` and `width_arcsec`: give two of the three")
        size = round(width / scale)
        if not 1 <= size <= MAX_SIDE:
            raise GalkerasError(f"`width_arcsec` / `pixel_scale` must be 1 to {MAX_SIDE} pixels. Received: {size}")
    if size is None:
        given = "pixel_scale" if scale is not None else "width_arcsec"
        raise GalkerasError(f"`{given}` needs `image_size` too: it does not say how many pixels an image has")
    return size, scale if scale is not None else width / size
