"""What a request carries, checked inside the graph before anything computes with it.

A server hands whatever shape it is sent straight to the graph, and some kernels answer a wrong rank by ending the
process. So each input passes `checked` first, and images in files are measured by their headers before they are
decoded.
"""

__all__ = ["checked", "images_of_bytes", "images_of_examples"]

from galkeras.backend import tf
from galkeras.records.reader import example_spec
from galkeras.surveys.image import PICTURE, ImageSpec

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
# Signature, length and name of the first chunk, width, height, bit depth, colour type.
_PNG_HEADER = 26
_GREY = (0, 4)


def checked(tensor: tf.Tensor, shape: tuple[int, ...], name: str) -> tf.Tensor:
    r"""Return ``tensor``, of shape (batch, \*shape) with one row or more; any other shape is an error of the graph."""
    received = tf.shape(tensor)
    rest = tf.concat([received, tf.zeros(len(shape) + 2, tf.int32)], 0)
    good = tf.reduce_all(tf.equal(rest[1 : len(shape) + 2], [*shape, 0])) & (rest[0] > 0)
    must = f"({', '.join(map(str, ('batch', *shape)))}), a row or more"
    with tf.control_dependencies([_assert(good, f"`{name}` must be of shape {must}. Received:", received)]):
        return tf.ensure_shape(tf.identity(tensor), (None, *shape))


def images_of_bytes(contents: tf.Tensor, side: int) -> tf.Tensor:
    """Decode (batch,) PNG or JPEG files to (batch, side, side, 3) float32 cutouts, 0..255.

    As `galkeras.surveys.cutouts.read_cutout` does: row 0 south, bands g, r, z; grey or transparent pictures are
    refused. So are pictures of another size, by their headers: pixels are never allocated for them.
    """
    contents = checked(contents, (), "bytes")
    pictures = tf.map_fn(
        lambda one: _decode(one, side), contents, fn_output_signature=tf.TensorSpec((side, side, 3), tf.uint8)
    )
    # Planes R = z, G = r, B = g with row 0 north.
    return tf.cast(tf.reverse(pictures, [1, 3]), tf.float32)


def images_of_examples(serialized: tf.Tensor, images: ImageSpec) -> tf.Tensor:
    """Parse (batch,) records of a record set to (batch, side, side, band) float32 cutouts, as ``images`` describes.

    A record does not say its dtype; its size does, among the two that images of its units are stored in (of the
    third, float32 for pictures, an image would have the size of a uint8 one of twice the side).
    """
    serialized = checked(serialized, (), "examples")
    raw = tf.io.parse_example(serialized, example_spec())["image"]
    side, _, bands = images.shape
    values = side * side * bands
    small, large = (tf.uint8, tf.float16) if images.units == PICTURE else (tf.float16, tf.float32)
    lengths = tf.strings.length(raw)
    good = tf.reduce_all(tf.equal(lengths, lengths[0])) & tf.reduce_any(
        tf.equal(lengths[0], [values * small.size, values * large.size])
    )
    must = f"images of {side} x {side} x {bands} pixels, all {small.name} or all {large.name}"
    with tf.control_dependencies([_assert(good, f"`examples` must hold {must}. Bytes received:", lengths)]):
        raw = tf.identity(raw)

    def decoded(dtype: tf.DType) -> tf.Tensor:
        return tf.cast(tf.io.decode_raw(raw, dtype), tf.float32)

    flat = tf.cond(tf.equal(lengths[0], values * small.size), lambda: decoded(small), lambda: decoded(large))
    return tf.reshape(flat, (-1, side, side, bands))


def _decode(contents: tf.Tensor, side: int) -> tf.Tensor:
    start = tf.strings.join([tf.strings.substr(contents, 0, _PNG_HEADER), "\0" * _PNG_HEADER])
    is_png = tf.equal(tf.strings.substr(start, 0, len(_PNG)), _PNG)
    is_jpeg = tf.equal(tf.strings.substr(start, 0, len(_JPEG)), _JPEG)
    length = tf.strings.length(contents)
    known = _assert(is_png | is_jpeg, "`bytes` must be a PNG or JPEG file. Length received:", length)
    with tf.control_dependencies([known]):
        return tf.cond(is_png, lambda: _decode_png(contents, start, side), lambda: _decode_jpeg(contents, side))


def _decode_png(contents: tf.Tensor, start: tf.Tensor, side: int) -> tf.Tensor:
    width_height = tf.io.decode_raw(tf.strings.substr(start, 16, 8), tf.int32, little_endian=False)
    colour_type = tf.cast(tf.io.decode_raw(tf.strings.substr(start, 25, 1), tf.uint8)[0], tf.int32)
    with tf.control_dependencies(
        [_assert_size(width_height, side), _assert_colour(tf.reduce_all(tf.not_equal(colour_type, _GREY)))]
    ):
        # With the alpha plane, or else transparent pixels would go unseen.
        pixels = tf.io.decode_png(tf.identity(contents), channels=4)
    opaque = tf.reduce_all(tf.equal(pixels[..., 3], 255))
    with tf.control_dependencies([_assert_colour(opaque)]):
        return tf.ensure_shape(pixels[..., :3], (side, side, 3))


def _decode_jpeg(contents: tf.Tensor, side: int) -> tf.Tensor:
    shape = tf.image.extract_jpeg_shape(contents)
    with tf.control_dependencies([_assert_size(shape[1::-1], side), _assert_colour(tf.equal(shape[2], 3))]):
        # The accurate transform, as other readers of JPEG use it.
        pixels = tf.io.decode_jpeg(tf.identity(contents), channels=3, dct_method="INTEGER_ACCURATE")
    return tf.ensure_shape(pixels, (side, side, 3))


def _assert_size(width_height: tf.Tensor, side: int) -> tf.Operation:
    message = f"pictures must be {side} x {side} pixels. Received width and height:"
    return _assert(tf.reduce_all(tf.equal(width_height, side)), message, width_height)


def _assert_colour(good: tf.Tensor) -> tf.Operation:
    return _assert(good, "pictures must be red, green and blue, without transparent pixels. Received another kind", "")


def _assert(good: tf.Tensor, message: str, received: tf.Tensor | str) -> tf.Operation:
    return tf.debugging.Assert(good, [message, received], summarize=8)
