"""Small fitted-looking models and forests for tests of serving."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from galkeras.backend import keras
from galkeras.models.config import PAPER, ModelConfig
from galkeras.models.folder import WEIGHTS_FILE, write_config, write_weights
from galkeras.models.vae import VAE
from galkeras.morphology.forests import Forest, Forests, fit_forest
from galkeras.morphology.shares import SharedQuestion, VoteShares

SIDE = 64
LATENTS = 6
QUESTIONS = {"bar": ("no", "weak", "strong"), "disk-edge-on": ("yes", "no")}


def write_model(folder: Path, units: str = "picture", seed: int = 0, **settings) -> VAE:
    """Write a model folder with random weights, as `fit` leaves it."""
    keras.utils.set_random_seed(seed)
    flux = (255.0,) * 3 if units == "picture" else (3.0, 4.0, 5.0)
    softening = None if units == "picture" else (0.05, 0.06, 0.07)
    config = ModelConfig(
        SIDE, units, ("decals",), flux, softening, latent_dim=LATENTS, **PAPER | {"pixel_scale": 0.262} | settings
    )
    model = VAE(config)
    write_config(folder, config, {})
    write_weights(folder / WEIGHTS_FILE, model)
    return model


def write_forests(folder: Path, model: VAE, images: np.ndarray, views: int = 1) -> Forests:
    """Write forests whose thresholds lie among the latents of ``images``."""
    z = np.concatenate([model.encode(chunk)[0].numpy() for chunk in np.array_split(images, 4)])
    by_question = {}
    for index, (name, classes) in enumerate(QUESTIONS.items()):
        edges = np.quantile(z[:, index], np.linspace(0, 1, len(classes) + 1)[1:-1])
        target = np.digitize(z[:, index], edges)
        classifier = fit_forest(z, target, index, trees=10, paper=bool(index))
        counts, power = tuple(np.bincount(target).tolist()), 1 + 1.5 * index
        by_question[name] = Forest(name, classes, counts, classifier, power)
    mean, std = (tuple(v.tolist()) for v in (z.mean(0), z.std(0)))
    weights = tuple(map(tuple, np.random.default_rng(0).normal(size=(2, z.shape[1])).tolist()))
    votes = {
        "disk-edge-on": SharedQuestion(weights, (0.1, 0.2), ("yes", "no"), None, ()),
        "has-spiral-arms": SharedQuestion(weights[:1] * 3, (0.3, 0, -0.1), ("a", "b", "c"), "disk-edge-on", ("no",)),
    }
    forests = Forests(model.digest, model.config.latent_dim, views, 0, by_question, mean, std, votes=VoteShares(votes))
    forests.save(folder)
    return forests


def sky(count: int, units: str = "picture", seed: int = 0) -> np.ndarray:
    """Return (count, side, side, 3) float32 cutouts of blobs, in whole numbers for pictures."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    centre, width = rng.uniform(20, 44, (2, count, 1, 1)), rng.uniform(4, 12, (count, 1, 1))
    blob = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / width**2)[..., None] * rng.uniform(
        0.3, 1, (count, 1, 1, 3)
    )
    noisy = blob + rng.uniform(0.05, 0.1, blob.shape)
    return np.rint(noisy * 230).astype(np.float32) if units == "picture" else noisy.astype(np.float32)


def file_of(image: np.ndarray, kind: str = "PNG", **options) -> bytes:
    """Return a picture file of a cutout: planes R = z, G = r, B = g and row 0 north."""
    return encoded(np.ascontiguousarray(image[::-1, :, ::-1]).astype(np.uint8), kind, **options)


def encoded(pixels: np.ndarray, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()
