"""What a survey makes of the sky: seeing, pixels, noise, and the resampling of its pipeline."""

__all__ = ["Conditions", "Exposure", "draw_exposure", "expose", "sky_noise"]

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from scipy.sparse import csr_array

from galkeras.simulation.simulator import galsim
from galkeras.simulation.sky import Sky
from galkeras.simulation.truth import random_of
from galkeras.surveys.facts import PIXEL_SCALE, ZERO_POINT, Band, Survey

# AB magnitudes an arcsec^2 of a dark to grey night, where a survey does not say its own.
_SKY_BRIGHTNESS = {"u": 22.3, "g": 22.0, "r": 21.0, "i": 20.2, "z": 19.2, "y": 18.3}

_BETA_OF_DEPTH = 3.5
"""Exponent of the Moffat profile for which depths are turned into noise."""
_ZERO_POINT_SCATTER = 0.008
_DEPTH_SCATTER = 0.12
_POINTING_SCATTER = 0.03
"""arcsec, by survey and axis: far within the arcsec in which a pair has to agree."""
_SKY_RESIDUAL = 0.04
"""Error of the sky subtraction, relative to the noise of a pixel."""
_LANCZOS = 3


@dataclass(frozen=True)
class Exposure:
    """How one galaxy is observed in one survey and band.

    Attributes:
        seeing: FWHM in arcsec.
        beta: Exponent of the Moffat profile.
        e1: Ellipticity of the point-spread function along the axes.
        e2: Ellipticity along the diagonals.
        depth: 5-sigma AB magnitude, as `galkeras.surveys.facts.Band.depth`.
        zero_point: Flux is dimmed by this magnitude.
        x: Astrometric offset in arcsec.
        y: Likewise.
        phase: Where the camera's pixels fall, in pixels.
        sky: Residual sky in units of a pixel's noise.
    """

    seeing: float
    beta: float
    e1: float
    e2: float
    depth: float
    zero_point: float
    x: float
    y: float
    phase: tuple[float, float]
    sky: float


@dataclass(frozen=True)
class Conditions:
    """How much better or worse than its survey everything is observed: what draws a ladder of shifts of one sky.

    Attributes:
        seeing_scale: Factor of every seeing.
        depth_offset: Magnitudes added to every depth: more is deeper. Noise follows it at the survey's own seeing.
        zero_point: Magnitudes by which every flux is dimmed.
    """

    seeing_scale: float = 1.0
    depth_offset: float = 0.0
    zero_point: float = 0.0

    def applied(self, exposures: dict[str, Exposure]) -> dict[str, Exposure]:
        """Return the exposures, by band, as they are under these conditions."""
        return {
            name: replace(
                one,
                seeing=one.seeing * self.seeing_scale,
                depth=one.depth + self.depth_offset,
                zero_point=one.zero_point + self.zero_point,
            )
            for name, one in exposures.items()
        }


def draw_exposure(survey: Survey, seed: int, index: int, g_r: float) -> dict[str, Exposure]:
    """Draw the conditions in which ``survey`` sees galaxy ``index``, band by band."""
    rng = random_of(seed, index, "exposure", survey.number)
    x, y = _POINTING_SCATTER * rng.normal(size=2)
    exposures = {}
    for name, band in survey.bands.items():
        e1, e2 = 0.025 * rng.normal(size=2)
        exposures[name] = Exposure(
            seeing=band.seeing * float(np.exp(band.seeing_scatter * rng.normal())),
            beta=band.beta,
            e1=e1,
            e2=e2,
            depth=band.depth + _DEPTH_SCATTER * rng.normal(),
            zero_point=band.zero_point + band.colour_term * (g_r - 0.6) + _ZERO_POINT_SCATTER * rng.normal(),
            x=x + 0.3 * _POINTING_SCATTER * rng.normal(),
            y=y + 0.3 * _POINTING_SCATTER * rng.normal(),
            phase=tuple(rng.uniform(-0.5, 0.5, 2)),
            sky=_SKY_RESIDUAL * rng.normal(),
        )
    return exposures


