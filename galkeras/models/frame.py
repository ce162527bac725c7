"""The galaxy's own frame: a layer from images to pose, upright images and features that no turn changes."""

__all__ = ["CentredFrame", "Framed", "GalaxyFrame", "jitter_of"]

from typing import NamedTuple

from galkeras.backend import keras, tf
from galkeras.models.pose import centre_of, feature_count, mode_features, modes, pose_of, resample, ring_basis

# How wrong a pose may be, for an encoder that is to bear it: radians, and how often the two signs are.
_TURN = 0.1
_FLIP = 0.05
# Of the features, about the noise that an image has.
_FEATURE_NOISE = 0.002


class Framed(NamedTuple):
    """A batch of galaxies in their own frames.

    Attributes:
        pose: (batch, 3) what `galkeras.models.pose.pose_of` says of their images; (batch, 5) of `CentredFrame`.
        images: (batch, side, side, band) upright images.
        features: (batch, n) modes that do not depend on the pose.
    """

    pose: tf.Tensor
    images: tf.Tensor
    features: tf.Tensor


class GalaxyFrame(keras.layers.Layer):
    """Finds the pose of galaxies and turns their images upright.

    Args:
        side: Of the images, in pixels.
        bands: How many there are.
    """

    def __init__(self, side: int, bands: int):
        super().__init__(name="frame", trainable=False, dtype="float32")
        basis, self._radii = ring_basis(side)
        # No weight: it follows from the side, and would be most of a model's file.
        self._basis = tf.constant(basis)
        self._side, self.features = side, feature_count(bands)

    def call(self, images: tf.Tensor, jitter: tf.Tensor | None = None) -> Framed:
        """Return the galaxies of (batch, side, side, band) stretched images, with ``jitter`` a little wrong."""
        images = tf.cast(images, tf.float32)
        middle, centre = self._centred(images)
        re, im = modes(middle, self._basis)
        pose, features = pose_of(re, im, self._radii, self._side), mode_features(re, im)
        seen = pose
        if jitter is not None:
            seen = _disturbed(pose, jitter[:, :3])
            features += _FEATURE_NOISE * jitter[:, 3:]
        pose, seen = (tf.concat([one, *centre], -1) for one in (pose, seen))
        return Framed(pose, resample(images, seen), features)

    def _centred(self, images: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Return images with their galaxies in the middle, and the (batch, 2) centres where these are looked for."""
        return images, []


class CentredFrame(GalaxyFrame):
    """Finds where galaxies lie in their images, too: the pose is (batch, 5), beside the turn the centre."""

    def _centred(self, images: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        centre = tf.stop_gradient(centre_of(images))
        as_it_lies = tf.constant([[1.0, 0.0, 1.0]]) + 0 * centre[:, :1]
        return resample(images, tf.concat([as_it_lies, centre], -1)), [centre]


def jitter_of(seed: tf.Tensor, count: tf.Tensor, features: int) -> tf.Tensor:
    """Return (count, 3 + features) standard normal numbers: what `GalaxyFrame` disturbs galaxies by."""
    return tf.random.stateless_normal((count, 3 + features), seed)


def _disturbed(pose: tf.Tensor, jitter: tf.Tensor) -> tf.Tensor:
    angle = _TURN * jitter[:, 0]
    # Rare signs from normal numbers, by the tail that holds this share.
    tail = 2**0.5 * tf.math.erfinv(1 - 2 * _FLIP)
    half, mirror = (tf.where(jitter[:, i] > tail, -1.0, 1.0) for i in (1, 2))
    cos, sin = tf.cos(angle), tf.sin(angle)
    turned = (half * (pose[:, 0] * cos - pose[:, 1] * sin), half * (pose[:, 1] * cos + pose[:, 0] * sin))
    return tf.stack([*turned, mirror * pose[:, 2]], -1)
