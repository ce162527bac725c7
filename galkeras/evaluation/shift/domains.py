"""How far apart two samples of latents are: scores that need no labels."""

__all__ = ["DomainScores", "Told", "between_mse", "domain_scores", "paired_mse", "permutation_test", "tell_apart"]

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist, pdist
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from galkeras.evaluation.shift import FOLDS

_FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
_NEIGHBOURS = 15
_PERMUTATIONS = 500
_RESAMPLES = 200
# More galaxies of a survey than this are sampled where time or memory grows with their square.
_MOST = 1500


@dataclass(frozen=True)
class DomainScores:
    """How well two surveys' latents mix.

    Attributes:
        source: Galaxies of the source survey.
        target: Galaxies of the target survey.
        auc: Area under the ROC curve of the better of two classifiers told to tell the surveys apart, by
            cross-validation over galaxies; 0.5 is the aim.
        auc_linear: Of a logistic regression.
        auc_trees: Of gradient-boosted trees.
        auc_interval: The 95 % interval of ``auc`` when galaxies are drawn again, both images of a pair together; None
            in files of before there was one.
        within_pair: With pairs, the share of galaxies whose target image the better classifier ranks above their source
            image: 0.5 is blind, and 1 means that the survey of an image is known once its partner lies beside it.
        a_distance: 2 (1 - 2 error) of the better one (Ben-David et al. 2010): 0 mixed, 2 apart.
        mmd2: Unbiased MMD² with the bandwidth fixed at the source's median distance.
        mmd2_p: Share of permutations of the surveys with an MMD² as large: small where the surveys differ.
        mixing: Share of the other survey among the 15 nearest neighbours, over what chance gives; 1 is the aim.
        paired_mse: With pairs, the mean over galaxies of the squared difference, averaged over latents.
        between_mse: The same between different galaxies.
        paired_ratio: ``paired_mse / between_mse``.
        paired_median: The same for the median galaxy: a few with a bright star in one image make most of the mean.
        twin: With pairs, the share of galaxies whose nearest latents in the target survey are their own, searched among
            1,500 galaxies at most.
    """

    source: int
    target: int
    auc: float
    auc_linear: float
    auc_trees: float
    a_distance: float
    mmd2: float
    mmd2_p: float
    mixing: float
    paired_mse: float | None
    between_mse: float
    paired_ratio: float | None
    paired_median: float | None
    twin: float | None
    auc_interval: tuple[float, float] | None = None
    within_pair: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return asdict(self)


def domain_scores(source: np.ndarray, target: np.ndarray, *, paired: bool, seed: int = 0) -> DomainScores:
    """Score how alike two samples of latents are.

    Args:
        source: (m, latent_dim) latents of one survey.
        target: (n, latent_dim) of the other; with ``paired``, row by row of the same galaxies.
        paired: Whether they are. Both images of a galaxy then are on the same side of every fold, permutations swap
            the two images of a galaxy, and a galaxy's own other image is no neighbour.
        seed: Of folds, permutations and samples.
    """
    rng = np.random.default_rng(seed)
    linear, trees = tell_apart(source, target, paired, seed)
    best = max(linear, trees, key=lambda one: one.auc)
    few_source, few_target = _sampled(source, target, paired, rng)
    mmd2, p = permutation_test(few_source, few_target, paired=paired, seed=seed)
    between = between_mse(source, target)
    differences = paired_mse(source, target) if paired else None
    mse = float(differences.mean()) if paired else None
    return DomainScores(
        source=len(source),
        target=len(target),
        auc=best.auc,
        auc_linear=linear.auc,
        auc_trees=trees.auc,
        auc_interval=best.interval(paired, seed),
        within_pair=best.within_pair() if paired else None,
        a_distance=max(0.0, 2 * (1 - 2 * best.error)),
        mmd2=mmd2,
        mmd2_p=p,
        mixing=_mixing(source, target, paired),
        paired_mse=mse,
        between_mse=between,
        paired_ratio=mse / between if paired else None,
        paired_median=float(np.median(differences)) / between if paired else None,
        twin=float(np.mean(cdist(few_source, few_target).argmin(1) == np.arange(len(few_source)))) if paired else None,
    )


