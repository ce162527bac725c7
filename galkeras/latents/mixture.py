"""The aggregate posterior: where a model's galaxies lie among its latents, as a mixture to draw from."""

__all__ = ["AggregatePosterior", "fit_aggregate_posterior"]

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from tqdm import tqdm

from galkeras.io.errors import GalkerasError
from galkeras.io.text import counted
from galkeras.latents.table import LatentTable

FEWEST = 20
"""Fewer galaxies are no distribution to learn."""

_MOST_COMPONENTS = 256
# Galaxies for each component, at least.
_SUPPORT = 5
_HELD_OUT = 0.2
_MOST_ROWS = 50_000
# Points to fit to: a small table gives several draws of each galaxy, so that its posteriors' widths are seen.
_POINTS, _MOST_DRAWS = 10_000, 4
# Nats a galaxy below which more components are not worth their time.
_GAIN = 0.05


@dataclass(frozen=True, eq=False)
class AggregatePosterior:
    r"""A Gaussian mixture fitted to :math:`q(z) = \langle q(z|x) \rangle_x`, the latents of a sample of galaxies.

    Attributes:
        mixture: The mixture.
        galaxies: How many galaxies it was fitted to.
        held_out: Mean log likelihood (nats a galaxy) of draws for galaxies that were not fitted to: of the mixture
            chosen, and of the prior N(0, 1) to compare with.
    """

    mixture: GaussianMixture
    galaxies: int
    held_out: dict[str, float]

    def sample(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Draw (count, latent_dim) float32 latents."""
        self.mixture.random_state = int(rng.integers(2**32))
        z, _ = self.mixture.sample(count)
        # scikit-learn gives them component by component.
        return rng.permutation(z).astype(np.float32)

    def describe(self) -> str:
        """Return what was fitted, in words."""
        components = counted(self.mixture.n_components, "Gaussian")
        return f"from the aggregate posterior of {self.galaxies:,} galaxies (mixture of {components})"

    def to_json(self) -> dict[str, Any]:
        """Return what was fitted as plain JSON values."""
        return {
            "galaxies": self.galaxies,
            "components": self.mixture.n_components,
            "held_out_log_likelihood": self.held_out,
        }


def fit_aggregate_posterior(latents: LatentTable, *, seed: int = 0) -> AggregatePosterior:
    """Fit a mixture to draws from the galaxies' posteriors, not to their means alone.

    Diagonal Gaussians, 1, 2, 4, … of them, for as long as the likelihood of a held-out fifth of the galaxies grows;
    the best is fitted again to all.

    Args:
        latents: A latent table. Of more than 50,000 rows as many are taken at random.
        seed: Of draws, held-out galaxies and starting points.

    Raises:
        GalkerasError: Fewer than 20 galaxies.
    """
    rng = np.random.default_rng(seed)
    galaxies = np.unique(latents.id)
    if len(galaxies) < FEWEST:
        raise GalkerasError(
            f"the aggregate posterior is learned from {FEWEST} galaxies or more, and the latents are of"
            f" {len(galaxies)}: encode more, or draw from the prior"
        )
    if len(latents) > _MOST_ROWS:
        latents = latents[np.sort(rng.choice(len(latents), _MOST_ROWS, replace=False))]
        galaxies = np.unique(latents.id)
    draws = int(np.clip(_POINTS // len(latents), 1, _MOST_DRAWS))
    # Galaxies are held out and not rows: one that two surveys saw is on one side.
    out = rng.permutation(galaxies)[: max(1, round(_HELD_OUT * len(galaxies)))]
    held = np.isin(latents.id, out)
    points, tests = _draw(latents[~held], draws, rng), _draw(latents[held], 1, rng)
    best = max(_candidates(points, tests, len(galaxies) - len(out), seed), key=lambda candidate: candidate[0])
    likelihood, components = best
    mixture = _fit(_draw(latents, draws, rng), components, seed)
    prior = float(-0.5 * np.mean(np.sum(tests**2 + np.log(2 * np.pi), -1)))
    return AggregatePosterior(mixture, len(galaxies), {"mixture": likelihood, "prior": prior})


def _draw(latents: LatentTable, draws: int, rng: np.random.Generator) -> np.ndarray:
    deviation = np.exp(0.5 * latents.log_var.astype(np.float64))
    return np.concatenate([latents.z + deviation * rng.standard_normal(latents.z.shape) for _ in range(draws)])


def _candidates(points: np.ndarray, tests: np.ndarray, galaxies: int, seed: int) -> Iterator[tuple[float, int]]:
    """Yield held-out log likelihood and number of components of mixtures, until more no longer help."""
    components, before = 1, -np.inf
    with tqdm(desc="aggregate posterior", unit="mixture", disable=None) as bar:
        while components <= min(_MOST_COMPONENTS, max(1, galaxies // _SUPPORT)):
            likelihood = float(_fit(points, components, seed).score(tests))
            bar.update()
            yield likelihood, components
            if likelihood < before + _GAIN:
                break
            components, before = 2 * components, likelihood


def _fit(points: np.ndarray, components: int, seed: int) -> GaussianMixture:
    mixture = GaussianMixture(components, covariance_type="diag", reg_covar=1e-4, random_state=seed, max_iter=200)
    with warnings.catch_warnings():
        # What has nearly converged serves: the held-out likelihood judges it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mixture.fit(points)
