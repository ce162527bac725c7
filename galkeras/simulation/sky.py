"""The true sky around a galaxy, as both surveys would see it without air, telescope or noise."""

__all__ = ["WITH_U", "Sky", "draw_sky"]

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from galkeras.simulation.fourier import Grid
from galkeras.simulation.paint import MAP_SIZE, Populations, paint_edge_on, paint_face_on
from galkeras.simulation.simulator import galsim
from galkeras.simulation.truth import random_of
from galkeras.surveys.facts import BANDS, ZERO_POINT

WITH_U = (*BANDS, "u")
"""What to draw for a survey that has u; others are spared the time."""

# Two bands more as sums of r and z: flux density is taken to be linear in wavelength (622, 763, 905 and
# 1020 nm), which is right to a few per cent for starlight without lines.
_MIXED = {"i": (0.502, 0.498), "y": (-0.406, 1.406)}

# u - g as a line of g - r, about right: u - r is 2.4 for red galaxies and 1.3 to 1.9 for blue ones (Baldry et al. 2004,
# ApJ 600, 681), where g - r is 0.77 and 0.35 to 0.55. A colour and no sum of bands: across the Balmer break, a sum that
# is right for blue and red galaxies is negative for red stars and behind dust.
_U_G, _U_G_SLOPE = 0.45, 1.55

_YOUNG = (0.22, 0.18)
"""g - r and r - z of star-forming arms and knots."""
_TOGETHER = 16
_EXTENT = 9.0
"""Painted maps reach this many half-light radii from side to side."""


@dataclass(frozen=True)
class Sky:
    """Fourier components of the sky in each band (nanomaggies), and what was drawn beside the galaxy."""

    grid: Grid
    bands: dict[str, np.ndarray]
    extra: dict[str, Any]

    def light(self, band: str) -> np.ndarray:
        """Return the Fourier components in one of the bands of `galkeras.simulation.SIMULATED`."""
        if band in self.bands:
            return self.bands[band]
        of_r, of_z = _MIXED[band]
        return np.float32(of_r) * self.bands["r"] + np.float32(of_z) * self.bands["z"]


def colours(g_r: float, r_z: float, planes: int) -> np.ndarray:
    """Return the fluxes in the first ``planes`` of g, r, z and u of a source with unit r flux."""
    return np.array([10 ** (-0.4 * g_r), 1.0, 10 ** (0.4 * r_z), 10 ** (-0.4 * _u_r(g_r))][:planes], np.float32)


def _u_r(g_r: Any) -> Any:
    return _U_G + (1 + _U_G_SLOPE) * g_r


def draw_sky(
    truth: dict[str, Any],
    seed: int,
    index: int,
    grid: Grid,
    frame: float,
    real: galsim.GSObject | None = None,
    bands: tuple[str, ...] = BANDS,
) -> Sky:
    """Draw the galaxy, what disturbs it, and the stars and faint galaxies of a field ``frame`` arcsec wide.

    A ``real`` galaxy of unit flux takes the simulated one's place. ``bands`` are `BANDS` or `WITH_U`: u changes nothing
    in the others.
    """
    texture = random_of(seed, index, "texture")
    total = 10 ** (0.4 * (ZERO_POINT - truth["r_mag"]))
    if real:
        galaxy = colours(truth["g_r"], truth["r_z"], len(bands))[:, None, None] * grid.profile(real)
    else:
        galaxy = _draw_galaxy(truth, grid, texture, len(bands))
    galaxy *= np.float32(total / galaxy[1, 0, 0].real)
    light, extra = _disturb(galaxy, truth, grid, texture)
    field = random_of(seed, index, "field")
    extra |= _add_stars(light, grid, field, frame)
    extra |= _add_neighbours(light, grid, field, frame)
    return Sky(grid, dict(zip(bands, light, strict=True)), extra)


