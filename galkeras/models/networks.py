"""Encoders and decoders: plain stacks of Keras layers by architecture name."""

__all__ = ["build_decoder", "build_encoder"]

from galkeras.backend import keras, tf
from galkeras.models.config import ModelConfig

layers = keras.layers

_CHANNELS = (32, 64, 128)
_SLOPE = 0.01


def build_encoder(config: ModelConfig) -> keras.Model:
    """Return the network from stretched images to (batch, 2 latent_dim): posterior means, then log variances."""
    blocks = {"paper": _paper_encoder, "residual": _residual_encoder}[config.architecture](config)
    heads = [layers.Flatten(), layers.Dense(2 * config.latent_dim, name="heads")]
    return keras.Sequential([keras.Input(config.network_shape), *blocks, *heads], name="encoder")


def build_decoder(config: ModelConfig, name: str = "decoder") -> keras.Model:
    """Return the network from (batch, latent_dim) latents to stretched images."""
    blocks = {"paper": _paper_decoder, "residual": _residual_decoder}[config.architecture](config)
    return keras.Sequential([keras.Input((config.latent_dim,)), *blocks], name=name)


def _paper_encoder(config: ModelConfig) -> list[keras.Layer]:
    # Xu et al. 2023, Fig. 2; the strides, which it leaves out, are those of its authors' public code.
    # Each block divides the side by 4.
    return [
        layer
        for channels in _CHANNELS
        for layer in (
            layers.Conv2D(channels, 3, strides=2, padding="same", kernel_initializer="he_normal"),
            layers.MaxPooling2D(2),
            layers.LeakyReLU(_SLOPE),
        )
    ]


def _paper_decoder(config: ModelConfig) -> list[keras.Layer]:
    side = config.network_size // 64
    blocks = [layers.Dense(side * side * _CHANNELS[-1]), layers.Reshape((side, side, _CHANNELS[-1]))]
    for channels in (64, 32, 32):
        blocks += [
            layers.UpSampling2D(2, interpolation="nearest"),
            layers.Conv2DTranspose(channels, 3, strides=2, padding="same", kernel_initializer="he_normal"),
            layers.LeakyReLU(_SLOPE),
        ]
    return [*blocks, layers.Conv2D(config.network_shape[-1], 3, padding="same", activation="relu")]


class _ResidualBlock(layers.Layer):
    """``x + conv(swish(norm(conv(swish(norm(x))))))`` at constant shape (He et al. 2016, pre-activation)."""

    def __init__(self, channels: int, **kwargs):
        super().__init__(**kwargs)
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


_STAGES = (32, 64, 96, 128, 128)


def _residual_encoder(config: ModelConfig) -> list[keras.Layer]:
    # Five stages that halve the side.
    stages = []
    for stage, channels in enumerate(_STAGES):
        stages.append(layers.Conv2D(channels, 3, strides=2, padding="same", kernel_initializer="he_normal"))
        if stage > 0:  # at half the full side a block would cost more than all others together
            stages.append(_ResidualBlock(channels))
    return [*stages, layers.GroupNormalization(8), layers.Activation("swish")]


def _residual_decoder(config: ModelConfig) -> list[keras.Layer]:
    side = config.network_size // 2 ** len(_STAGES)
    blocks = [layers.Dense(side * side * _STAGES[-1]), layers.Reshape((side, side, _STAGES[-1]))]
    for channels in _STAGES[:0:-1]:
        blocks += [
            _ResidualBlock(blocks[-1].filters if isinstance(blocks[-1], layers.Conv2D) else _STAGES[-1]),
            layers.UpSampling2D(2, interpolation="nearest"),
            layers.Conv2D(channels, 3, padding="same", kernel_initializer="he_normal"),
        ]
    bands = config.network_shape[-1]
    return [
        *blocks,
        layers.Activation("swish"),
        layers.Conv2D(4 * bands, 3, padding="same"),
        _PixelShuffle(),
    ]
