"""Real galaxies that Hubble saw in COSMOS as seeds: their light, made larger and brighter as if they were near."""

__all__ = ["check_seeds", "draw_seed"]

import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from scipy.ndimage import gaussian_filter, label

from galkeras.io.errors import GalkerasError
from galkeras.simulation.simulator import galsim
from galkeras.simulation.truth import random_of

_LARGEST_STRETCH = 8.0
"""Hubble's blur of 0.1 arcsec then stays below the surveys' seeing. Taking it out would bring up noise."""
_BRIGHTEST = 1 / 3
"""The part of the catalog that is drawn from: fainter galaxies show their noise when they are magnified."""
_KNOWN = ("iauname", "ra", "dec", "redshift", "r_mag", "g_r", "r_z")


def check_seeds(folder: str | Path) -> int:
    """Return the number of galaxies in a folder that `galsim.RealGalaxyCatalog` can read, or say why it cannot."""
    return _catalog(str(folder)).nobjects


def draw_seed(truth: dict[str, Any], folder: str, seed: int, index: int) -> "galsim.GSObject":
    """Return a real galaxy of unit flux for galaxy ``index``, and put its size and number into ``truth``.

    Its morphology is unknown: every class and shape in ``truth`` becomes empty or 0.
    """
    catalog = _catalog(folder)
    rng = random_of(seed, index, "texture", 1)
    bright = np.argsort(catalog.mag, kind="stable")[: max(1, round(catalog.nobjects * _BRIGHTEST))]
    number = int(rng.choice(bright))
    stamp = _without_noise(catalog.getGalImage(number))
    galaxy = galsim.InterpolatedImage(stamp, x_interpolant="quintic")
    radius = min(max(float(stamp.calculateHLR(flux=float(stamp.array.sum()))), 0.1), 2.0)
    stretch = min(truth["radius"] / radius, _LARGEST_STRETCH)
    turn = 360 * rng.random()
    for key, value in truth.items():
        if key not in _KNOWN:
            truth[key] = type(value)()
    truth |= {"kind": "seed", "cosmos_index": number, "radius": stretch * radius, "position_angle": turn}
    return galaxy.withFlux(1.0).dilate(stretch).rotate(turn * galsim.degrees)


def _without_noise(stamp: "galsim.Image") -> "galsim.Image":
    """Return the stamp's light where it clearly rises from the noise, with a soft edge.

    Magnified, the noise of Hubble's image would be brighter than the surveys' own.
    """
    image = stamp.array - np.median(np.concatenate([stamp.array[:5].ravel(), stamp.array[-5:].ravel()]))
    smooth = gaussian_filter(image, 2)
    noise = 1.4826 * np.median(np.abs(smooth[:5]))
    # Only what hangs together with the middle is the galaxy.
    parts, _ = label(smooth > 3 * noise)
    own = parts == parts[tuple(length // 2 for length in parts.shape)]
    edge = gaussian_filter(own.astype(np.float32), 1.5)
    return galsim.Image((image * edge).astype(np.float32), scale=stamp.scale)


@cache
def _catalog(folder: str) -> "galsim.RealGalaxyCatalog":
    place = Path(folder)
    if not place.is_dir():
        raise GalkerasError(f"{place} is not a folder of COSMOS seeds")
    for file in sorted(place.glob("*.fits")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                columns = fits.getdata(file, 1).names
            except (OSError, AttributeError, IndexError):
                continue
        if columns and {"GAL_FILENAME", "PSF_FILENAME", "GAL_HDU"} <= set(columns):
            try:
                return galsim.RealGalaxyCatalog(file.name, dir=str(place))
            except (OSError, galsim.GalSimError) as error:
                raise GalkerasError(f"{file}: GalSim cannot read this catalog: {error}") from None
    raise GalkerasError(f"{place} holds no real_galaxy_catalog*.fits that galsim.RealGalaxyCatalog reads")
