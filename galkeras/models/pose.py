"""Where a galaxy points, from its azimuthal Fourier modes, and how an image is turned into the galaxy's frame and back.

Standard operations alone, so that every reader of a SavedModel runs it.
"""

__all__ = [
    "MODES",
    "RINGS",
    "centre_of",
    "feature_count",
    "mode_features",
    "modes",
    "pose_of",
    "resample",
    "ring_basis",
]

import numpy as np

from galkeras.backend import tf

RINGS, MODES = 14, 6
"""How many rings there are, and the highest azimuthal order m."""

# Rings lie evenly in asinh(radius / core), so that they widen outwards. Pixels of an image of 64.
_CORE = 3.0
_INNERMOST = 0.8
_MARGIN = 1.5
# Of a stretched image: below the noise of a ring, above float32's.
_EPSILON = 1e-3
# Width, in half sides, of the window of the moments, by which neighbours do not turn the galaxy.
_WINDOW = 0.3
# Of the centre: the window's width and how far it may lie from the middle, in half sides; how often the window moves,
# by how many times the step that its centroid says, which falls short as the window pulls to where it is; and the width
# of the frame whose mean is the sky, in pixels.
_CENTRE_WINDOW, _FARTHEST = 0.16, 0.19
_MOVES, _STEP = 8, 1.5
_SKY = 3


