"""Discs with arms, bars, rings, dust and knots, painted on fine pixels."""

__all__ = ["MAP_SIZE", "Knots", "Populations", "paint_edge_on", "paint_face_on"]

import math
from typing import Any, NamedTuple

import numpy as np

MAP_SIZE = 256
_EXTINCTION = np.array([1.25, 0.9, 0.5, 1.6], np.float32)[:, None, None]
"""Dust's optical depth in g, r, z and u relative to V."""


class Populations(NamedTuple):
    """The stars that a galaxy is made of, each as its fluxes in g, r, z, and perhaps u, for unit r flux."""

    old: np.ndarray
    """The disc."""
    young: np.ndarray
    """What forms in arms, and knots."""
    red: np.ndarray
    """Bulge and bar."""


class Knots(NamedTuple):
    """Unresolved star-forming regions: positions in arcsec and r fluxes."""

    x: np.ndarray
    y: np.ndarray
    flux: np.ndarray


def paint_face_on(
    truth: dict[str, Any], step: float, stars: Populations, rng: np.random.Generator
) -> tuple[np.ndarray, Knots]:
    """Paint everything of an inclined disc but its bulge.

    Args:
        truth: The galaxy.
        step: arcsec a pixel.
        stars: Its colours.
        rng: For the texture.

    Returns:
        (bands, `MAP_SIZE`, `MAP_SIZE`) fluxes a pixel and the knots, as parts of a galaxy of unit r flux before dust.
    """
    scale = truth["radius"] / 1.678
    x, y, u, v = _axes(truth["position_angle"], step / scale)
    v = v / truth["axis_ratio"]
    # A gentle warp of the coordinates, so that no galaxy is quite symmetric.
    bend = rng.uniform(-0.09, 0.09, 4) * (1 + 2.5 * truth["irregularity"])
    u, v = u + bend[0] * v * np.abs(v) * 0.3 + bend[1], v + bend[2] * u * np.abs(u) * 0.3 + bend[3]
    radius = np.sqrt(u**2 + v**2 + np.float32(0.01))
    texture = _waves(truth["position_angle"], truth["axis_ratio"], step / scale, rng)

    azimuth = np.arctan2(v, u)
    # One side of a disc outshines the other, the more the farther out: the m = 1 mode.
    tilt = 1 + truth["lopsidedness"] * np.tanh(radius / 1.5) * np.cos(azimuth - math.radians(truth["arm_phase"]))
    disc = np.exp(-radius) * _edge(radius, 1.678 * 4.4) * tilt
    arms, lanes = _spiral(truth, radius, azimuth, rng)
    contrast, rough = truth["arm_contrast"], truth["irregularity"]
    smooth_disc = _unit(disc * (1 + 2.8 * contrast * arms) * np.exp((0.1 + 0.3 * rough) * texture))
    forming = np.exp(-radius / np.float32(1.25)) * _edge(radius, 1.678 * 4.2) * tilt
    # Many arms are flocculent: patches and knots rather than lines.
    flocculent = truth["arms_number"] > 2
    clumps = np.exp((0.8 if flocculent else 0.6 + 0.7 * rough) * texture)
    star_forming = _unit(forming * (contrast * arms + (1 - contrast) * 0.25 + 0.02) * clumps)

    rest = 1 - truth["bulge_to_total"] - truth["bar_flux"]
    new = truth["young_fraction"] * rest
    ring = truth["ring"] * rest
    knotted = rng.uniform(0.08, 0.2) * new * (1.4 if flocculent else 1)
    maps = (rest - new - ring) * smooth_disc * stars.old[:, None, None] + (new - knotted) * star_forming * stars.young[
        :, None, None
    ]
    if ring:
        place = max(truth["bar_length"] / scale, rng.uniform(0.9, 1.8))
        around = np.exp(-(((radius - np.float32(place)) / np.float32(rng.uniform(0.15, 0.3))) ** 2))
        around *= np.exp(0.5 * texture) * (1 + 0.4 * np.cos(2 * azimuth + 2 * math.pi * rng.random()))
        maps += ring * _unit(around) * ((stars.old + stars.young) / 2)[:, None, None]
    if truth["bar_flux"]:
        turn = math.radians(truth["bar_angle"])
        along = math.cos(turn) * u + math.sin(turn) * v
        across = math.cos(turn) * v - math.sin(turn) * u
        length = truth["bar_length"] / scale
        shape = (along / length) ** 2 + (across / (0.28 * length)) ** 2
        maps += truth["bar_flux"] * _unit(np.maximum(1 - shape, 0) ** 1.5) * stars.red[:, None, None]
    depth = truth["dust"] * (0.25 * np.exp(-radius / 2) + lanes * contrast * np.exp(0.4 * texture))
    maps *= np.exp(-_EXTINCTION[: len(maps)] * depth.astype(np.float32))
    return maps, _knots(star_forming, knotted, x * scale, y * scale, rng)


