"""Streaks and empty pixels are found where they are, and nowhere else."""

import numpy as np
import pytest
from sky import galaxy

from galkeras.surveys.artifacts import ARTIFACTS, artifact_scores
from galkeras.surveys.pictures import NANOMAGGY, PICTURE


def clean(count: int = 30, side: int = 64) -> np.ndarray:
    return np.stack([galaxy(side, seed) for seed in range(count)])


def with_streak(images: np.ndarray, bands, strength: float = 0.08) -> np.ndarray:
    side = images.shape[1]
    y, x = np.mgrid[:side, :side]
    images = images.copy()
    for index, angle in enumerate(np.linspace(0, np.pi, len(images), endpoint=False)):
        offset = np.cos(angle) * (x - side * 0.4) + np.sin(angle) * (y - side * 0.4)
        images[index][..., bands] += (strength * np.exp(-0.5 * (offset * 64 / side) ** 2))[..., None]
    return images


@pytest.mark.parametrize("side", [64, 100, 150])
def test_streak_in_one_band_stands_out_at_any_angle(side):
    images = clean(side=side)
    usual = artifact_scores(images, NANOMAGGY)["streak"]
    for band in range(3):
        streaked = artifact_scores(with_streak(images, [band], 0.2), NANOMAGGY)["streak"]
        assert streaked.min() > 1.3 * usual.max()


def test_a_line_in_all_bands_alike_is_no_streak():
    # An edge-on galaxy is one.
    images = clean()
    line = artifact_scores(with_streak(images, [0, 1, 2]), NANOMAGGY)["streak"]
    assert line.max() < 0.8 * artifact_scores(with_streak(images, [1]), NANOMAGGY)["streak"].min()


def test_a_star_is_no_streak():
    images = clean()
    images[:, 10:13, 50:53, 0] += 50.0
    star, streak = (artifact_scores(x, NANOMAGGY)["streak"] for x in (images, with_streak(clean(), [0])))
    assert np.median(star) < 0.6 * np.median(streak)


def test_empty_is_the_share_of_the_worst_band():
    images = clean(4)
    images[1, :, :16, 2] = 0
    images[2, :8, :, :] = 0
    empty = artifact_scores(images, NANOMAGGY)["empty"]
    np.testing.assert_allclose(empty, [0, 0.25, 0.125, 0])


def test_black_sky_of_pictures_is_not_empty_and_divides_nothing():
    rng = np.random.default_rng(0)
    pictures = np.clip(rng.normal(0, 3, (5, 64, 64, 3)), 0, 255).astype(np.uint8)
    pictures[3] = 0
    scores = artifact_scores(pictures, PICTURE)
    assert set(scores) == set(ARTIFACTS)
    assert not scores["empty"].any() and np.isfinite(scores["streak"]).all()
    pictures[1, 20] = np.array([0, 0, 120])
    assert artifact_scores(pictures, PICTURE)["streak"].argmax() == 1


def test_a_band_without_light_is_scored():
    images = clean(3)
    images[..., 1] = 0
    assert np.isfinite(artifact_scores(images, NANOMAGGY)["streak"]).all()
