"""Real galaxies that Hubble saw in COSMOS as seeds: their light, made larger and brighter as if they were near."""

__all__ = ["check_seeds", "draw_seed"]

import warnings
from functools import cache
from pathlib import Path
from typing import Any

from astropy.io import fits

from galkeras.errors import GalkerasError
from galkeras.mock.simulator import galsim
from galkeras.mock.truth import random_of

_LARGEST_STRETCH = 5.0
"""Hubble's 0.1 arcsec blur, stretched by more than this, would not pass as blurred by the surveys' air."""


def check_seeds(folder: str | Path) -> int:
    """Return the number of galaxies in a folder that `galsim.RealGalaxyCatalog` can read, or say why it cannot."""
    return _catalogue(str(folder)).nobjects


def draw_seed(truth: dict[str, Any], folder: str, seed: int, index: int) -> "galsim.GSObject":
    """Return a real galaxy of unit flux for galaxy ``index``, and put its size and number into ``truth``.

    Its morphology is unknown: every class in ``truth`` is emptied.
    """
    catalogue = _catalogue(folder)
    rng = random_of(seed, index, "texture", 1)
    number = int(rng.integers(catalogue.nobjects))
    galaxy = galsim.RealGalaxy(catalogue, index=number)
    # The stamp's own half-light radius, above its noise.
    radius = galaxy.original_gal.calculateHLR() if hasattr(galaxy.original_gal, "calculateHLR") else 0.5
    stretch = min(truth["radius"] / radius, _LARGEST_STRETCH)
    turn = 360 * rng.random()
    for key, value in truth.items():
        if isinstance(value, str) and key != "iauname":
            truth[key] = ""
    truth |= {"kind": "seed", "cosmos_index": number, "radius": stretch * radius, "position_angle": turn}
    return galaxy.withFlux(1.0).dilate(stretch).rotate(turn * galsim.degrees)


@cache
def _catalogue(folder: str) -> "galsim.RealGalaxyCatalog":
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
                raise GalkerasError(f"{file}: GalSim cannot read this catalogue: {error}") from None
    raise GalkerasError(f"{place} holds no real_galaxy_catalog*.fits that galsim.RealGalaxyCatalog reads")
