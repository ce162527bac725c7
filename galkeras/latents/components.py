"""Principal components of the pixels, which any network has to beat."""

__all__ = ["FOCUS", "principal_components"]

import numpy as np
from sklearn.decomposition import PCA
from tqdm import tqdm

from galkeras.latents.table import LatentTable, feature_table
from galkeras.models.config import ModelConfig
from galkeras.models.stretch import Stretch
from galkeras.models.vae import focus_window
from galkeras.records.reader import damage_named, ordered_dataset
from galkeras.records.schema import RecordSet
from galkeras.training.data import measure_stretch

FOCUS = 0.3
"""Width of the window about the centre in half sides, which served components best (``docs/results.md``)."""

# Training galaxies that the components are of, each in its eight orientations.
_SAMPLE = 3000


def principal_components(records: RecordSet, count: int, *, focus: float = FOCUS, seed: int = 0) -> LatentTable:
    """Return a table of ``count`` principal components of every galaxy, in the order of the records.

    Pixels are stretched and weighed about the centre as a model's are. Components are those of training galaxies, each
    turned and mirrored in all eight ways: fitted on the images as they lie, they score lower.

    Args:
        records: A record set.
        count: How many; no more than there are pixels or training images.
        focus: Standard deviation of the Gaussian window in half sides (`ModelConfig.focus`).
        seed: Of the galaxies taken, and of the randomized decomposition.
    """
    config = ModelConfig(
        image_size=records.image_size,
        units=records.units,
        surveys=(records.survey,),
        pixel_scale=records.pixel_scale,
        latent_dim=count,
        network_size=records.image_size,
        architecture="paper",
        loss="mse",
        kl_weight=1.0,
        focus=focus,
        bands=records.bands,
        **measure_stretch(records),
    )
    stretch, window = Stretch(config), np.sqrt(focus_window(config))

    def pixels(images: np.ndarray) -> np.ndarray:
        return np.reshape(stretch(images).numpy() * window, (len(images), -1))

    with damage_named(records):
        images = np.concatenate([batch["image"] for batch in ordered_dataset(records, ("train",), 256)])
        images = images[np.random.default_rng(seed).permutation(len(images))[:_SAMPLE]]
        turned = [pixels(np.rot90(one, turn, (1, 2))) for one in (images, images[:, ::-1]) for turn in range(4)]
        pca = PCA(count, svd_solver="randomized", random_state=seed).fit(np.concatenate(turned))
        rows, components = [], []
        for batch in tqdm(ordered_dataset(records, batch_size=256), desc="components", unit="batch", disable=None):
            components.append(pca.transform(pixels(batch.pop("image"))))
            rows.append(batch)
    return feature_table(rows, records.survey, np.concatenate(components), f"principal components of {records.digest}")
