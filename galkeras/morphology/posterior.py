"""What forests say of a galaxy whose latents are known no better than its posterior."""

__all__ = ["check_draws", "draw_latents", "sampled_probabilities"]

from collections.abc import Mapping
from zlib import crc32

import numpy as np

from galkeras.io.errors import GalkerasError
from galkeras.latents.table import LatentTable
from galkeras.morphology.forests import Forest

# Galaxies at a time: memory does not grow with the table.
_ROWS = 512


def check_draws(samples: int | None, seed: int) -> None:
    """Raise a `GalkerasError` unless so many samples (None: no draws at all) can be drawn with this seed."""
    if samples is not None and samples < 1:
        raise GalkerasError(f"`samples` must be 1 or more. Received: samples={samples}")
    if seed < 0:
        raise GalkerasError(f"`seed` must not be negative. Received: seed={seed}")


def draw_latents(latents: LatentTable, samples: int, seed: int) -> np.ndarray:
    """Draw (rows, samples, latent_dim) float32 latents from the galaxies' posteriors.

    The draws of a galaxy follow from the seed and its name, and not from the table that it is in.
    """
    shape = (samples, latents.latent_dim)
    noise = np.stack(
        [np.random.default_rng([seed, crc32(name.encode())]).standard_normal(shape) for name in latents.id.tolist()]
    )
    return (latents.z[:, None] + np.exp(0.5 * latents.log_var)[:, None] * noise).astype(np.float32)


def sampled_probabilities(
    forests: Mapping[str, Forest], latents: LatentTable, samples: int, seed: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return forests' probabilities averaged over the galaxies' posteriors.

    Args:
        forests: Question to forest.
        latents: The galaxies.
        samples: Draws from each posterior.
        seed: Of the draws.

    Returns:
        By question (rows, classes) float64 means over the draws, and standard deviations: how much of an answer hangs
        on what the image leaves open about the latents.
    """
    parts: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {name: [] for name in forests}
    for start in range(0, len(latents), _ROWS):
        z = draw_latents(latents[start : start + _ROWS], samples, seed)
        for name, forest in forests.items():
            drawn = forest.probabilities(z.reshape(-1, latents.latent_dim)).reshape(*z.shape[:2], -1)
            parts[name].append((drawn.mean(1), drawn.std(1)))
    return {name: tuple(map(np.concatenate, zip(*blocks, strict=True))) for name, blocks in parts.items()}
