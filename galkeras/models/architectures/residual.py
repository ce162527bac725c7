"""A convolutional network that corrects a linear one."""

__all__ = ["Residual"]

from galkeras.backend import keras
from galkeras.models.architectures import ARCHITECTURES, Architecture
from galkeras.models.config import ModelConfig
from galkeras.models.layers import PixelShuffle, ResidualBlock, convolution, up_convolution
from galkeras.models.normalization import GroupNormalization
from galkeras.models.principal import start_from_principal_components
from galkeras.models.vae import VAE
from galkeras.records.schema import RecordSet

layers = keras.layers

# Side at which the linear path sees and draws an image.
_LINEAR_SIDE = 32
# Channels of the five stages that halve the side, and the stages too large for a residual block.
_STAGES = (16, 32, 64, 96, 128)
_WITHOUT_BLOCK = 2


class Residual(Architecture):
    """A linear map of the image, block-averaged to 32 pixels, and a convolutional network that starts at zero.

    Before training the linear path is set to the principal components of the galaxies, and training adds what is not
    linear.
    """

    multiple = 64

    def encoder(self, config: ModelConfig) -> keras.Model:
        images = keras.Input(config.network_shape)
        small = layers.AveragePooling2D(config.network_size // _LINEAR_SIDE)(images)
        linear = layers.Dense(config.latent_dim, name="linear")(layers.Flatten()(small))
        x = images
        for stage, channels in enumerate(_STAGES):
            x = convolution(channels, strides=2)(x)
            if stage >= _WITHOUT_BLOCK:
                x = ResidualBlock(channels)(x)
        x = layers.Flatten()(layers.Activation("swish")(GroupNormalization(8)(x)))
        correction = layers.Dense(config.latent_dim, kernel_initializer="zeros", name="correction")(x)
        log_var = layers.Dense(config.latent_dim, kernel_initializer="zeros", name="log_var")(x)
        return keras.Model(images, layers.Concatenate()([linear + correction, log_var]), name="encoder")

    def decoder(self, config: ModelConfig, name: str = "decoder") -> keras.Model:
        bands = config.network_shape[-1]
        z = keras.Input((config.latent_dim,))
        linear = layers.Dense(_LINEAR_SIDE * _LINEAR_SIDE * bands, name="linear")(z)
        linear = layers.Reshape((_LINEAR_SIDE, _LINEAR_SIDE, bands))(linear)
        if config.network_size > _LINEAR_SIDE:
            linear = layers.UpSampling2D(config.network_size // _LINEAR_SIDE, interpolation="bilinear")(linear)
        side = config.network_size // 2 ** len(_STAGES)
        x = layers.Dense(side * side * _STAGES[-1])(z)
        x = layers.Reshape((side, side, _STAGES[-1]))(x)
        for channels in _STAGES[-2 : _WITHOUT_BLOCK - 2 : -1]:
            x = ResidualBlock(x.shape[-1])(x)
            x = up_convolution(channels)(x)
        x = layers.Activation("swish")(GroupNormalization(8)(x))
        x = layers.Activation("swish")(PixelShuffle()(convolution(4 * _STAGES[0])(x)))
        correction = layers.Conv2D(4 * bands, 3, padding="same", kernel_initializer="zeros", name="correction")
        return keras.Model(z, linear + PixelShuffle()(correction(x)), name=name)

    def start(self, model: VAE, records: RecordSet, seed: int) -> None:
        start_from_principal_components(model, records, seed, _LINEAR_SIDE)


ARCHITECTURES.add("residual", Residual())
