import numpy as np
import pytest

from galkeras.discovery.rules import RULES

SIDE = 64


def blob(x, y, peak, width=3.0):
    """A round source at (x, y) pixels from the centre."""
    at = np.arange(SIDE) - (SIDE - 1) / 2
    return peak * np.exp(-((at[None, :] - x) ** 2 + (at[:, None] - y) ** 2) / (2 * width**2))


def score(image, units="nanomaggy"):
    return float(RULES["off-centre"].images(np.stack([image] * 3, -1)[None], units)[0])


def test_a_brighter_neighbour_is_told_by_its_distance_in_half_sides():
    galaxy = blob(0, 0, 1.0)
    assert score(galaxy) < 0.05
    assert score(galaxy + blob(20, -10, 0.6)) < 0.05
    assert score(galaxy + blob(20, -10, 2.0)) == pytest.approx(np.hypot(20, 10) / (SIDE / 2), abs=0.05)


def test_neither_a_hot_pixel_nor_saturation_moves_the_centre():
    hot = blob(0, 0, 1.0)
    hot[3, 60] = 5.0
    assert score(hot) < 0.05
    # A picture: both are at 255, the star as much as the wide galaxy.
    assert score(np.minimum(blob(0, 0, 2000, 8.0) + blob(24, 0, 5000), 255), "picture") < 0.05


def test_an_image_without_light_is_not_off_centre():
    assert score(np.zeros((SIDE, SIDE))) < 0.05