def paired_mse(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the (pairs,) squared differences of latents, averaged over the latents (paper, sec. 5.1)."""
    return np.mean((source.astype(np.float64) - target) ** 2, axis=1)


def between_mse(*samples: np.ndarray) -> float:
    """Return the mean squared difference of two galaxies' latents, averaged over latents and samples."""
    # Twice the variance is the mean squared difference of two galaxies drawn at random.
    # (A collapsed model has none, and its pairs no meaning.)
    return max(float(np.mean([x.var(0, ddof=1).mean() for x in samples]) * 2), np.finfo(float).tiny)


def permutation_test(
    source: np.ndarray, target: np.ndarray, *, paired: bool, seed: int = 0, permutations: int = _PERMUTATIONS
) -> tuple[float, float]:
    r"""Return the unbiased MMD² at a fixed bandwidth, and the p-value of "the distributions are equal".

    The kernel is that of `galkeras.models.alignment.mmd2`, its bandwidth the median distance of ``source``. With pairs
    the statistic is Gretton et al.'s (2012) :math:`\frac{1}{m(m-1)} \sum_{i \ne j} h_{ij}`, and each permutation swaps
    the two images of a random half of the galaxies; otherwise it shuffles the survey of all.
    """
    rng = np.random.default_rng(seed)
    bandwidth = np.median(pdist(source)) or 1.0
    pooled = np.concatenate([source, target]).astype(np.float64)
    scaled = cdist(pooled, pooled, "sqeuclidean") / bandwidth**2
    kernel = np.mean([np.exp(-scaled / (2 * factor**2)) for factor in _FACTORS], axis=0)
    np.fill_diagonal(kernel, 0)
    m, n = len(source), len(target)
    if paired:
        h = kernel[:m, :m] + kernel[m:, m:] - kernel[:m, m:] - kernel[m:, :m]
        np.fill_diagonal(h, 0)
        signs = np.concatenate([np.ones((1, m)), rng.choice((-1.0, 1.0), (permutations, m))])
        values = np.einsum("pi,pi->p", signs @ h, signs) / (m * (m - 1))
    else:
        mine = np.zeros((permutations + 1, m + n))
        mine[0, :m] = 1
        for row in mine[1:]:
            row[rng.permutation(m + n)[:m]] = 1
        others = 1 - mine
        to_mine, to_others = mine @ kernel, others @ kernel
        values = (
            np.sum(to_mine * mine, 1) / (m * (m - 1))
            + np.sum(to_others * others, 1) / (n * (n - 1))
            - 2 * np.sum(to_mine * others, 1) / (m * n)
        )
    # The observed arrangement is one of the permutations.
    return float(values[0]), float(np.mean(values >= values[0] - 1e-12))


@dataclass(frozen=True, eq=False)
class Told:
    """The probability of being of the target that a classifier gives the images of either survey."""

    source: np.ndarray
    target: np.ndarray

    @property
    def auc(self) -> float:
        """Area under the ROC curve."""
        return _auc(self.source, self.target)

    @property
    def error(self) -> float:
        """Share of images that are given to the wrong survey, each survey weighing the same."""
        return float(np.mean([np.mean(self.source > 0.5), np.mean(self.target <= 0.5)]))

    def within_pair(self) -> float:
        """Return the share of pairs in which the target image is ranked above its partner."""
        above, equal = self.target > self.source, self.target == self.source
        return float(np.mean(above + 0.5 * equal))

    def interval(self, paired: bool, seed: int) -> tuple[float, float]:
        """Return the 95 % interval of the AUC when galaxies are drawn again."""
        rng = np.random.default_rng(seed)
        values = []
        for _ in range(_RESAMPLES):
            rows = rng.integers(0, len(self.source), len(self.source))
            others = rows if paired else rng.integers(0, len(self.target), len(self.target))
            values.append(_auc(self.source[rows], self.target[others]))
        low, high = np.percentile(values, (2.5, 97.5))
        return float(low), float(high)


def _auc(source: np.ndarray, target: np.ndarray) -> float:
    y = np.r_[np.zeros(len(source), int), np.ones(len(target), int)]
    return float(roc_auc_score(y, np.r_[source, target]))


def tell_apart(source: np.ndarray, target: np.ndarray, paired: bool, seed: int) -> list[Told]:
    """Return what a linear and a tree classifier say of galaxies that they did not see."""
    x = np.concatenate([source, target])
    y = np.r_[np.zeros(len(source), int), np.ones(len(target), int)]
    galaxies = np.r_[np.arange(len(source)), np.arange(len(target)) + (0 if paired else len(source))]
    folds = GroupKFold(FOLDS, shuffle=True, random_state=seed)
    # Pairs are balanced in every fold, and weights, which all were 1, take the trees ten times as long to bin.
    weights = None if paired else "balanced"
    scores = []
    for classifier in (
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000, class_weight=weights)),
        HistGradientBoostingClassifier(max_iter=100, random_state=seed, class_weight=weights),
    ):
        # So few rows gain nothing from threads, which cost much where other work runs.
        with threadpool_limits(1):
            probability = cross_val_predict(classifier, x, y, groups=galaxies, cv=folds, method="predict_proba")[:, 1]
        scores.append(Told(probability[y == 0], probability[y == 1]))
    return scores


def _mixing(source: np.ndarray, target: np.ndarray, paired: bool) -> float:
    x = np.concatenate([source, target])
    survey = np.r_[np.zeros(len(source), int), np.ones(len(target), int)]
    neighbours = min(_NEIGHBOURS, len(x) - 3)
    nearest = NearestNeighbors(n_neighbors=neighbours + 2).fit(x).kneighbors(x, return_distance=False)
    rows = np.arange(len(x))
    twin = (rows + len(source)) % len(x) if paired else rows
    shares = []
    for row, near in enumerate(nearest):
        near = near[(near != row) & (near != twin[row])][:neighbours]
        expected = np.mean(survey != survey[row])
        shares.append(np.mean(survey[near] != survey[row]) / expected)
    return float(np.mean(shares))


def _sampled(
    source: np.ndarray, target: np.ndarray, paired: bool, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    rows = rng.permutation(len(source))[:_MOST]
    others = rows if paired else rng.permutation(len(target))[:_MOST]
    return source[rows], target[others]
