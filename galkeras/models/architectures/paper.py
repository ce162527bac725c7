"""The network of Xu et al. 2023, Fig. 2."""

__all__ = ["Paper"]

from galkeras.backend import keras
from galkeras.models.architectures import ARCHITECTURES, Architecture
from galkeras.models.config import ModelConfig
from galkeras.models.layers import convolution

layers = keras.layers

_CHANNELS = (32, 64, 128)
_SLOPE = 0.01


class Paper(Architecture):
    """Xu et al. 2023, Fig. 2: three blocks of a convolution and a pooling, and their mirror image."""

    multiple = 64

    def encoder(self, config: ModelConfig) -> keras.Model:
        # The strides, which the paper leaves out, are those of its authors' public code: each block divides the side
        # by 4.
        blocks = [
            layer
            for channels in _CHANNELS
            for layer in (convolution(channels, strides=2), layers.MaxPooling2D(2), layers.LeakyReLU(_SLOPE))
        ]
        heads = [layers.Flatten(), layers.Dense(2 * config.latent_dim, name="heads")]
        return keras.Sequential([keras.Input(config.network_shape), *blocks, *heads], name="encoder")

    def decoder(self, config: ModelConfig, name: str = "decoder") -> keras.Model:
        side = config.network_size // 64
        blocks = [layers.Dense(side * side * _CHANNELS[-1]), layers.Reshape((side, side, _CHANNELS[-1]))]
        for channels in (64, 32, 32):
            blocks += [
                layers.UpSampling2D(2, interpolation="nearest"),
                layers.Conv2DTranspose(channels, 3, strides=2, padding="same", kernel_initializer="he_normal"),
                layers.LeakyReLU(_SLOPE),
            ]
        # The ReLU at the end is the paper's. The bias keeps a band from starting below zero, where it would stay
        # black.
        bias = keras.initializers.Constant(0.1)
        last = layers.Conv2D(config.network_shape[-1], 3, padding="same", activation="relu", bias_initializer=bias)
        return keras.Sequential([keras.Input((config.latent_dim,)), *blocks, last], name=name)


ARCHITECTURES.add("paper", Paper())