def expose(
    sky: Sky,
    survey: Survey,
    exposures: dict[str, Exposure],
    size: int,
    binning: int,
    seed: int,
    index: int,
    noise_free: bool = False,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the image that ``survey`` delivers and, if wanted, the same without noise.

    Each band is sampled with the camera's own pixels, gets its noise there, and is then resampled with a Lanczos-3
    kernel to 0.262 arcsec, which leaves the noise correlated; ``binning`` x ``binning`` of those make a pixel.

    Returns:
        (bands, size, size) float32 images in nanomaggies, of the bands of the survey.
    """
    noisy = np.empty((len(survey.bands), size, size), np.float32)
    clean = np.empty_like(noisy) if noise_free else None
    for plane, (name, band) in enumerate(survey.bands.items()):
        rng = random_of(seed, index, "noise", survey.number, plane)
        native, step, origin = _sample(sky, name, band.pixel_scale, exposures[name])
        resampling = [_resampling(size, binning, len(native), step, start) for start in origin]
        (columns, along_x), (rows, along_y) = resampling
        native = native[rows, columns]
        if clean is not None:
            clean[plane] = (along_x @ (along_y @ native).T).T
        native = native + _noise(native, name, step, band, exposures[name], rng)
        noisy[plane] = (along_x @ (along_y @ native).T).T
    return noisy, clean


def _sample(sky: Sky, band: str, pixel: float, exposure: Exposure) -> tuple[np.ndarray, float, tuple[float, float]]:
    """Return the noise-free image on the camera's pixels, their width, and x and y of the first one's centre."""
    grid = sky.grid
    # The nearest width that divides the periodic square: within 0.3 % of the camera's.
    pixels = round(grid.side / pixel)
    step = grid.side / pixels
    x, y = (-(pixels // 2) * step + phase * step for phase in exposure.phase)
    rows, columns = grid.shift(exposure.x - x, exposure.y - y)
    response = grid.moffat(exposure.seeing, exposure.beta, exposure.e1, exposure.e2) * grid.pixel(step)
    blurred = sky.light(band) * response
    blurred *= rows
    blurred *= columns
    native = grid.sample(blurred, pixels)
    native *= np.float32(10 ** (-0.4 * exposure.zero_point))
    return native, step, (x, y)


def _noise(
    native: np.ndarray, name: str, step: float, band: Band, exposure: Exposure, rng: np.random.Generator
) -> np.ndarray:
    sigma = np.float32(sky_noise(exposure.depth, band.seeing, step))
    # Sky-limited noise tells how many electrons a nanomaggy makes; a source adds its own Poisson noise.
    dark = _SKY_BRIGHTNESS[name] if band.sky is None else band.sky
    background = np.float32(10 ** (0.4 * (ZERO_POINT - dark)) * step**2)
    spread = sigma * np.sqrt(1 + np.maximum(native, 0) / background)
    return spread * rng.standard_normal(native.shape, dtype=np.float32) + sigma * np.float32(exposure.sky)


def sky_noise(depth: float, seeing: float, pixel: float) -> float:
    """Return the noise of one pixel (nanomaggies) that gives this 5-sigma depth.

    Depth is that of the optimal (matched-filter) flux of an exponential disc of half-light radius 0.45 arcsec:
    its error is the pixel noise over the root of the sum of squares of the blurred profile.
    """
    return 10 ** (0.4 * (ZERO_POINT - depth)) / 5 * _sharpness(seeing, round(pixel, 4))


@cache
def _sharpness(seeing: float, pixel: float) -> float:
    source = galsim.Exponential(half_light_radius=0.45)
    source = galsim.Convolve(source, galsim.Moffat(beta=_BETA_OF_DEPTH, fwhm=seeing))
    return float(np.sqrt((source.drawImage(nx=64, ny=64, scale=pixel).array ** 2).sum()))


def _resampling(size: int, binning: int, pixels: int, step: float, start: float) -> tuple[slice, csr_array]:
    """Return the camera's pixels that are needed along one axis and the matrix that resamples them.

    Delivered pixels are centred on 0; the camera's pixel ``i`` is at ``start + i * step``. Fluxes are kept.
    """
    fine = size * binning
    place = ((np.arange(fine) - (fine - 1) / 2) * PIXEL_SCALE - start) / step
    nearest = np.floor(place).astype(int)[:, None] + np.arange(1 - _LANCZOS, _LANCZOS + 1)
    away = place[:, None] - nearest
    weights = np.sinc(away) * np.sinc(away / _LANCZOS)
    weights *= PIXEL_SCALE / step / weights.sum(1, keepdims=True)
    used = slice(max(nearest[0, 0], 0), min(nearest[-1, -1] + 1, pixels))
    row = np.repeat(np.arange(fine) // binning, 2 * _LANCZOS)
    matrix = csr_array((weights.ravel(), (row, nearest.ravel() - used.start)), (size, used.stop - used.start))
    return used, matrix.astype(np.float32)
