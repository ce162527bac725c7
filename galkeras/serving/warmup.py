"""Requests that TensorFlow Serving replays when it loads a model, so that the first user need not wait."""

__all__ = ["write_warmup"]

import io
from pathlib import Path

import numpy as np
from PIL import Image

from galkeras.backend import tf
from galkeras.models.config import ModelConfig
from galkeras.records.example import Galaxy, encode_example
from galkeras.surveys.image import PICTURE

_FILE = Path("assets.extra", "tf_serving_warmup_requests")


def write_warmup(folder: Path, name: str, config: ModelConfig, inputs: dict[str, str]) -> None:
    """Write one request of one row for each signature to the SavedModel in ``folder``.

    Args:
        folder: The SavedModel.
        name: The model's name.
        config: The model's settings.
        inputs: For each signature the name of its input.
    """
    image = np.zeros(config.images.shape, np.float32)
    stored = image.astype(np.uint8) if config.units == PICTURE else image
    row = {
        "images": image,
        "bytes": np.array(_png(np.zeros((config.image_size, config.image_size, 3), np.uint8)), object),
        "examples": np.array(encode_example(Galaxy("warm-up", stored, 0.0, 0.0, 0.0)), object),
        "z": np.zeros(config.latent_dim, np.float32),
        "seed": np.int64(0),
        "anything": np.array(b"", object),
    }
    (folder / _FILE.parent).mkdir()
    with tf.io.TFRecordWriter(str(folder / _FILE)) as writer:
        for signature, source in inputs.items():
            tensor = tf.make_tensor_proto(np.stack([row[source]])).SerializeToString()
            writer.write(_prediction_log(name, signature, source, tensor))


def _png(rgb: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG")
    return file.getvalue()


def _prediction_log(name: str, signature: str, source: str, tensor: bytes) -> bytes:
    """Return a ``tensorflow.serving.PredictionLog`` of a Predict request, field by field of its definition.

    The classes of these messages are in tensorflow-serving-api, which clients need and an export should not.
    """
    model_spec = _field(1, name.encode()) + _field(3, signature.encode())
    request = _field(1, model_spec) + _field(2, _field(1, source.encode()) + _field(2, tensor))
    return _field(6, _field(1, request))


def _field(number: int, value: bytes) -> bytes:
    """Return a length-delimited field of a protocol buffer."""
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    digits = []
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])
