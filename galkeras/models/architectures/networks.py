"""Encoders and decoders: plain stacks of Keras layers by architecture name."""

__all__ = ["LINEAR_SIDE", "build_decoder", "build_encoder"]

from galkeras.backend import keras, tf
from galkeras.models.config import ModelConfig

layers = keras.layers

_CHANNELS = (32, 64, 128)
_SLOPE = 0.01


LINEAR_SIDE = 32
"""Side at which the linear path of ``residual`` sees and draws an image."""


def build_encoder(config: ModelConfig) -> keras.Model:
    """Return the network from stretched images to (batch, 2 latent_dim): posterior means, then log variances.

    ``paper`` is Xu et al. 2023, Fig. 2. ``residual`` adds to a linear map of the image, block-averaged to
    `LINEAR_SIDE` pixels, the output of a convolutional network that starts at zero: before training it can be set to
    principal components (`galkeras.training.principal`), and training adds what is not linear.
    """
    return {"paper": _paper_encoder, "residual": _residual_encoder}[config.architecture](config)


def build_decoder(config: ModelConfig, name: str = "decoder") -> keras.Model:
    """Return the network from (batch, latent_dim) latents to stretched images."""
    return {"paper": _paper_decoder, "residual": _residual_decoder}[config.architecture](config, name)


def _paper_encoder(config: ModelConfig) -> keras.Model:
    # The strides, which the paper leaves out, are those of its authors' public code: each block divides the side by 4.
    blocks = [
        layer
        for channels in _CHANNELS
        for layer in (_convolution(channels, strides=2), layers.MaxPooling2D(2), layers.LeakyReLU(_SLOPE))
    ]
    heads = [layers.Flatten(), layers.Dense(2 * config.latent_dim, name="heads")]
    return keras.Sequential([keras.Input(config.network_shape), *blocks, *heads], name="encoder")


def _paper_decoder(config: ModelConfig, name: str) -> keras.Model:
    side = config.network_size // 64
    blocks = [layers.Dense(side * side * _CHANNELS[-1]), layers.Reshape((side, side, _CHANNELS[-1]))]
    for channels in (64, 32, 32):
        blocks += [
            layers.UpSampling2D(2, interpolation="nearest"),
            layers.Conv2DTranspose(channels, 3, strides=2, padding="same", kernel_initializer="he_normal"),
            layers.LeakyReLU(_SLOPE),
        ]
    # The ReLU at the end is the paper's. The bias keeps a band from starting below zero, where it would stay black.
    bias = keras.initializers.Constant(0.1)
    last = layers.Conv2D(config.network_shape[-1], 3, padding="same", activation="relu", bias_initializer=bias)
    return keras.Sequential([keras.Input((config.latent_dim,)), *blocks, last], name=name)


class _ResidualBlock(layers.Layer):
    """``x + conv(swish(norm(conv(swish(norm(x))))))`` at constant shape (He et al. 2016, pre-activation)."""

    def __init__(self, channels: int):
        # Keras would begin the name with the class's underscore, which no variable of a SavedModel may.
        super().__init__(name=f"residual_block_{keras.backend.get_uid('residual_block')}")
        self._branch = keras.Sequential(
            [
                layer
                for _ in range(2)
                for layer in (
                    layers.GroupNormalization(8),
                    layers.Activation("swish"),
                    layers.Conv2D(channels, 3, padding="same", kernel_initializer="he_normal"),
                )
            ]
        )

    def build(self, input_shape):
        self._branch.build(input_shape)
        super().build(input_shape)

    def call(self, inputs):
        return inputs + self._branch(inputs)

    def compute_output_shape(self, input_shape):
        return input_shape


class _PixelShuffle(layers.Layer):
    """Moves (h, w, 4 c) to (2 h, 2 w, c): the cheap last step of upsampling (Shi et al. 2016)."""

    def call(self, inputs):
        return tf.nn.depth_to_space(inputs, 2)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (batch, 2 * height, 2 * width, channels // 4)


# Channels of the five stages that halve the side, and the stages too large for a residual block.
_STAGES = (16, 32, 64, 96, 128)
_WITHOUT_BLOCK = 2


def _residual_encoder(config: ModelConfig) -> keras.Model:
    images = keras.Input(config.network_shape)
    small = layers.AveragePooling2D(config.network_size // LINEAR_SIDE)(images)
    linear = layers.Dense(config.latent_dim, name="linear")(layers.Flatten()(small))
    x = images
    for stage, channels in enumerate(_STAGES):
        x = _convolution(channels, strides=2)(x)
        if stage >= _WITHOUT_BLOCK:
            x = _ResidualBlock(channels)(x)
    x = layers.Flatten()(layers.Activation("swish")(layers.GroupNormalization(8)(x)))
    correction = layers.Dense(config.latent_dim, kernel_initializer="zeros", name="correction")(x)
    log_var = layers.Dense(config.latent_dim, kernel_initializer="zeros", name="log_var")(x)
    return keras.Model(images, layers.Concatenate()([linear + correction, log_var]), name="encoder")


def _residual_decoder(config: ModelConfig, name: str) -> keras.Model:
    bands = config.network_shape[-1]
    z = keras.Input((config.latent_dim,))
    linear = layers.Dense(LINEAR_SIDE * LINEAR_SIDE * bands, name="linear")(z)
    linear = layers.Reshape((LINEAR_SIDE, LINEAR_SIDE, bands))(linear)
    if config.network_size > LINEAR_SIDE:
        linear = layers.UpSampling2D(config.network_size // LINEAR_SIDE, interpolation="bilinear")(linear)
    side = config.network_size // 2 ** len(_STAGES)
    x = layers.Dense(side * side * _STAGES[-1])(z)
    x = layers.Reshape((side, side, _STAGES[-1]))(x)
    for channels in _STAGES[-2 : _WITHOUT_BLOCK - 2 : -1]:
        x = _ResidualBlock(x.shape[-1])(x)
        x = _convolution(channels)(layers.UpSampling2D(2)(x))
    x = layers.Activation("swish")(layers.GroupNormalization(8)(x))
    x = layers.Activation("swish")(_PixelShuffle()(_convolution(4 * _STAGES[0])(x)))
    x = _PixelShuffle()(layers.Conv2D(4 * bands, 3, padding="same", kernel_initializer="zeros", name="correction")(x))
    return keras.Model(z, linear + x, name=name)


def _convolution(channels: int, strides: int = 1) -> keras.Layer:
    return layers.Conv2D(channels, 3, strides=strides, padding="same", kernel_initializer="he_normal")
