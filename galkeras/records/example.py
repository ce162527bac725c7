"""One galaxy as the bytes of a ``tf.train.Example``, written and read without TensorFlow."""

__all__ = ["Galaxy", "decode_example", "encode_example"]

import struct
from typing import NamedTuple

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from galkeras.surveys.image import BANDS

_Field = descriptor_pb2.FieldDescriptorProto


class Galaxy(NamedTuple):
    """What a record holds: ``image`` is (side, side, band) in storage dtype; unknown numbers are NaN."""

    id: str
    image: np.ndarray
    ra: float
    dec: float
    pixel_scale: float


def encode_example(galaxy: Galaxy) -> bytes:
    """Return a galaxy as a serialised ``tf.train.Example``: the same bytes for the same galaxy, always."""
    little_endian = galaxy.image.dtype.newbyteorder("<")
    example = _Example()
    feature = example.features.feature
    feature["id"].bytes_list.value.append(galaxy.id.encode())
    feature["image"].bytes_list.value.append(galaxy.image.astype(little_endian, copy=False).tobytes())
    feature["ra"].bytes_list.value.append(struct.pack("<d", galaxy.ra))
    feature["dec"].bytes_list.value.append(struct.pack("<d", galaxy.dec))
    feature["pixel_scale"].float_list.value.append(galaxy.pixel_scale)
    return example.SerializeToString(deterministic=True)


def decode_example(data: bytes, image_size: int, dtype: str, bands: int = len(BANDS)) -> Galaxy:
    """Read what `encode_example` wrote; anything else is a ValueError that says what is wrong."""
    try:
        feature = _Example.FromString(data).features.feature
    except DecodeError:
        raise ValueError("no tf.train.Example") from None

    def one(name: str, kind: str):
        values = getattr(feature[name], kind).value if name in feature else ()
        if len(values) != 1:
            raise ValueError(f"feature {name!r} is missing")
        return values[0]

    def number(name: str) -> float:
        value = one(name, "bytes_list")
        if len(value) != 8:
            raise ValueError(f"feature {name!r} has {len(value)} bytes, not 8")
        return struct.unpack("<d", value)[0]

    image = one("image", "bytes_list")
    expected = image_size**2 * bands * np.dtype(dtype).itemsize
    if len(image) != expected:
        raise ValueError(f"the image has {len(image)} bytes, not {expected}")
    try:
        galaxy_id = one("id", "bytes_list").decode()
    except UnicodeDecodeError:
        raise ValueError("the id is not UTF-8") from None
    pixels = np.frombuffer(image, np.dtype(dtype).newbyteorder("<")).reshape(image_size, image_size, bands)
    return Galaxy(galaxy_id, pixels, number("ra"), number("dec"), one("pixel_scale", "float_list"))


def _example_class() -> type:
    """Build the message class of ``tensorflow/core/example/example.proto`` in a pool of our own.

    Importing TensorFlow's own class costs seconds in each worker process.
    """
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="tensorflow", syntax="proto3")

    def message(name: str, *members: tuple[str, int, int, int, str | None], parent=None):
        result = parent.nested_type.add(name=name) if parent else file.message_type.add(name=name)
        for field, number, label, kind, of in members:
            result.field.add(name=field, number=number, label=label, type=kind, type_name=of)
        return result

    many, one, of = _Field.LABEL_REPEATED, _Field.LABEL_OPTIONAL, _Field.TYPE_MESSAGE
    message("BytesList", ("value", 1, many, _Field.TYPE_BYTES, None))
    message("FloatList", ("value", 1, many, _Field.TYPE_FLOAT, None))
    message("Int64List", ("value", 1, many, _Field.TYPE_INT64, None))
    kinds = ("bytes_list", "float_list", "int64_list")
    feature = message(
        "Feature",
        *(
            (kind, number, one, of, f".tensorflow.{kind.title().replace('_', '')}")
            for number, kind in enumerate(kinds, 1)
        ),
    )
    feature.oneof_decl.add(name="kind")
    for field in feature.field:
        field.oneof_index = 0
    features = message("Features", ("feature", 1, many, of, ".tensorflow.Features.FeatureEntry"))
    entry = message(
        "FeatureEntry",
        ("key", 1, one, _Field.TYPE_STRING, None),
        ("value", 2, one, of, ".tensorflow.Feature"),
        parent=features,
    )
    entry.options.map_entry = True
    message("Example", ("features", 1, one, of, ".tensorflow.Features"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.Example"))


_Example = _example_class()
