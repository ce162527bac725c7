"""A linear map each way: principal components as a model, to compare others with."""

__all__ = ["Linear"]

from galkeras.backend import keras
from galkeras.models.architectures import ARCHITECTURES, Architecture
from galkeras.models.config import ModelConfig
from galkeras.models.principal import start_from_principal_components
from galkeras.models.vae import VAE
from galkeras.records.schema import RecordSet

layers = keras.layers

# Side at which images are seen and drawn.
_SIDE = 32


class Linear(Architecture):
    """A linear VAE (Lucas et al. 2019) of images that are block-averaged to 32 pixels.

    It starts from the principal components of the training galaxies in their eight orientations, which is nearly where
    its training ends. What another network adds to components is what it scores above this one, with the same forests,
    exports and adaptations.
    """

    multiple = _SIDE

    def encoder(self, config: ModelConfig) -> keras.Model:
        images = keras.Input(config.network_shape)
        small = layers.AveragePooling2D(config.network_size // _SIDE)(images)
        mean = layers.Dense(config.latent_dim, name="linear")(layers.Flatten()(small))
        log_var = layers.Dense(config.latent_dim, kernel_initializer="zeros", name="log_var")(mean)
        return keras.Model(images, layers.Concatenate()([mean, log_var]), name="encoder")

    def decoder(self, config: ModelConfig, name: str = "decoder") -> keras.Model:
        bands = config.network_shape[-1]
        z = keras.Input((config.latent_dim,))
        x = layers.Reshape((_SIDE, _SIDE, bands))(layers.Dense(_SIDE * _SIDE * bands, name="linear")(z))
        if config.network_size > _SIDE:
            x = layers.UpSampling2D(config.network_size // _SIDE, interpolation="bilinear")(x)
        return keras.Model(z, x, name=name)

    def start(self, model: VAE, records: RecordSet, seed: int) -> None:
        start_from_principal_components(model, records, seed, _SIDE)


ARCHITECTURES.add("linear", Linear())
