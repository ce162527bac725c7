import numpy as np
import pytest

from galkeras.backend import keras, tf
from galkeras.models.normalization import GroupNormalization

IMAGES = np.random.default_rng(0).normal(1.0, 2.0, (3, 6, 5, 16)).astype("f")
AIM = np.random.default_rng(1).normal(size=IMAGES.shape).astype("f")


def layers_of_both(dtype="float32"):
    rng = np.random.default_rng(2)
    weights = [rng.normal(1.0, 0.5, 16), rng.normal(size=16)]
    both = [kind(8, dtype=dtype) for kind in (GroupNormalization, keras.layers.GroupNormalization)]
    for layer in both:
        layer.build(IMAGES.shape)
        layer.set_weights(weights)
    return both


def output_and_gradients(layer, images):
    @tf.function
    def differentiated(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            output = layer(images)
            loss = tf.reduce_sum(tf.cast(output, tf.float32) * AIM)
        return output, *tape.gradient(loss, [images, *(one.value for one in layer.trainable_variables)])

    return [tf.cast(one, tf.float32).numpy() for one in differentiated(tf.constant(images))]


@pytest.mark.parametrize("scale", [1.0, 1e-2, 1e3])
def test_outputs_and_gradients_are_those_of_keras(scale):
    ours, theirs = (output_and_gradients(layer, scale * IMAGES) for layer in layers_of_both())
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5 * np.abs(other).max())


def test_the_gradient_is_the_slope():
    layer, _ = layers_of_both()
    _, *gradients = output_and_gradients(layer, IMAGES)
    direction = np.random.default_rng(3).normal(size=IMAGES.shape).astype("f")
    step = 1e-2 * direction
    up, down = (np.sum(np.float64(layer(IMAGES + sign * step)) * AIM) for sign in (1, -1))
    assert (up - down) / 2e-2 == pytest.approx(np.sum(np.float64(gradients[0]) * direction), rel=1e-3)


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_sums_in_float32(dtype):
    (half, _), (exact, _) = layers_of_both(dtype), layers_of_both()
    # Squares of these, and sums of them, are beyond float16.
    images = tf.cast(500 * IMAGES, half.compute_dtype)
    output, gradient, *_ = output_and_gradients(half, images)
    expected, slope, *_ = output_and_gradients(exact, tf.cast(images, tf.float32))
    np.testing.assert_allclose(output, expected, atol=0.05)
    np.testing.assert_allclose(gradient, slope, atol=0.02 * np.abs(slope).max())
    assert half(images).dtype == half.compute_dtype


def test_a_mean_far_above_the_spread_costs_little():
    layer, keras_layer = layers_of_both()
    images = IMAGES + 200.0
    np.testing.assert_allclose(layer(images), keras_layer(images), atol=0.02)


def test_files_know_it_by_the_name_of_keras():
    layer = GroupNormalization(8)
    assert layer.name.startswith("group_normalization")
    assert type(layer).__name__ == keras.layers.GroupNormalization.__name__
