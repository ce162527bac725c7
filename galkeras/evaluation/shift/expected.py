"""How far forests fall on another survey, expected without a label and without pairs."""

__all__ = ["CAVEAT", "TOLERANCE", "Expected", "by_chance", "expected_drop", "losses", "verdict"]

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from tqdm import tqdm

from galkeras.evaluation.shift.gaussians import covariance, power
from galkeras.evaluation.shift.support import MOST_OUTSIDE, Support
from galkeras.galaxyzoo.tree import ASKED
from galkeras.io.text import counted
from galkeras.morphology.forests import Forests

TOLERANCE = 0.02
"""A model holds where forests are expected to fall by no more: 2 points of accuracy in the mean over questions."""

CAVEAT = (
    "This is told without labels, and takes for granted that both surveys hold like galaxies. On simulated shifts it is"
    " off by about a point; images that are sharper than the source's cost less than it says."
)

_POPULATION = " Another population (other types, brightness or redshift) looks the same to this: compare like galaxies."
# Of fewer, a type that one galaxy in twenty is of is missing more often than once in twenty times: no drawing again
# tells that, and chance costs little where forests guess.
_TELLING = 60
_RESAMPLES = 40
# One scatters by a factor of two where galaxies are few.
_DRAWS = 10
# More galaxies of the source than this are sampled: forests are asked of each once a resample.
_MOST = 2000
_SHRUNK = 1e-3
"""Of the mean variance, added along the diagonals."""
# Chosen among 0.5, 0.65, 0.75 and 1 on another sky than that of the table in docs/adaptation.md.
_KEPT = 0.65
# So many are drawn to see what chance does to covariances; of more galaxies it does less, as their square root.
_MOST_BY_CHANCE = 2000
_WISHARTS = 20


@dataclass(frozen=True)
class Expected:
    """What forests are expected to lose from source to target.

    Attributes:
        source: Galaxies of the source survey.
        target: Galaxies of the target survey.
        drop: Accuracy lost, in the mean over questions; 0.1 is ten points.
        interval: Its 95 % interval when galaxies are drawn again. It knows nothing of what the method itself misses.
        by_chance: What forests seem to lose where nothing shifts, from as many galaxies. It is taken off the others
            (not in files of before it was).
        by_question: ``drop`` by question.
        intervals: ``interval`` by question, of the same galaxies drawn again; nothing in files of before it was told.
    """

    source: int
    target: int
    drop: float
    interval: tuple[float, float]
    by_chance: float
    by_question: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)


def expected_drop(source: np.ndarray, target: np.ndarray, forests: Forests, seed: int = 0) -> Expected:
    """Return how much accuracy forests are expected to lose, from latents alone.

    Source latents are moved to where the target's lie, and scattered where these vary less, as `_worsened` tells; the
    forests' answers there are judged by their probabilities where the galaxies came from. That takes for granted that
    both surveys hold like galaxies (``docs/adaptation.md`` says how well it does). Where the model learned from votes,
    a question counts those galaxies alone that are asked it by most of the expected volunteers.

    Args:
        source: (m, latent_dim) latents of galaxies on which the forests are as good as ever: that they did not learn.
        target: (n, latent_dim) latents of other galaxies, or the same, in the target survey.
        forests: Of the model that the latents are of.
        seed: Of the sample, the resamples and what is scattered.
    """
    rng = np.random.default_rng(seed)
    source, target = source.astype(np.float64), target.astype(np.float64)
    shown = source if len(source) <= _MOST else source[rng.choice(len(source), _MOST, replace=False)]
    before = {name: forest.probabilities(shown.astype(np.float32)) for name, forest in forests.by_question.items()}
    chance = by_chance(before, shown, source, len(target), forests, rng)
    drops = losses(before, shown, source, target, forests, rng) - chance

    def drawn_again() -> np.ndarray:
        rows = rng.integers(len(shown), size=len(shown))
        those = {name: said[rows] for name, said in before.items()}
        one, other = rng.choice(source, len(source)), rng.choice(target, len(target))
        return losses(those, shown[rows], one, other, forests, rng)

    progress = tqdm(range(_RESAMPLES), desc="expected drop", unit="resample", disable=None)
    again = np.array([drawn_again() for _ in progress])
    names = list(forests.by_question)
    return Expected(
        len(source),
        len(target),
        float(np.mean(drops)),
        _interval(again.mean(1), np.mean(drops)),
        float(np.mean(chance)),
        dict(zip(names, map(float, drops), strict=True)),
        dict(zip(names, map(_interval, again.T, drops), strict=True)),
    )