def paint_edge_on(
    truth: dict[str, Any], step: float, stars: Populations, rng: np.random.Generator
) -> tuple[np.ndarray, Knots]:
    """Paint a disc seen from its side with its dust lane, and a boxy bulge. As `paint_face_on`."""
    scale = truth["radius"] / 1.678
    x, y, u, v = _axes(truth["position_angle"], step / scale)
    if rng.random() < 0.3:
        v = v - np.float32(rng.uniform(-0.012, 0.012)) * u**3
    along = np.sqrt(u**2 + np.float32(0.02))
    thickness = truth["thickness"]
    disc = _unit(np.exp(-along) * _edge(along, 6.5) / np.cosh(np.clip(v / thickness, -20, 20)) ** 2)
    texture = np.exp(0.5 * _waves(truth["position_angle"], 0.5, step / scale, rng))
    thin = np.exp(-along / np.float32(1.1)) / np.cosh(np.clip(v / (0.5 * thickness), -20, 20)) ** 2
    star_forming = _unit(thin * texture * _edge(along, 6.5))

    bulge = truth["bulge_to_total"]
    new = truth["young_fraction"] * (1 - bulge)
    knotted = rng.uniform(0.05, 0.15) * new
    maps = (1 - bulge - new) * disc * stars.old[:, None, None] + (new - knotted) * star_forming * stars.young[
        :, None, None
    ]
    if truth["edge_on_bulge"] == "boxy":
        a = truth["bulge_radius"] / scale
        b = a * truth["bulge_axis_ratio"] * (0.65 + 0.2 * np.minimum(np.abs(u) / a, 1))
        box = ((np.abs(u) / a) ** 4 + (np.abs(v) / b) ** 4) ** 0.25
        maps += bulge * _unit(np.exp(-1.9 * box)) * stars.red[:, None, None]
    if truth["dust"]:
        offset = rng.uniform(-0.25, 0.25) * thickness
        lane = np.exp(-0.5 * ((v - offset) / (0.35 * thickness)) ** 2) * np.exp(-((along / 2.6) ** 2))
        maps *= np.exp(-_EXTINCTION[: len(maps)] * (truth["dust"] * lane * texture).astype(np.float32))
    return maps, _knots(star_forming, knotted, x * scale, y * scale, rng)


