"""Group normalization in fewer passes over its input than Keras makes."""

__all__ = ["GroupNormalization"]

import numpy as np

from galkeras.backend import keras, tf


# Under its own name, after which Keras calls the layers and their weights in files.
class GroupNormalization(keras.layers.GroupNormalization):
    """Keras's layer of the same name (Wu & He 2018), for (batch, height, width, channels) and groups of channels.

    Keras splits the channels into a fifth axis and sums over four, which TensorFlow does slowly, and differentiates
    step by step. Here values and squares are summed over the pixels of each channel first; groups are a small matrix;
    and the gradient is written out. The variance is the mean of squares less the square of the mean, as Flax has it:
    float32 loses of it what the mean exceeds the spread by, squared, times 1e-7.
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        channels = inputs.shape[-1]
        members = np.kron(np.eye(self.groups), np.ones((channels // self.groups,) * 2)) * self.groups / channels
        members = tf.constant(members, tf.float32)
        gamma, beta = (tf.cast(keras.ops.convert_to_tensor(each), tf.float32) for each in (self.gamma, self.beta))
        normalized = _normalized(inputs, gamma, beta, members, tf.constant(self.epsilon, tf.float32))
        return tf.cast(normalized, self.compute_dtype)


@tf.custom_gradient
def _normalized(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, members: tf.Tensor, epsilon: tf.Tensor):
    """Return ``x`` normalized, and what maps the gradient of that to those of ``x``, ``gamma`` and ``beta``.

    ``members`` (channels, channels) averages over the channels of a group.
    """
    exact = tf.cast(x, tf.float32)
    mean = tf.reduce_mean(exact, (1, 2)) @ members
    variance = tf.nn.relu(tf.reduce_mean(tf.square(exact), (1, 2)) @ members - tf.square(mean))
    inverse = tf.math.rsqrt(variance + epsilon)
    scale = gamma * inverse
    # In half precision, too, sums and products are of float32: squares overflow.
    y = tf.cast(exact * scale[:, None, None] + (beta - mean * scale)[:, None, None], x.dtype)

    def gradient(dy: tf.Tensor):
        dy = tf.cast(dy, tf.float32)
        pixels = x.shape[1] * x.shape[2]
        of_beta = tf.reduce_sum(dy, (1, 2))
        # The sum of dy times the normalized input.
        of_gamma = (tf.reduce_sum(dy * exact, (1, 2)) - mean * of_beta) * inverse
        shift = inverse * ((gamma * of_beta) @ members) / pixels
        slope = tf.square(inverse) * ((gamma * of_gamma) @ members) / pixels
        dx = dy * scale[:, None, None] - exact * slope[:, None, None] + (mean * slope - shift)[:, None, None]
        of_neither = tf.zeros_like(members), tf.zeros_like(epsilon)
        return tf.cast(dx, x.dtype), tf.reduce_sum(of_gamma, 0), tf.reduce_sum(of_beta, 0), *of_neither

    return y, gradient