def ring_basis(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what takes an image to its modes, and the radii of the rings.

    A ring is a tent in asinh(radius), of sum 1: it averages over all pixels of an annulus and interpolates nothing, so
    a quarter turn and a mirror act on the modes exactly.

    Args:
        side: Of the image, in pixels.

    Returns:
        (side², 2 RINGS (MODES + 1)) float32: the tent of a ring times exp(-i m θ), real parts and then imaginary; and
        (RINGS,) radii in pixels.
    """
    axis = np.arange(side) - (side - 1) / 2
    y, x = np.meshgrid(axis, axis, indexing="ij")
    core = _CORE * side / 64
    place = np.arcsinh(np.hypot(x, y) / core)
    rings = np.linspace(np.arcsinh(_INNERMOST / _CORE), np.arcsinh((side / 2 - _MARGIN) / core), RINGS)
    tent = np.clip(1 - np.abs(place - rings[:, None, None]) / (rings[1] - rings[0]), 0, None)
    tent[0] = np.where(place < rings[0], 1, tent[0])
    tent /= tent.sum((1, 2), keepdims=True)
    wave = np.exp(-1j * np.arange(MODES + 1)[:, None, None] * np.arctan2(y, x))
    basis = (tent[:, None] * wave).reshape(-1, side * side).T
    return np.concatenate([basis.real, basis.imag], 1).astype(np.float32), core * np.sinh(rings)


def modes(images: tf.Tensor, basis: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the modes c_m(r): the means over rings of the image times exp(-i m θ).

    Turning the image by α multiplies c_m by exp(-i m α); a mirror conjugates it.

    Args:
        images: (batch, side, side, band).
        basis: What `ring_basis` gave for this side.

    Returns:
        Real and imaginary parts, each (batch, band, RINGS, MODES + 1).
    """
    side, bands = images.shape[1], images.shape[3]
    flat = tf.reshape(tf.transpose(images, (0, 3, 1, 2)), (-1, side * side))
    both = tf.reshape(flat @ basis, (-1, bands, 2, RINGS, MODES + 1))
    return both[:, :, 0], both[:, :, 1]


def feature_count(bands: int) -> int:
    """Return how many features `mode_features` gives."""
    return bands * (RINGS + RINGS * MODES + 2 * (RINGS - 1) * MODES)


def mode_features(re: tf.Tensor, im: tf.Tensor) -> tf.Tensor:
    """Return what of the modes does not change when the image is turned or mirrored.

    The amplitudes |c_m(r)|, with c_0 itself; and from each ring to the next c_m(r) conj(c_m(r')) over the root of its
    modulus: its real part is large where a pattern stands straight, as a bar does, and the modulus of its imaginary
    part where it winds.

    Args:
        re: Real parts of the modes.
        im: Imaginary parts.

    Returns:
        (batch, `feature_count`).
    """
    amplitude = tf.sqrt(tf.square(re[..., 1:]) + tf.square(im[..., 1:]) + _EPSILON**2) - _EPSILON
    a, b, c, d = re[:, :, :-1, 1:], im[:, :, :-1, 1:], re[:, :, 1:, 1:], im[:, :, 1:, 1:]
    along, twist = a * c + b * d, b * c - a * d
    scale = tf.sqrt(tf.sqrt(tf.square(along) + tf.square(twist)) + _EPSILON**2)
    parts = (re[..., :1], amplitude, along / scale, tf.abs(twist) / scale)
    return tf.concat([tf.reshape(part, (-1, int(np.prod(part.shape[1:])))) for part in parts], 1)


def pose_of(re: tf.Tensor, im: tf.Tensor, radii: np.ndarray, side: int) -> tf.Tensor:
    """Return how galaxies lie in their images: (batch, 3) cosine and sine of the position angle, and the parity.

    The angle, from the x axis of the array towards its y axis, is the phase of the windowed second moment. Of the two
    that differ by half a turn it is the one to whose side the odd modes lean. The parity, 1 or -1, is the sign of the
    twist from ring to ring, so that in their own frames all spirals wind the same way.
    """
    re, im = tf.reduce_sum(re, 1), tf.reduce_sum(im, 1)
    weight = (radii**3 * np.exp(-0.5 * (radii / (_WINDOW * side / 2)) ** 2)).astype(np.float32)
    second_re, second_im = (tf.reduce_sum(part[..., 2] * weight, -1) for part in (re, im))
    angle = -0.5 * tf.atan2(second_im, second_re)
    # All orders of a spiral wind alike. By the radius alone: inner rings lie closer together than arms wind.
    orders = (np.r_[0.5, np.ones(MODES - 1)] * radii[:-1, None]).astype(np.float32)
    twists = im[:, :-1, 1:] * re[:, 1:, 1:] - re[:, :-1, 1:] * im[:, 1:, 1:]
    parity = tf.where(tf.reduce_sum(twists * orders, (1, 2)) < 0, -1.0, 1.0)
    lean = tf.add_n(
        [
            tf.reduce_sum(
                (re[..., m] * tf.cos(m * angle)[:, None] - im[..., m] * tf.sin(m * angle)[:, None]) * weight, -1
            )
            for m in (1, 3)
        ]
    )
    towards = tf.where(lean < 0, -1.0, 1.0)
    return tf.stack([tf.cos(angle) * towards, tf.sin(angle) * towards, parity], -1)


def centre_of(images: tf.Tensor) -> tf.Tensor:
    """Return where galaxies lie in their images: (batch, 2) pixels from the middle along x and y.

    The centroid of the light above the sky in a Gaussian window, which moves there and looks again, as the windowed
    centroids of SExtractor do (Bertin & Arnouts 1996). Between neighbours it may not have come to rest: of simulated
    galaxies with three each, one in 25 would move by a quarter of a pixel more.

    Args:
        images: (batch, side, side, band).
    """
    side = images.shape[1]
    frame = np.ones((side, side, 1), np.float32)
    frame[_SKY:-_SKY, _SKY:-_SKY] = 0
    sky = tf.reduce_sum(images * frame, (1, 2), keepdims=True) / frame.sum()
    light = tf.reduce_sum(tf.nn.relu(images - sky), -1)
    axis = tf.constant(np.arange(side) - (side - 1) / 2, tf.float32)
    width, farthest = _CENTRE_WINDOW * side / 2, _FARTHEST * side / 2
    centre = tf.zeros((tf.shape(images)[0], 2))
    for _ in range(_MOVES):
        x, y = (tf.exp(-0.5 * tf.square((axis - centre[:, i : i + 1]) / width)) for i in range(2))
        seen = light * y[:, :, None] * x[:, None, :]
        total = tf.reduce_sum(seen, (1, 2)) + _EPSILON
        places = [tf.reduce_sum(tf.reduce_sum(seen, sum_over) * axis, 1) / total for sum_over in (1, 2)]
        centre += _STEP * (tf.stack(places, -1) - centre)
        centre = tf.clip_by_value(centre, -farthest, farthest)
    return centre


def resample(images: tf.Tensor, pose: tf.Tensor, back: bool = False) -> tf.Tensor:
    """Turn images into their galaxies' frames, or ``back``, by bilinear interpolation.

    In its own frame a galaxy's major axis lies along x. Beyond the edge the nearest pixel is repeated.

    Args:
        images: (batch, side, side, band).
        pose: (batch, 3), what `pose_of` gives, or (batch, 5), beside it what `centre_of` gives.
        back: Whether ``images`` are in the galaxies' frames and are wanted as ``pose`` says.
    """
    side, bands = images.shape[1], images.shape[3]
    axis = np.arange(side, dtype=np.float32) - (side - 1) / 2
    y, x = (tf.constant(grid.reshape(1, -1), tf.float32) for grid in np.meshgrid(axis, axis, indexing="ij"))
    cos, sin, parity, *centre = tf.split(pose, pose.shape[1], 1)
    if back:
        if centre:
            x, y = x - centre[0], y - centre[1]
        u, v = cos * x + sin * y, parity * (cos * y - sin * x)
    else:
        u, v = cos * x - sin * parity * y, sin * x + cos * parity * y
        if centre:
            u, v = u + centre[0], v + centre[1]
    u, v = (tf.clip_by_value(place + (side - 1) / 2, 0.0, side - 1.0) for place in (u, v))
    # What is no number stays one in the weights: as an index it would end the whole batch.
    left, top = (tf.minimum(tf.floor(tf.where(place == place, place, 0.0)), side - 2.0) for place in (u, v))
    du, dv = (u - left)[..., None], (v - top)[..., None]
    index = tf.cast(top, tf.int32) * side + tf.cast(left, tf.int32)
    index += tf.range(tf.shape(images)[0])[:, None] * (side * side)
    flat = tf.reshape(images, (-1, bands))
    a, b, c, d = (tf.gather(flat, index + step) for step in (0, 1, side, side + 1))
    turned = (1 - dv) * ((1 - du) * a + du * b) + dv * ((1 - du) * c + du * d)
    return tf.reshape(turned, (-1, side, side, bands))