def _draw_galaxy(truth: dict[str, Any], grid: Grid, rng: np.random.Generator, planes: int) -> np.ndarray:
    old = colours(truth["g_r"], truth["r_z"], planes)
    stars = Populations(old, colours(*_YOUNG, planes), colours(truth["bulge_g_r"], truth["bulge_r_z"], planes))
    angle = truth["position_angle"]
    if truth["kind"] == "smooth":
        spheroid = grid.sersic(truth["sersic_n"], truth["radius"], truth["axis_ratio"], angle)
        # A slightly redder, rounder core: colour gradients of early types are about -0.05 mag a decade.
        core = grid.exponential(truth["radius"] * 0.5, min(1.0, truth["axis_ratio"] * 1.1), angle)
        warm = colours(truth["g_r"] + 0.08, truth["r_z"] + 0.05, planes)
        return (0.92 * old)[:, None, None] * spheroid + (0.08 * warm)[:, None, None] * core

    paint = paint_edge_on if truth["kind"] == "edge-on" else paint_face_on
    step = _EXTENT * truth["radius"] / MAP_SIZE
    maps, knots = paint(truth, step, stars, rng)
    light = grid.painted(maps, step)
    if len(knots.flux):
        light += stars.young[:, None, None] * grid.points(knots.x, knots.y, knots.flux)
    bulge = truth["bulge_to_total"]
    if bulge > 0.005 and truth["edge_on_bulge"] != "boxy":
        profile = grid.sersic(truth["sersic_n"], truth["bulge_radius"], truth["bulge_axis_ratio"], angle)
        light += (bulge * stars.red)[:, None, None] * profile
    return light


def _disturb(
    galaxy: np.ndarray, truth: dict[str, Any], grid: Grid, rng: np.random.Generator
) -> tuple[np.ndarray, dict[str, Any]]:
    """Add a companion, tidal tails and lopsidedness, as far as the galaxy is disturbed."""
    strength, merging = truth["disturbance"], truth["merging"]
    extra = {"companion_flux": 0.0, "companion_distance": 0.0, "tail_flux": 0.0}
    if merging in ("", "none"):
        return galaxy, extra
    total, radius = galaxy[1, 0, 0].real, truth["radius"]
    around = 2 * math.pi * rng.random()
    light = galaxy.copy()
    # Part of the light is pushed aside and smeared, which makes the galaxy lopsided without a second nucleus.
    rows, columns = grid.shift(0.6 * strength * radius * math.cos(around), 0.6 * strength * radius * math.sin(around))
    light *= 0.6 + 0.4 * grid.gaussian(0.3 * strength * radius) * rows * columns

    starlight = colours(truth["g_r"] - 0.08, truth["r_z"] - 0.06, len(light))
    tails = {"minor-disturbance": 1, "major-disturbance": 2, "merger": int(rng.integers(1, 3))}[merging]
    flux = {"minor-disturbance": 0.07, "major-disturbance": 0.20, "merger": 0.20}[merging]
    flux *= total * rng.uniform(0.7, 1.3) / tails
    for tail in range(tails):
        along = np.linspace(0, 1, 70)
        reach = radius * (1.0 + rng.uniform(1.6, 3.4) * along)
        bend = around + math.pi * tail + rng.choice((-1, 1)) * rng.uniform(0.8, 2.2) * along**0.8
        weight = np.exp(-1.5 * along) * np.minimum(1, 6 * along) * (1 + 0.4 * rng.normal(size=70)).clip(0.2)
        weight *= flux / weight.sum()
        tube = grid.points(reach * np.cos(bend), reach * np.sin(bend), weight)
        light += starlight[:, None, None] * (tube * grid.gaussian(radius * rng.uniform(0.16, 0.3)))
    extra["tail_flux"] = float(tails * flux)

    if merging == "merger":
        ratio, distance = rng.uniform(0.3, 1.0), radius * rng.uniform(1.2, 2.6) + 1.2
        n = float(rng.choice((1.0, 2.0, 3.0)))
        companion = grid.sersic(n, radius * math.sqrt(ratio) * 0.8, rng.uniform(0.5, 1.0), 180 * rng.random())
        rows, columns = grid.shift(distance * math.cos(around), distance * math.sin(around))
        colour = colours(truth["g_r"] + 0.1 * rng.normal(), truth["r_z"] + 0.05 * rng.normal(), len(light))
        light += (ratio * total * colour)[:, None, None] * (companion * (rows * columns))
        extra |= {"companion_flux": float(ratio * total), "companion_distance": distance}
    return light, extra


