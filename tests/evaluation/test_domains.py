import numpy as np
import pytest
from latents.tables import latent_table

from galkeras.evaluation.shift.domains import domain_scores, paired_mse, permutation_test
from galkeras.evaluation.shift.report import draw_shift
from galkeras.models.alignment.mmd2 import mmd2

RNG = np.random.default_rng(3)
GALAXIES = RNG.normal(size=(240, 6))


def look(noise=0.1, shift=0.0):
    return GALAXIES + noise * RNG.normal(size=GALAXIES.shape) + shift


@pytest.mark.parametrize("paired", [True, False])
def test_surveys_that_look_alike_cannot_be_told_apart(paired):
    source, target = (look(), look()) if paired else (GALAXIES[:110], GALAXIES[110:])
    scores = domain_scores(source, target, paired=paired)
    assert abs(scores.auc_linear - 0.5) < 0.09 and scores.auc < 0.62
    assert scores.mmd2_p > 0.01 and abs(scores.mmd2) < 0.01
    assert abs(scores.mixing - 1) < 0.1
    assert (scores.paired_ratio is None) != paired


@pytest.mark.parametrize("paired", [True, False])
def test_surveys_that_differ_are_told_apart(paired):
    source, target = look(), look(shift=[3.0, 0, 0, 0, 0, 0])
    scores = domain_scores(source, target, paired=paired)
    assert scores.auc > 0.95 and scores.a_distance > 1.5
    assert scores.mmd2_p < 0.01 and scores.mmd2 > 0.05
    assert scores.mixing < 0.6


def test_a_shift_that_no_line_sees_is_seen_by_trees():
    scores = domain_scores(GALAXIES[:120], 2.5 * GALAXIES[120:], paired=False)
    assert scores.auc == scores.auc_trees > 0.8 > scores.auc_linear


def test_the_paired_ratio_compares_with_different_galaxies():
    scores = domain_scores(look(0.2), look(0.2), paired=True)
    np.testing.assert_allclose(scores.paired_mse, 2 * 0.2**2, rtol=0.1)
    np.testing.assert_allclose(scores.between_mse, 2 * (1 + 0.2**2), rtol=0.1)
    np.testing.assert_allclose(scores.paired_ratio, scores.paired_mse / scores.between_mse)
    assert scores.twin > 0.9
    # Pairs that are none are as far apart as other galaxies.
    strangers = domain_scores(look(), look()[::-1], paired=True)
    assert 0.9 < strangers.paired_ratio < 1.1 and strangers.twin < 0.1


def test_paired_mse_is_the_mean_over_latents():
    np.testing.assert_allclose(paired_mse(np.zeros((2, 4), "f"), np.array([[1, 1, 1, 1], [2, 0, 0, 0]], "f")), 1)


@pytest.mark.parametrize("paired", [True, False])
def test_the_statistic_is_the_loss_at_a_fixed_bandwidth(paired):
    a, b = GALAXIES[:60].astype("f"), (GALAXIES[60:120] + 0.3).astype("f")
    distances = [np.linalg.norm(x - y) for i, x in enumerate(a) for y in a[i + 1 :]]
    value, _ = permutation_test(a, b, paired=paired, permutations=1)
    np.testing.assert_allclose(value, mmd2(a, b, np.median(distances), paired=paired), atol=1e-5)


@pytest.mark.parametrize("paired", [True, False])
def test_p_values_of_equal_distributions_are_uniform(paired):
    values = []
    for seed in range(60):
        x = np.random.default_rng(seed).normal(size=(60, 3))
        noise = np.random.default_rng(seed + 1000).normal(size=(2, 30, 3))
        a, b = (x[:30] + noise) if paired else (x[:30], x[30:])
        values.append(permutation_test(a, b, paired=paired, permutations=100, seed=seed)[1])
    assert 0.35 < np.mean(values) < 0.65
    assert 0.0 < np.mean(np.array(values) < 0.2) < 0.4


def test_surveys_that_are_the_same_are_drawn(tmp_path):
    table = latent_table(60, 4)
    score = domain_scores(table.z, table.z, paired=True)
    assert score.paired_ratio == 0
    latents = {"source before": table, "target before": table}
    draw_shift(tmp_path / "shift.png", ("decals", "again"), latents, {"before": score}, [], paired=True)
    assert (tmp_path / "shift.png").exists()
