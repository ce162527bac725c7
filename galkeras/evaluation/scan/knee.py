"""How many latents are enough: where a curve of SSIM against N_L bends."""

__all__ = ["RULE", "Knee", "bootstrap_means", "find_knee"]

from dataclasses import dataclass

import numpy as np

RULE = (
    "the N_L whose SSIM is highest above the straight line from the fewest latents to those of highest SSIM, both axes"
    " scaled to 0..1 (Satopaa et al. 2011), if by 0.1 or more; else the N_L of highest SSIM; and the fewest latents"
    " where the 95 % interval of the rise from there includes none"
)
"""The rule of `find_knee` in words."""

_STANDS_OUT = 0.1
_RESAMPLES = 2000
# Resamples drawn at once: of 30,000 galaxies, 25 MB.
_AT_ONCE = 100


@dataclass(frozen=True)
class Knee:
    """How many latents a curve says are enough.

    Attributes:
        latents: So many.
        kind: ``knee``; ``rising`` where there is none and ``latents`` has the highest SSIM; or ``flat`` where more
            latents than the fewest do not help.
        share: Of the resamples of the galaxies, in how many the rule says the same (``flat``: SSIM does not rise).
        rise: Of the rise of SSIM from the fewest latents to the highest SSIM, how much is had by then.
    """

    latents: int
    kind: str
    share: float
    rise: float


def bootstrap_means(values: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return means over galaxies when galaxies are drawn again: the same ones for every column.

    Args:
        values: (galaxies, columns).
        seed: Of the draws.

    Returns:
        (2000, columns).
    """
    rng = np.random.default_rng(seed)
    count = len(values)
    equal = np.full(count, 1 / count)
    draws = (rng.multinomial(count, equal, _AT_ONCE) @ values / count for _ in range(_RESAMPLES // _AT_ONCE))
    return np.concatenate(list(draws))


def find_knee(latents: np.ndarray, means: np.ndarray, samples: np.ndarray) -> Knee:
    """Return how many latents are enough, by `RULE`.

    Kneedle as the package ``kneed`` has it finds the same point on a curve of a few N_L, or none where the bend is
    small beside the distance between them; how sure the answer is follows here from the galaxies instead.

    Args:
        latents: (N_L,) in rising order.
        means: (N_L,) mean SSIM.
        samples: (resamples, N_L) of `bootstrap_means`.
    """
    (choice,), (bends,) = _choose(latents, means[None])
    choices, _ = _choose(latents, samples)
    best = means.argmax()
    gains = samples[:, best] - samples[:, 0]
    if np.percentile(gains, 2.5) <= 0:
        return Knee(int(latents[0]), "flat", float(np.mean(gains <= 0)) if best else 1.0, 0.0)
    return Knee(
        latents=int(latents[choice]),
        kind="knee" if bends else "rising",
        share=float(np.mean(choices == choice)),
        rise=float((means[choice] - means[0]) / (means[best] - means[0])),
    )


def _choose(latents: np.ndarray, means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each row of (rows, N_L) means the index of the N_L chosen, and whether it is a knee."""
    best = means.argmax(1)
    start, top, end = means[:, :1], means.max(1, keepdims=True), latents[best][:, None]
    with np.errstate(invalid="ignore", divide="ignore"):  # where the fewest latents are best, there is no line
        above = (means - start) / (top - start) - (latents - latents[0]) / (end - latents[0])
    above = np.where(latents < end, above, 0)
    bends = above.max(1) >= _STANDS_OUT
    return np.where(bends, above.argmax(1), best), bends