def _axes(angle: float, step: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return x and y of the pixels, and their coordinates along the major and the minor axis."""
    line = (np.arange(MAP_SIZE, dtype=np.float32) - (MAP_SIZE - 1) / 2) * np.float32(step)
    x, y = line[None], line[:, None]
    # North is up and east is left: position angles turn from +y towards -x.
    along_x, along_y = -math.sin(math.radians(angle)), math.cos(math.radians(angle))
    u = np.float32(along_x) * x + np.float32(along_y) * y
    v = np.float32(along_y) * x - np.float32(along_x) * y
    return x, y, u, v


def _spiral(
    truth: dict[str, Any], radius: np.ndarray, azimuth: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the brightness of logarithmic arms, about 0 to 1, and of the dust lanes on their inner sides."""
    number = truth["arms_number"]
    arms, lanes = np.zeros_like(radius), np.zeros_like(radius)
    if number == 0:
        # No arms, but a disc is never quite even.
        arms += 0.5 + 0.5 * np.cos(2 * azimuth + np.log(radius))
        return arms, lanes
    scale = truth["radius"] / 1.678
    inner = max(0.75 * truth["bar_length"] / scale, 1.3 * truth["bulge_radius"] / scale, 0.3)
    tightness = truth["handedness"] / math.tan(math.radians(truth["pitch"]))
    logarithm = np.log(radius)
    wander = sum(
        rng.uniform(0.04, 0.12) * np.sin(wave * radius * 1.3 + 2 * math.pi * rng.random()) for wave in (1, 2, 3)
    )
    phase = azimuth - np.float32(tightness) * logarithm + wander.astype(np.float32)
    # Tightly wound arms are thin in azimuth x radius alike; the concentration keeps a gap between turns.
    width = rng.uniform(2.2, 4.5) * (1 + 0.35 * (number - 2) * (number > 2))
    begin = 1 / (1 + np.exp(-(radius - np.float32(inner)) / np.float32(0.12)))
    for arm in range(number):
        place = math.radians(truth["arm_phase"]) + 2 * math.pi * (arm + rng.uniform(-0.1, 0.1)) / number
        reach = rng.uniform(2.8, 4.4) * (0.8 if number > 4 else 1)
        strength = rng.uniform(0.7, 1.0) if number > 1 else 1.0
        fade = np.float32(strength) * begin * np.exp(-((radius / np.float32(reach)) ** 4))
        away = phase - np.float32(place)
        arms += fade * np.exp(np.float32(width) * (np.cos(away) - 1))
        lag = np.float32(0.35 * truth["handedness"])
        lanes += fade * np.exp(np.float32(2 * width) * (np.cos(away - lag) - 1))
    return arms, lanes


def _waves(angle: float, axis_ratio: float, step: float, rng: np.random.Generator, number: int = 24) -> np.ndarray:
    """Return a random field of unit variance with structure of 0.2 to 1 disc scale lengths, inclined like a disc."""
    line = (np.arange(MAP_SIZE) - (MAP_SIZE - 1) / 2) * step
    wave = 2 * math.pi / rng.uniform(0.25, 1.2, number)
    turn, start = 2 * math.pi * rng.random((2, number))
    along_u, along_v = wave * np.cos(turn), wave * np.sin(turn) / axis_ratio
    sine, cosine = math.sin(math.radians(angle)), math.cos(math.radians(angle))
    # cos(ax + by + c) is the real part of a product of a function of x and one of y: waves add as matrices do.
    in_x = np.outer(line, -sine * along_u + cosine * along_v)
    in_y = np.outer(line, cosine * along_u + sine * along_v) + start
    field = np.cos(in_y) @ np.cos(in_x).T - np.sin(in_y) @ np.sin(in_x).T
    return (field * math.sqrt(2 / number)).astype(np.float32)


def _knots(density: np.ndarray, flux: float, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Knots:
    """Scatter star-forming knots by a density of unit sum, with a few bright and many faint ones."""
    count = int(rng.integers(30, 140)) if flux > 0 else 0
    cells = np.searchsorted(np.cumsum(density, dtype=np.float64), rng.random(count) * 0.999999)
    rows, columns = np.divmod(np.minimum(cells, density.size - 1), density.shape[1])
    weight = rng.pareto(2.0, count).clip(0, 8) + 0.15
    return Knots(x[0, columns], y[rows, 0], flux * weight / weight.sum() if count else weight)


def _edge(radius: np.ndarray, limit: float) -> np.ndarray:
    """Return 1 inside and 0 beyond ``limit``, with a smooth fall before it."""
    return np.clip((np.float32(limit) - radius) / np.float32(0.2 * limit), 0, 1)


def _unit(image: np.ndarray) -> np.ndarray:
    return (image / image.sum()).astype(np.float32)
