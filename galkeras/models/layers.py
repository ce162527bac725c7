"""Layers that architectures share."""

__all__ = ["PixelShuffle", "ResidualBlock", "UpConv2D", "convolution", "up_convolution"]

from galkeras.backend import keras, tf
from galkeras.models.normalization import GroupNormalization

layers = keras.layers


class ResidualBlock(layers.Layer):
    """``x + conv(swish(norm(conv(swish(norm(x))))))`` at constant shape (He et al. 2016, pre-activation).

    Args:
        channels: Of its input, and so of its output.
        identity: Whether it starts as the identity, its last convolution being zero.
    """

    def __init__(self, channels: int, identity: bool = False):
        # Keras would begin the name with the class's underscore, which no variable of a SavedModel may.
        super().__init__(name=f"residual_block_{keras.backend.get_uid('residual_block')}")
        self._branch = keras.Sequential(
            [
                layer
                for zeros in (False, identity)
                for layer in (
                    GroupNormalization(8),
                    layers.Activation("swish"),
                    convolution(channels, zeros=zeros),
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


class PixelShuffle(layers.Layer):
    """Moves (h, w, 4 c) to (2 h, 2 w, c): the cheap last step of upsampling (Shi et al. 2016)."""

    def call(self, inputs):
        return tf.nn.depth_to_space(inputs, 2)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (batch, 2 * height, 2 * width, channels // 4)


class UpConv2D(layers.Conv2D):
    """``Conv2D(channels, 3, padding="same")(UpSampling2D(2)(x))``, without the large image between.

    A pixel that is repeated 2 x 2 and then convolved leaves behind the flipped kernel, convolved with 2 x 2 ones. So
    this is a transposed convolution by those 4 x 4 numbers, with strides of 2: each number that comes out is a sum over
    2 x 2 pixels, not 3 x 3. Kernel and bias are those of the convolution. For kernels of 3 x 3, strides of 1 and
    ``same`` padding alone.
    """

    def convolution_op(self, inputs, kernel):
        flipped = tf.transpose(tf.reverse(kernel, (0, 1)), (0, 1, 3, 2))
        places = [(down, across) for down in ((0, 1), (1, 0)) for across in ((0, 1), (1, 0))]
        spread = tf.add_n([tf.pad(flipped, [*place, (0, 0), (0, 0)]) for place in places])
        return keras.ops.conv_transpose(inputs, spread, strides=2, padding="same")

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return (batch, 2 * height, 2 * width, self.filters)


# Keras writes weights under the names of classes, and files were written when these were private, or Keras's.
ResidualBlock.__name__, PixelShuffle.__name__, UpConv2D.__name__ = "_ResidualBlock", "_PixelShuffle", "Conv2D"


def convolution(channels: int, strides: int = 1, size: int = 3, zeros: bool = False) -> keras.Layer:
    """Return a ``size`` x ``size`` convolution that keeps the side, or divides it by ``strides``.

    With ``zeros`` it gives nothing before it has learned.
    """
    start = "zeros" if zeros else "he_normal"
    return layers.Conv2D(channels, size, strides=strides, padding="same", kernel_initializer=start)


def up_convolution(channels: int) -> keras.Layer:
    """Return a 3 x 3 convolution of the image at twice its side."""
    return UpConv2D(channels, 3, padding="same", kernel_initializer="he_normal")
