"""A batch of images in, rows of a latent table out."""

__all__ = ["Made", "latent_rows", "latent_step"]

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from galkeras.backend import tf
from galkeras.io.errors import GalkerasError
from galkeras.latents.table import LatentTable, pose_columns
from galkeras.latents.views import encode_views
from galkeras.models.measure import compare, moments
from galkeras.models.vae import VAE


class Made(NamedTuple):
    """What made latents, as their table says it.

    Attributes:
        model: Digest of the model.
        views: Over how many views the posterior was averaged.
        votes: Whether the model learned from votes.
        elsewhere: Whether it did so of another record set.
    """

    model: str
    views: int
    votes: bool
    elsewhere: bool

    @classmethod
    def by(cls, vae: VAE, views: int, records: str | None) -> "Made":
        """Return it of a model and the digest of a record set, if the galaxies are of one.

        Asked once a table: the model's digest reads all weights.
        """
        votes = bool(vae.config.questions)
        return cls(vae.digest, views, votes, votes and bool(vae.learned_from) and records not in vae.learned_from)


def latent_step(vae: VAE, survey: str, views: int) -> Callable[..., tuple[tf.Tensor, ...]]:
    """Return the compiled function from images to posterior means, log variances, MSE, SSIM and, of some, the pose.

    It takes the images in survey units and which of these rows are to be scored: MSE and SSIM are NaN for the others.
    Without the second all are.
    """
    # A survey that the model does not know is drawn as its first.
    known = survey if survey in vae.config.surveys else None

    def encoded(images: tf.Tensor, rows: tf.Tensor | None = None) -> tuple[tf.Tensor, ...]:
        stretched = vae.stretch(images)
        posterior, pose = vae.look(stretched)
        mean, log_var = moments(posterior)
        mse = similarity = tf.fill((tf.shape(images)[0],), np.float32(np.nan))
        if rows is not None:
            its = None if pose is None else tf.gather(pose, rows)
            scores = compare(tf.gather(stretched, rows), vae.draw(tf.gather(mean, rows), its, known))
            mse, similarity = (tf.tensor_scatter_nd_update(mse, rows[:, None], values) for values in scores)
        z, log_var = (mean, log_var) if views == 1 else encode_views(vae, images, views)
        return (z, log_var, mse, similarity) if pose is None else (z, log_var, mse, similarity, pose)

    # Each is compiled when it is first called.
    signature = [tf.TensorSpec((None, *vae.config.images.shape), tf.float32), tf.TensorSpec((None,), tf.int32)]
    with_scores = tf.function(encoded, input_signature=signature, autograph=False)
    without = tf.function(lambda images: encoded(images), input_signature=signature[:1], autograph=False)

    def step(images: tf.Tensor, rows: np.ndarray | None = None) -> tuple[tf.Tensor, ...]:
        rows = np.arange(len(images)) if rows is None else rows
        return with_scores(images, rows.astype(np.int32)) if len(rows) else without(images)

    return step


def latent_rows(encoded: Sequence[Any], made: Made, **columns: np.ndarray) -> LatentTable:
    """Return rows of a latent table.

    Args:
        encoded: What the function of `latent_step` gave.
        made: What made them.
        columns: ``id``, ``ra``, ``dec``, ``survey`` and ``split``, each (rows,).

    Raises:
        GalkerasError: Latents are not finite.
    """
    z, log_var, mse, similarity, *pose = (np.asarray(values, np.float32) for values in encoded)
    good = np.isfinite(z).all(-1) & np.isfinite(log_var).all(-1)
    if not good.all():
        bad = columns["id"][~good][0]
        raise GalkerasError(f"the latents of galaxy {bad} are not finite: check its image and the model's weights")
    return LatentTable(
        **columns,
        z=z,
        log_var=log_var,
        reconstruction_mse=mse,
        ssim=similarity,
        **made._asdict(),
        pose=pose_columns(pose[0]) if pose else None,
    )
