import numpy as np
import pytest

from galkeras.evaluation.shift.baselines import BASELINES, aligned
from galkeras.evaluation.shift.compared import Compared, best_of
from galkeras.evaluation.shift.domains import tell_apart


@pytest.fixture(scope="module")
def latents():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(400, 5)).astype(np.float32)
    turn = np.eye(5) + 0.4 * rng.normal(size=(5, 5))
    return z, (z @ turn + 2.0 + 0.02 * rng.normal(size=z.shape)).astype(np.float32)


def test_each_baseline_mends_what_it_can_on_galaxies_that_did_not_fit_it(latents):
    source, target = latents
    known, tested = (source[:200], target[:200]), (source[200:], target[200:])
    mapped = {name: aligned(one, known, *tested) for name, one in BASELINES.items()}
    assert list(mapped) == ["median-mad", "coral", "ridge"]
    assert np.mean((mapped["ridge"] - tested[0]) ** 2) < 0.01
    for name in ("median-mad", "coral"):
        assert np.allclose(np.median(mapped[name], 0), np.median(tested[0], 0), atol=0.35)
    covariance = [np.cov(z, rowvar=False) for z in (tested[0], mapped["coral"], tested[1])]
    assert np.abs(covariance[1] - covariance[0]).max() < 0.3 < np.abs(covariance[2] - covariance[0]).max()
    assert all(z.dtype == np.float32 for z in mapped.values())


def test_without_a_training_split_no_galaxy_is_mapped_by_what_it_taught(latents):
    source, target = latents[0][:60], np.random.default_rng(1).normal(size=(60, 5)).astype(np.float32)
    # Nothing can be learned from pairs that are none: fitted on themselves they would still come nearer.
    own = BASELINES["ridge"].fit(source, target)(target)
    apart = aligned(BASELINES["ridge"], None, source, target)
    assert np.mean((own - source) ** 2) < np.mean((apart - source) ** 2)
    assert np.allclose(aligned(BASELINES["ridge"], (source[:10], target[:10]), source, target), apart)


def test_a_small_shift_is_named_within_pairs_where_the_auc_hides_it():
    rng = np.random.default_rng(0)
    # What a galaxy is differs far more than what the survey adds.
    galaxy = 20 * rng.normal(size=(300, 1))
    source = np.hstack([galaxy, galaxy + 0.1 * rng.normal(size=(300, 1))])
    target = source + [0.0, 0.05]
    linear, _ = tell_apart(source, target, True, 0)
    assert linear.auc < 0.75 < 0.95 < linear.within_pair()
    low, high = linear.interval(True, 0)
    assert low < linear.auc < high < low + 0.1
    blind, _ = tell_apart(source, source.copy(), True, 0)
    assert blind.within_pair() == 0.5


def test_the_sentence_names_the_least_drop_and_says_where_the_network_loses():
    def row(stage, baseline, auc, drop):
        return Compared(stage, baseline, f"{stage} {baseline}".strip(), auc, (auc, auc), drop=drop)

    rows = [row("before", "", 0.9, 0.04), row("before", "ridge", 0.52, 0.01), row("after", "", 0.55, 0.02)]
    assert "*before ridge* has the least drop, 1.0 points" in best_of(rows)
    assert "the adapted model alone 2.0 points: the network does not win" in best_of(rows)
    assert best_of([*rows, row("after", "coral", 0.6, 0.005)]).startswith("*after coral*")
    rows[2] = row("after", "", 0.55, None)
    assert "the AUC nearest to 0.5, 0.520" in best_of(rows)
    rows[2] = row("after", "", 0.51, None)
    assert best_of(rows) == "*after* has the AUC nearest to 0.5, 0.510."