def _add_stars(light: np.ndarray, grid: Grid, rng: np.random.Generator, frame: float) -> dict[str, Any]:
    """Add foreground stars: about two an arcmin^2 brighter than r = 21, at high Galactic latitude."""
    count = int(rng.poisson(2.2 * (grid.side / 60) ** 2))
    x, y = rng.uniform(-grid.side / 2, grid.side / 2, (2, count))
    # Counts grow slowly with magnitude; the brightest are left to the defects.
    magnitude = 21.5 - rng.exponential(1.8, count).clip(0, 7)
    g_r, r_z = rng.uniform(0.3, 1.5, count), np.zeros(count)
    r_z = 0.1 + 0.5 * g_r + np.where(g_r > 1.2, rng.uniform(0, 0.8, count), 0)
    # Nobody would have taken a galaxy with a star on its nucleus into the sample.
    keep = np.hypot(x, y) > 3
    x, y, magnitude, g_r, r_z = (values[keep] for values in (x, y, magnitude, g_r, r_z))
    flux = 10 ** (0.4 * (ZERO_POINT - magnitude))
    for plane, colour in zip(light, (-0.4 * g_r, np.zeros_like(g_r), 0.4 * r_z, -0.4 * _u_r(g_r)), strict=False):
        plane += grid.points(x, y, flux * 10**colour)
    inside = (np.abs(x) < frame / 2) & (np.abs(y) < frame / 2)
    return {"stars": int(inside.sum()), "stars_flux": float(flux[inside].sum())}


def _add_neighbours(light: np.ndarray, grid: Grid, rng: np.random.Generator, frame: float) -> dict[str, Any]:
    """Add background galaxies: about ten an arcmin^2 to r = 22.8, twice as many a magnitude fainter."""
    count = int(rng.poisson(10 * (grid.side / 60) ** 2))
    x, y = rng.uniform(-grid.side / 2, grid.side / 2, (2, count))
    magnitude = (22.8 + np.log10(1 - rng.random(count)) / 0.35).clip(18.3)
    radius = (0.5 * 10 ** (0.13 * (22 - magnitude)) * np.exp(0.3 * rng.normal(size=count))).clip(0.2, 3)
    axis_ratio, angle = rng.uniform(0.3, 1, count), rng.uniform(0, 180, count)
    g_r = rng.normal(0.75, 0.28, count).clip(0.1, 1.5)
    r_z = 0.2 + 0.6 * g_r + 0.15 * rng.normal(size=count)
    flux = 10 ** (0.4 * (ZERO_POINT - magnitude))
    in_bands = np.array([10 ** (-0.4 * g_r), np.ones(count), 10 ** (0.4 * r_z), 10 ** (-0.4 * _u_r(g_r))])
    in_bands = (in_bands[: len(light)] * flux).astype(np.complex64)
    # Added as matrices, a few at a time: around the largest galaxies there are many, on large grids.
    sources = np.empty((min(count, _TOGETHER), *light.shape[1:]), np.complex64)
    for start in range(0, count, _TOGETHER):
        few = range(start, min(start + _TOGETHER, count))
        for source, each in zip(sources, few, strict=False):
            rows, columns = grid.shift(x[each], y[each])
            np.multiply(grid.exponential(radius[each], axis_ratio[each], angle[each]), rows, out=source)
            source *= columns
        # u apart: a product of four rows may round the first three otherwise.
        for planes in (slice(len(BANDS)), slice(len(BANDS), None)):
            light[planes] += np.tensordot(in_bands[planes, start : few.stop], sources[: len(few)], 1)
    inside = (np.abs(x) < frame / 2) & (np.abs(y) < frame / 2)
    return {"neighbours": int(inside.sum()), "neighbours_flux": float(flux[inside].sum())}
