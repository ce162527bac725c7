"""Votes and latents in which the votes are written, for tests."""

import numpy as np
from astropy.table import Table
from latents.tables import latent_table

from galkeras.galaxyzoo.trees.gzd5 import GZD5
from galkeras.latents.table import LatentTable


def votes(rows: int, seed: int = 0) -> Table:
    """A catalog of galaxies that volunteers agree on; a third each smooth, edge-on and face-on."""
    rng = np.random.default_rng(seed)
    table = Table({"id": [f"J{index:06d}" for index in range(rows)]})
    for question in GZD5.questions.values():
        answers = rng.integers(len(question.answers), size=rows)
        if question.name == "smooth-or-featured":
            answers = rng.choice([0, 1, 1], rows)
        for index, answer in enumerate(question.answers):
            table[f"{question.name}_{answer}_fraction"] = np.where(answers == index, 1.0, 0.0)
    return table


def telling_latents(catalog: Table, noise: float = 0.3, seed: int = 0, **changes) -> LatentTable:
    """Latents that hold the votes of every question, one latent an answer, and noise."""
    columns = [name for name in catalog.colnames if name.endswith("_fraction")]
    signal = np.stack([np.asarray(catalog[name]) for name in columns], -1)
    z = signal + np.random.default_rng(seed).normal(scale=noise, size=signal.shape)
    ids = np.array(catalog["id"].tolist())
    return latent_table(len(ids), z.shape[1], **{"id": ids, "z": z.astype(np.float32)} | changes)
