"""What makes outliers in real cutouts: bright stars, satellites, missing bands, chip edges."""

__all__ = ["DEFECTS", "add_defect", "draw_defect"]

import numpy as np

from galkeras.simulation.truth import random_of
from galkeras.surveys.facts import BANDS

DEFECTS = ("bright-star", "satellite-trail", "missing-band", "chip-edge")


def draw_defect(seed: int, index: int, fraction: float, surveys: int) -> tuple[str, int]:
    """Return the defect of galaxy ``index`` and the survey (by number) that has it; ``("", -1)`` for most.

    A larger ``fraction`` adds defects and takes none away.
    """
    rng = random_of(seed, index, "defect")
    chance, kind, survey = rng.random(), rng.integers(len(DEFECTS)), rng.integers(surveys)
    return (DEFECTS[kind], int(survey)) if chance < fraction else ("", -1)


def add_defect(image: np.ndarray, defect: str, pixel_scale: float, seed: int, index: int) -> None:
    """Spoil a (band, y, x) image (nanomaggies) in place."""
    rng = random_of(seed, index, "defect", 1)
    height, width = image.shape[1:]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x = (x - (width - 1) / 2) * np.float32(pixel_scale)
    y = (y - (height - 1) / 2) * np.float32(pixel_scale)
    turn = np.pi * rng.random()
    frame = min(height, width) * pixel_scale
    line = np.float32(np.cos(turn)) * x + np.float32(np.sin(turn)) * y
    {
        "bright-star": _bright_star,
        "satellite-trail": _satellite_trail,
        "missing-band": _missing_band,
        "chip-edge": _chip_edge,
    }[defect](image, x, y, line, frame, pixel_scale, rng)


def _bright_star(image, x, y, line, frame, pixel_scale, rng) -> None:  # noqa: ANN001
    """A star of magnitude 9 to 12: wide glare, a saturated core and a bleed trail along the columns."""
    away, around = rng.uniform(0.2, 0.48) * frame, 2 * np.pi * rng.random()
    x, y = x - np.float32(away * np.cos(around)), y - np.float32(away * np.sin(around))
    flux = 10 ** (0.4 * (22.5 - rng.uniform(9, 12))) * pixel_scale**2
    # A Moffat core with the r^-2 aureole that holds some per cent of a star's light.
    radius2 = x**2 + y**2
    glare = flux * (1.1 / (1 + radius2 / 0.9) ** 3 + 0.0016 / (1 + radius2 / 4))
    colour = (0.6, 1.0, 1.3)
    full = 40 * pixel_scale**2 / 0.262**2
    bleed = full * np.exp(-((x / 0.8) ** 2)) * (np.abs(y) < rng.uniform(0.2, 0.7) * frame)
    for plane, strength in enumerate(colour):
        image[plane] += np.minimum(strength * glare, full) + (bleed if plane < 2 or rng.random() < 0.5 else 0)


def _satellite_trail(image, x, y, line, frame, pixel_scale, rng) -> None:  # noqa: ANN001
    """A straight trail through one band, a little wider than the seeing."""
    away = line - np.float32(rng.uniform(-0.35, 0.35) * frame)
    brightness = rng.uniform(0.04, 0.4) * (pixel_scale / 0.262) ** 2
    image[rng.integers(len(BANDS))] += brightness * np.exp(-0.5 * (away / rng.uniform(0.5, 0.9)) ** 2)


def _missing_band(image, x, y, line, frame, pixel_scale, rng) -> None:  # noqa: ANN001
    """No exposure in one band: the service delivers zeros."""
    image[rng.integers(len(BANDS))] = 0


def _chip_edge(image, x, y, line, frame, pixel_scale, rng) -> None:  # noqa: ANN001
    """One band, or all, ends at the edge of a chip, which lies nearly along an axis."""
    tilt = rng.uniform(-0.03, 0.03)
    across, along = (x, y) if rng.random() < 0.5 else (y, x)
    side = rng.choice((-1, 1))
    lost = side * (across + np.float32(tilt) * along) > rng.uniform(0.05, 0.4) * frame
    planes = range(len(BANDS)) if rng.random() < 0.3 else [rng.integers(len(BANDS))]
    for plane in planes:
        image[plane][lost] = 0
