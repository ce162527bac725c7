"""Principal components as the start of the linear path of a residual VAE."""

__all__ = ["start_from_principal_components"]

import numpy as np

from galkeras.backend import tf
from galkeras.models.vae import VAE, focus_window
from galkeras.records.reader import ordered_dataset
from galkeras.records.schema import RecordSet

# Training galaxies to look at, each in its eight orientations.
_SAMPLE = 4000


def start_from_principal_components(model: VAE, records: RecordSet, seed: int, side: int) -> None:
    r"""Set the linear path of ``model`` to the principal components of the training galaxies.

    A linear VAE's optimum is known: with reconstruction :math:`\|x - \hat x\|^2` and KL weight k it is probabilistic
    PCA (Tipping & Bishop 1999; Lucas et al. 2019) with noise :math:`\sigma^2 = k/2`. Latent i is the i-th principal
    component of the images, weighted by the model's focus window, in units of its standard deviation
    :math:`\sqrt{\lambda_i}`, with posterior variance :math:`\sigma^2 / (\lambda_i + \sigma^2)`. Training starts from
    there instead of from noise. ``side`` is that at which the linear path works.
    """
    from sklearn.decomposition import PCA

    factor = model.config.network_size // side
    images = []
    for batch in ordered_dataset(records, ("train",), 64):
        images.append(tf.nn.avg_pool2d(model.stretch(batch["image"]), factor, factor, "VALID").numpy())
        if 64 * len(images) >= _SAMPLE:
            break
    images = np.concatenate(images)
    flipped = np.concatenate([images, images[:, ::-1]])
    pixels = np.concatenate([np.rot90(flipped, turn, (1, 2)) for turn in range(4)]).reshape(8 * len(images), -1)
    window = tf.nn.avg_pool2d(focus_window(model.config)[None], factor, factor, "VALID").numpy()
    weight = np.broadcast_to(np.sqrt(window[0]), (side, side, images.shape[-1])).ravel()
    count = min(model.config.latent_dim, len(pixels) - 1)
    pca = PCA(count, svd_solver="randomized", random_state=seed).fit(pixels * weight)

    spread = np.sqrt(np.maximum(pca.explained_variance_, 1e-12))
    encode = (pca.components_ * weight / spread[:, None]).T
    mean = pca.mean_ / np.maximum(weight, 1e-6)
    latents = (pixels - mean) @ encode
    decode = latents.T @ (pixels - mean) / len(pixels)
    # A pixel at the linear path's resolution stands for factor^2 of the loss's.
    noise = 0.5 * model.config.kl_weight / factor**2
    log_var = np.log((noise + 1e-9) / (pca.explained_variance_ + noise + 1e-9))

    def pad(values: np.ndarray) -> np.ndarray:
        return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, model.config.latent_dim - count)])

    model.encoder.get_layer("linear").set_weights([pad(encode), pad(-mean @ encode)])
    model.encoder.get_layer("log_var").bias.assign(pad(log_var))
    model.decoder.get_layer("linear").set_weights([pad(decode.T).T, mean])
