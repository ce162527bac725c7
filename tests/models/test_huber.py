import numpy as np
from battery import IMAGES, build

from galkeras.backend import tf
from galkeras.models.losses.huber import KNEE


def test_it_is_a_square_that_goes_on_as_a_straight_line():
    model = build(loss="huber")
    residuals = tf.Variable(np.linspace(-0.5, 0.5, 1001, dtype="f"))
    with tf.GradientTape() as tape:
        values = model.pixel_loss.of_pixels(residuals)
    small = np.abs(residuals.numpy()) < KNEE
    np.testing.assert_allclose(values[small], np.square(residuals.numpy()[small]), atol=1e-7)
    slopes = np.abs(tape.gradient(values, residuals).numpy())
    np.testing.assert_allclose(slopes[~small], 2 * KNEE, rtol=1e-4)
    assert np.all(np.diff(values[500:]) > 0) and np.abs(np.diff(values)).max() < 2.1 * KNEE * 1e-3


def test_a_model_sums_it_over_the_pixels_of_each_image():
    model = build(loss="huber")
    seed = tf.constant([0, 0])
    huber, squared = (one.losses_per_image(IMAGES, seed)["reconstruction"] for one in (model, build(loss="mse")))
    assert huber.shape == (len(IMAGES),) and np.all(huber < squared) and np.all(huber > 0)
