import numpy as np
import pytest

from galkeras.evaluation.shift.report import beyond
from galkeras.evaluation.shift.residuals import Residuals, noise
from galkeras.evaluation.shift.support import support

RNG = np.random.default_rng(0)


def normal(count: int, offset: float = 0.0) -> np.ndarray:
    return RNG.normal(size=(count, 8)) + offset


def test_like_galaxies_lie_inside_but_for_one_in_a_hundred():
    scores, distance = support(normal(3000), normal(800), normal(800), paired=False)
    assert scores.reference == 3000 and scores.judged == 800 and len(distance) == 800
    assert 0.002 < scores.outside < 0.025 and scores.interval[0] <= 0.01 <= scores.interval[1]


@pytest.mark.parametrize("learned", [normal(3000), None])
def test_planted_galaxies_are_named_and_counted(learned):
    target = normal(500)
    # A tenth of the target is of another population.
    target[:50] += 6
    scores, distance = support(learned, normal(1000), target, paired=False)
    assert scores.judged == 500 and scores.interval[0] <= scores.outside <= scores.interval[1]
    assert 0.1 <= scores.outside < 0.13 and (distance[:50] > 1).all()
    assert set(np.argsort(-distance)[:50]) == set(range(50))


def test_partners_of_the_reference_are_not_judged():
    source = normal(400)
    scores, distance = support(None, source, source + 0.01, paired=True)
    assert scores.reference == scores.judged == 200 and np.isnan(distance).sum() == 200
    assert scores.outside < 0.05


def test_few_galaxies_have_a_wide_interval():
    narrow, wide = (support(None, normal(n), normal(n), paired=False)[0].interval for n in (4000, 20))
    assert np.ptp(wide) > 3 * np.ptp(narrow)


def test_that_none_of_20_or_all_lie_outside_is_no_proof():
    inside = np.clip(normal(20), -1, 1)
    none, every = (support(normal(2000), normal(500), z, paired=False)[0] for z in (inside, inside + 9))
    assert none.outside == none.interval[0] == 0 and none.interval[1] > 0.05
    assert every.outside == every.interval[1] == 1 and every.interval[0] < 0.95


def test_a_collapsed_model_has_all_inside():
    scores, _ = support(None, np.zeros((40, 3)), np.zeros((40, 3)), paired=False)
    assert scores.outside == 0


def test_the_noise_is_that_of_the_sky():
    images = RNG.normal(0.2, (0.01, 0.02, 0.05), (20, 64, 64, 3))
    # A galaxy in the middle, and a star at the edge.
    images[:, 20:44, 20:44] += 5
    images[:, 0, :9] += 3
    np.testing.assert_allclose(np.median(noise(images), 0), (0.01, 0.02, 0.05), rtol=0.1)
    images[:, :8] = images[:, -8:] = images[:, :, :8] = images[:, :, -8:] = 0
    assert (noise(images) == 0).all()


def test_what_cannot_be_said_is_not_said_in_numbers():
    scores, _ = support(None, normal(100), normal(100), paired=False)
    black = Residuals(100, None, None)
    said = beyond({"before": scores}, {"before": {"source": Residuals(100, 1.5, (1.2, 1.9)), "target": black}})
    assert "| 1.50 (1.20 to 1.90) |" in said and "| – (the sky is cut to black) |" in said
