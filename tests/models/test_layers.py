import numpy as np
import pytest

from galkeras.backend import keras, tf
from galkeras.models.layers import UpConv2D

layers = keras.layers
# Sides of one, odd ones, and what the networks have.
SHAPES = [(2, 1, 1, 1), (2, 1, 2, 3), (3, 5, 7, 5), (4, 8, 8, 64)]
CHANNELS = 6


def output_and_gradients(shape, fused):
    rng = np.random.default_rng(0)
    images = tf.constant(rng.normal(size=shape).astype("f"))
    aim = rng.normal(size=(shape[0], 2 * shape[1], 2 * shape[2], CHANNELS)).astype("f")
    kind = UpConv2D if fused else layers.Conv2D
    convolution = kind(CHANNELS, 3, padding="same")
    with tf.GradientTape() as tape:
        tape.watch(images)
        given = images if fused else layers.UpSampling2D(2)(images)
        convolution.build(given.shape)
        convolution.set_weights([rng.normal(size=one.shape) for one in convolution.weights])
        output = convolution(given)
        loss = tf.reduce_sum(output * aim)
    return [output, *tape.gradient(loss, [images, *(one.value for one in convolution.trainable_variables)])]


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_upsampling_and_a_convolution(shape):
    ours, theirs = (output_and_gradients(shape, fused) for fused in (True, False))
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5 * np.abs(other).max())


def test_files_know_it_by_the_name_of_keras():
    layer = UpConv2D(CHANNELS, 3, padding="same")
    layer.build((None, 4, 4, 3))
    assert layer.name.startswith("conv2d")
    assert type(layer).__name__ == layers.Conv2D.__name__
    assert [(one.name, one.shape) for one in layer.weights] == [("kernel", (3, 3, 3, CHANNELS)), ("bias", (CHANNELS,))]
    assert layer.compute_output_shape((None, 4, 5, 3)) == (None, 8, 10, CHANNELS)
