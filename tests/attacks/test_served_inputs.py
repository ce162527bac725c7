"""Requests made to harm a server: every one is an error of the graph, and the process lives and answers on."""

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from serving.c_api import TensorFlowError
from serving.conftest import make
from serving.models import LATENTS, SIDE, encoded, file_of, sky

from galkeras.records.example import Galaxy, encode_example

NAN = float("nan")


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    return make(tmp_path_factory.mktemp("attacked"), "picture", 1)


@pytest.fixture(autouse=True)
def still_serving(picture):
    yield
    assert np.isfinite(picture.session.run("encode", images=sky(1))["z_mean"]).all()


def png(width: int, height: int, colour: int = 2, data: bytes = b"\0" * 2_000_000) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(data))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


def jpeg_of_size(width: int, height: int) -> bytes:
    """A small JPEG whose header claims another size."""
    data = bytearray(encoded(np.zeros((SIDE, SIDE, 3), np.uint8), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


SHAPES = [
    (2, 128, 128, 3),
    (2, 32, 32, 3),
    (2, 64, 96, 3),
    (2, 64, 64, 1),
    (2, 64, 64, 4),
    (64, 64, 3),
    (64,),
    (),
    (0, 64, 64, 3),
    (1, 2, 64, 64, 3),
    (1, 64, 64, 3, 1),
    (1, 64, 64, 3, 0),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("signature", ["serving_default", "encode", "measure", "classify", "reconstruct"])
def test_images_of_another_shape(picture, signature, shape):
    with pytest.raises(TensorFlowError, match=r"`images` must be of shape \(batch, 64, 64, 3\)|compatible"):
        picture.session.run(signature, images=np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("signature", "name", "value"),
    [
        ("decode", "z", np.zeros((2, LATENTS + 1), np.float32)),
        ("decode", "z", np.zeros((2, LATENTS - 1), np.float32)),
        ("decode", "z", np.zeros(LATENTS, np.float32)),
        ("decode", "z", np.zeros((0, LATENTS), np.float32)),
        ("generate", "seed", np.int64(3)),
        ("generate", "seed", np.zeros((2, 2), np.int64)),
        ("describe", "anything", [[b""]]),
        ("encode_bytes", "bytes", [[b""]]),
        ("encode_bytes", "bytes", np.zeros(0, object)),
        ("encode_example", "examples", np.zeros((0, 3), object)),
    ],
)
def test_other_inputs_of_another_shape(picture, signature, name, value):
    with pytest.raises(TensorFlowError, match=f"`{name}` must be of shape"):
        picture.session.run(signature, **{name: value})


@pytest.mark.parametrize("value", [np.zeros((1, 64, 64, 3)), np.zeros((1, 64, 64, 3), np.int32)])
def test_images_of_another_dtype(picture, value):
    with pytest.raises(TensorFlowError, match="float"):
        picture.session.run("encode", images=value)


GOOD = file_of(sky(1)[0])
PHOTO = file_of(sky(1)[0], "JPEG")
SIZE = "pictures must be 64 x 64 pixels"
COLOUR = "red, green and blue"
FILES = {
    "nothing": (b"", "PNG or JPEG"),
    "one byte": (b"\xff", "PNG or JPEG"),
    "text": (b"galaxy" * 1000, "PNG or JPEG"),
    "a GIF": (file_of(sky(1)[0], "GIF"), "PNG or JPEG"),
    "a BMP": (file_of(sky(1)[0], "BMP"), "PNG or JPEG"),
    "a PNG's first bytes": (GOOD[:8], SIZE),
    "a PNG's header": (GOOD[:33], "PNG"),
    "half a PNG": (GOOD[: len(GOOD) // 2], "PNG"),
    "a JPEG's first bytes": (PHOTO[:3], "JPEG"),
    "half a JPEG": (PHOTO[: len(PHOTO) // 2], "JPEG"),
    "a smaller PNG": (file_of(sky(1)[0][:32, :32]), SIZE),
    "an oblong PNG": (file_of(sky(1)[0][:32]), SIZE),
    "a larger JPEG": (encoded(np.zeros((128, 128, 3), np.uint8), "JPEG"), SIZE),
    "a grey PNG": (encoded(np.zeros((64, 64), np.uint8)), COLOUR),
    "a grey JPEG": (encoded(np.zeros((64, 64), np.uint8), "JPEG"), COLOUR),
    "a transparent PNG": (encoded(np.zeros((64, 64, 4), np.uint8)), COLOUR),
    "a bomb of 10 gigabytes": (png(60_000, 60_000), SIZE),
    "the largest PNG there can be": (png(2**31 - 1, 2**31 - 1), SIZE),
    "a negative PNG": (png(2**32 - 1, 64), SIZE),
    "a JPEG bomb": (jpeg_of_size(65_000, 65_000), SIZE),
    "an unknown colour type": (png(64, 64, colour=7), "PNG"),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("task", ["encode", "classify"])
def test_files_that_are_no_cutouts(picture, kind, task):
    data, reason = FILES[kind]
    with pytest.raises(TensorFlowError, match=reason):
        picture.session.run(f"{task}_bytes", bytes=[GOOD, data])


def test_bombs_take_no_memory(picture):
    """Refusing them takes less than a hundredth of what decoding one would."""
    code = (
        "import resource, sys, numpy as np\n"
        "from serving.c_api import CSession, TensorFlowError\n"
        "from attacks.test_served_inputs import FILES, GOOD\n"
        f"session = CSession({str(picture.path)!r})\n"
        "session.run('encode_bytes', bytes=[GOOD])\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for name in FILES:\n"
        "    if 'bomb' in name or 'largest' in name:\n"
        "        try: session.run('encode_bytes', bytes=[FILES[name][0]]); sys.exit('accepted')\n"
        "        except TensorFlowError: pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    tests = Path(__file__).parents[1]
    path = {"PYTHONPATH": f"{tests}:{tests.parent}", "PATH": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=path)
    assert done.returncode == 0, done.stderr
    kilobytes = int(done.stdout)
    assert kilobytes < 100_000, f"{kilobytes} kB for images that were refused"


def record(image: np.ndarray) -> bytes:
    return encode_example(Galaxy("g", image, NAN, NAN, NAN))


RECORDS = {
    "nothing": (b"", "required but could not be found"),
    "no record": (b"galaxy" * 10, "parse"),
    "half a record": (record(np.zeros((64, 64, 3), np.uint8))[:5000], "parse"),
    "a smaller image": (record(np.zeros((32, 32, 3), np.uint8)), "64 x 64 x 3 pixels"),
    # As many bytes as a float32 image of the right size.
    "an image of twice the side": (record(np.zeros((128, 128, 3), np.uint8)), "64 x 64 x 3 pixels"),
    "one plane": (record(np.zeros((64, 64), np.uint8)), "64 x 64 x 3 pixels"),
    "double precision": (record(np.zeros((64, 64, 3), np.float64)), "64 x 64 x 3 pixels"),
    "no pixels": (record(np.zeros((0, 0, 3), np.uint8)), "64 x 64 x 3 pixels"),
}


@pytest.mark.parametrize("kind", RECORDS)
def test_records_that_are_none_of_the_models(picture, kind):
    data, reason = RECORDS[kind]
    for rows in ([data], [record(np.zeros((64, 64, 3), np.uint8)), data]):
        with pytest.raises(TensorFlowError, match=reason):
            picture.session.run("encode_example", examples=rows)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_pixels_that_are_no_numbers_spoil_their_row_alone(picture, value):
    images = sky(3)
    wanted = picture.session.run("classify", images=images)
    # A single one, which max pooling passes over.
    images[1, 20, 20, 0] = value
    found = picture.session.run("classify", images=images)
    assert np.isnan(found["z_mean"][1]).all() and np.isnan(found["outlier_score"][1]) and found["bar"][1] == b""
    for name, values in wanted.items():
        if values.dtype != object:
            np.testing.assert_allclose(found[name][::2], values[::2], rtol=1e-4, atol=1e-5)
    assert np.isfinite(picture.session.run("encode", images=sky(3))["z_mean"]).all()