def _interval(again: np.ndarray, drop: float) -> tuple[float, float]:
    """Return the 95 % interval of ``drop`` from the (resamples,) drops of galaxies drawn again."""
    # Drawing again adds scatter of its own, which moves the middle and not the width.
    low, high = np.percentile(again, (2.5, 97.5)) - again.mean() + drop
    return float(low), float(high)


def losses(
    before: dict[str, np.ndarray],
    shown: np.ndarray,
    source: np.ndarray,
    target: np.ndarray,
    forests: Forests,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return (questions,) the accuracy that forests are expected to lose.

    Args:
        before: By question, (rows, classes) probabilities of the galaxies that are moved.
        shown: (rows, latent_dim) their latents.
        source: (m, latent_dim) latents from which they are moved: theirs, and perhaps others' of the source.
        target: (n, latent_dim) latents to which they are moved.
        forests: The forests.
        rng: Scatters them.
    """
    moved = _worsened(source, target, rng)(shown).astype(np.float32)
    rows, asked = np.arange(len(shown)), _asked(shown, forests)
    lost = []
    for name, forest in forests.by_question.items():
        named = forest.probabilities(moved).argmax(1)
        lost.append(np.mean((before[name].max(1) - before[name][rows, named])[asked.get(name, slice(None))]))
    return np.array(lost)


def _asked(z: np.ndarray, forests: Forests) -> dict[str, np.ndarray]:
    """Return by question which of (rows, latent_dim) latents it is asked of, where that can be told and is any."""
    if forests.votes is None:
        return {}
    led = forests.votes.asked(forests.votes.shares(z.astype(np.float32)))
    return {name: share > ASKED for name, share in led.items() if (share > ASKED).any()}


def by_chance(
    before: dict[str, np.ndarray],
    shown: np.ndarray,
    source: np.ndarray,
    count: int,
    forests: Forests,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return (questions,) what `losses` says, in the mean, of ``count`` galaxies that are like the source's.

    Few galaxies say little of a mean and a covariance, and what is wrong of these moves latents as a shift does. Both
    surveys' galaxies are drawn from the source's, again and again, so that only chance tells them apart.
    """
    drawn = [(rng.choice(source, len(source)), rng.choice(source, count)) for _ in range(_DRAWS)]
    return np.mean([losses(before, shown, one, other, forests, rng) for one, other in drawn], 0)


def verdict(
    surveys: tuple[str, str], expected: Mapping[str, Expected], support: Mapping[str, Support], *, paired: bool
) -> str:
    """Return in a sentence or two whether a model and its forests hold on the second survey, and what to do if not.

    Args:
        surveys: Names of source and target.
        expected: What `expected_drop` says, by ``before``, of a VAE as fitted, and ``after``, of an adapted model.
        support: By the same, how much of the target is unlike the source; nothing in files of before it was told.
        paired: Whether both surveys have the same galaxies, and so the same population.
    """
    last = list(expected)[-1]
    found, earlier = expected[last], expected.get("before")
    points = f"{100 * found.drop:.1f} points ({100 * found.interval[0]:.1f} to {100 * found.interval[1]:.1f})"
    said = f"Forests of {surveys[0]} are expected to lose {points} of accuracy on {surveys[1]}"
    if strange := _strange(surveys, support, last, paired):
        return f"**Cannot tell.** {strange}"
    galaxies = f"{counted(found.source, 'galaxy', 'galaxies')} and {found.target:,}"
    if min(found.source, found.target) < _TELLING:
        return (
            f"**Cannot tell.** {galaxies} are too few, at least {_TELLING} of each are needed: give more, of which no"
            " labels are needed."
        )
    if found.by_chance > TOLERANCE:
        return (
            f"**Cannot tell.** With {galaxies} chance alone would seem to cost {100 * found.by_chance:.1f} points:"
            " give more, of which no labels are needed."
        )
    if found.interval[1] <= TOLERANCE:
        if last == "after" and earlier is not None and earlier.drop > TOLERANCE:
            return f"**Holds after adaptation.** {said}; before it was {100 * earlier.drop:.1f}."
        return f"**Holds.** {said}."
    population = "" if paired else _POPULATION
    worst = max(found.by_question, key=found.by_question.__getitem__)
    most = f"{said}, most in {worst} ({100 * found.by_question[worst]:.1f})"
    if found.interval[0] <= TOLERANCE:
        return f"**May not hold.** {most}: more galaxies would tell.{population}"
    cure = "label some and fit forests there"
    if last == "before":
        cure = f"adapt the model, or {cure}"
    return f"**Does not hold.** {most}: {cure}.{population}"


def _strange(surveys: tuple[str, str], support: Mapping[str, Support], last: str, paired: bool) -> str:
    """Return why nothing can be expected, where most of the target lies outside of the source's support; else ""."""
    # An encoder that learned to mix two surveys mixes different galaxies too: without pairs the VAE has a say.
    stages = (last,) if paired else ("before", last)
    shares = {stage: support[stage].outside for stage in stages if stage in support}
    stage = max(shares, key=shares.__getitem__, default="")
    if not stage or shares[stage] <= MOST_OUTSIDE:
        return ""
    when = ", as the VAE saw them before adaptation" if stage != last else ""
    # The picture is of the last model.
    cures = ["look at outside.png"] if stage == list(support)[-1] else []
    cures += [] if paired else ["compare like populations"]
    cure = f"{', '.join(cures)}, or label some" if cures else "label some"
    return (
        f"{100 * shares[stage]:.0f} % of the galaxies of {surveys[1]} lie where {surveys[0]} has none{when}, and what"
        f" forests lose there cannot be expected: {cure}."
    )


def _worsened(source: np.ndarray, target: np.ndarray, rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Return what makes of source latents such as the same galaxies may have in the target, seen no better.

    The optimal transport between Gaussians takes a direction in which the target's variance is λ times the source's to
    √λ of what it was, and nothing by chance, so that galaxies keep their order. But latents are means of a posterior,
    and vary less where an image says less of the galaxy: then they are λ of what they were, and scatter by λ - λ²
    (what a better image knows of the same galaxy has the worse one's latents for its mean). Here they are λ to the
    power of `_KEPT`, which lies between, and scatter by the rest. Where the target varies more, its images may say
    more, of which forests lose nothing: latents stay. What λ is by chance, from as many galaxies, is taken off.
    """
    narrow, wide = covariance(source, _SHRUNK), covariance(target, _SHRUNK)
    root, back = power(narrow, 0.5), power(narrow, -0.5)
    ratio, axes = np.linalg.eigh(back @ wide @ back)
    ratio = np.clip(ratio / _ratio_by_chance(len(source), len(target), len(ratio)), 0, 1)
    kept = ratio**_KEPT
    scatter = np.sqrt(np.maximum(ratio - kept**2, 0))
    there, again = back @ axes, axes.T @ root

    def moved(z: np.ndarray) -> np.ndarray:
        white = (z - source.mean(0)) @ there
        return (white * kept + scatter * rng.standard_normal(white.shape)) @ again + target.mean(0)

    return moved


def _ratio_by_chance(source: int, target: int, latents: int) -> np.ndarray:
    """Return (latents,) mean eigenvalues, the least first, of a covariance over another one of the same Gaussian."""
    fewer = min(source, _MOST_BY_CHANCE), min(target, _MOST_BY_CHANCE)
    less = np.sqrt((1 / source + 1 / target) / (1 / fewer[0] + 1 / fewer[1]))
    return 1 + less * (_drawn_ratio(*fewer, latents) - 1)


@lru_cache
def _drawn_ratio(source: int, target: int, latents: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(_WISHARTS):
        narrow, wide = (covariance(rng.standard_normal((count, latents)), _SHRUNK) for count in (source, target))
        back = power(narrow, -0.5)
        found.append(np.linalg.eigvalsh(back @ wide @ back))
    return np.mean(found, 0)
