"""How much of a survey's light a model leaves undrawn, in units of the sky's noise."""

__all__ = ["Residuals", "residuals"]

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from galkeras.records.pairs import Galaxies

if TYPE_CHECKING:
    from galkeras.models.vae import VAE

_BATCH = 64
# More galaxies than this are sampled.
_MOST = 500
# The share of an image's side that its outermost frame is wide, where there is mostly sky.
_FRAME = 1 / 16
# A standard deviation in median absolute deviations of a Gaussian.
_MAD = 1.4826


@dataclass(frozen=True)
class Residuals:
    """Reconstruction errors in units of the noise.

    Attributes:
        galaxies: How many were drawn.
        median: The rms over pixels and bands of image less reconstruction, over the noise of each band, of the median
            galaxy: 1 is a reconstruction that lacks nothing but noise, less than 1 one that draws it. None where the
            sky of most images has no noise: pictures whose sky was cut to black.
        quartiles: Of the galaxies, the first and the third.
    """

    galaxies: int
    median: float | None
    quartiles: tuple[float, float] | None


def residuals(model: "VAE", galaxies: Galaxies, seed: int = 0) -> Residuals:
    """Return the reconstruction errors of galaxies in units of their sky's noise.

    Image and reconstruction are compared as the network has them, stretched, where noise is about the same in light and
    dark pixels. The noise of a band is 1.48 median absolute deviations of the outermost pixels of the image; one
    that was resampled has noise that neighbours share, which this takes as it is.

    Args:
        model: The model; galaxies of a survey that it does not know are drawn as by its first.
        galaxies: Of a record set that fits it.
        seed: Of the sample, of at most 500.
    """
    # TensorFlow, which those do not need who read what was found.
    from galkeras.models.measure import measure

    if len(galaxies) > _MOST:
        rows = np.sort(np.random.default_rng(seed).choice(len(galaxies), _MOST, replace=False))
        galaxies = galaxies[rows]
    survey = galaxies.records.survey
    known = survey if survey in model.config.surveys else None
    errors = []
    for start in range(0, len(galaxies), _BATCH):
        images = galaxies[np.arange(start, min(start + _BATCH, len(galaxies)))].images()
        measured = measure(model, images, known)
        stretched, rebuilt = np.asarray(measured.stretched), np.asarray(measured.rebuilt)
        squares = np.mean((stretched - rebuilt) ** 2, axis=(1, 2))
        with np.errstate(divide="ignore", invalid="ignore"):
            errors.append(np.sqrt(np.mean(squares / noise(stretched) ** 2, axis=-1)))
    found = np.concatenate(errors)
    finite = found[np.isfinite(found)]
    if len(finite) < len(found) / 2:
        return Residuals(len(found), None, None)
    low, median, high = np.percentile(finite, (25, 50, 75))
    return Residuals(len(finite), float(median), (float(low), float(high)))


def noise(images: np.ndarray) -> np.ndarray:
    """Return (images, band) standard deviations of the sky of (images, side, side, band) images."""
    side = images.shape[1]
    inner = np.zeros((side, side), bool)
    width = max(1, round(_FRAME * side))
    inner[width:-width, width:-width] = True
    frame = images[:, ~inner]
    return _MAD * np.median(np.abs(frame - np.median(frame, axis=1, keepdims=True)), axis=1)
