"""Latent tables for tests: random latents, the first of which carry a signal if asked."""

import numpy as np

from galkeras.latents.table import LatentTable


def latent_table(rows: int = 50, latent_dim: int = 4, seed: int = 0, **changes) -> LatentTable:
    rng = np.random.default_rng(seed)
    columns = {
        "id": np.array([f"J{index:06d}" for index in range(rows)]),
        "ra": rng.uniform(0, 360, rows),
        "dec": rng.uniform(-30, 30, rows),
        "survey": np.full(rows, "decals"),
        "split": rng.choice(["train", "validation", "test"], rows),
        "z": rng.normal(size=(rows, latent_dim)).astype(np.float32),
        "log_var": rng.normal(size=(rows, latent_dim)).astype(np.float32),
        "reconstruction_mse": rng.uniform(size=rows).astype(np.float32),
        "ssim": rng.uniform(size=rows).astype(np.float32),
        "model": "a" * 64,
    }
    return LatentTable(**columns | changes)
