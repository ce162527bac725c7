import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from sky import write_survey

from galkeras.backend import tf
from galkeras.io.errors import GalkerasError
from galkeras.records.example import Galaxy, decode_example, encode_example
from galkeras.records.inspect import damages, inspect
from galkeras.records.make import make_tfrecords
from galkeras.records.reader import damage_named, ordered_dataset, training_dataset
from galkeras.records.schema import RecordSet
from galkeras.records.tfrecord import frame, walk


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> RecordSet:
    folder = tmp_path_factory.mktemp("whole")
    return make_tfrecords(*write_survey(folder / "survey", 60, 16), folder / "out", workers=1)


@pytest.fixture
def copy(whole, tmp_path) -> RecordSet:
    shutil.copytree(whole.path, tmp_path / "copy")
    return RecordSet.load(tmp_path / "copy")


def shard_of(records: RecordSet, index: int = 0):
    return records.path / records.shards[index].name


def flip(path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 0x10
    path.write_bytes(data)


def rewrite(path, change) -> None:
    """Write a shard's records again, with good checksums, as ``change`` returns them."""
    path.write_bytes(b"".join(frame(data) for data in change(list(walk(path)))))


def test_inspect_tells_and_draws(copy, caplog):
    assert inspect(copy.path, verify=True, galaxies=9) == copy
    out = caplog.text
    assert "60 galaxies of decals" in out and "are as they were written" in out
    with Image.open(copy.path / "mosaic.png") as mosaic:
        assert mosaic.size == (3 * 16 + 2 * 2,) * 2
        assert np.asarray(mosaic).std() > 5


def test_a_whole_set_has_no_damage(copy):
    assert not list(damages(copy))


def test_every_damaged_shard_and_record_is_named(copy):
    size = copy.shards[0].bytes // copy.shards[0].examples
    flip(shard_of(copy, 0), size + 500)
    flip(shard_of(copy, 0), 3 * size + 500)
    shard_of(copy, 1).unlink()
    shard_of(copy, 2).write_bytes(shard_of(copy, 2).read_bytes()[:-100])
    last = copy.shards[2].examples - 1
    with pytest.raises(GalkerasError) as caught:
        inspect(copy.path, verify=True)
    lines = str(caught.value).split("\n")
    names = [shard_of(copy, index) for index in range(3)]
    assert lines[1:] == [
        f"{names[0]}: does not match its checksum",
        f"{names[0]}: record 1: the data do not match their checksum",
        f"{names[0]}: record 3: the data do not match their checksum",
        f"{names[1]}: is missing",
        f"{names[2]}: has {copy.shards[2].bytes - 100} bytes, not {copy.shards[2].bytes}",
        f"{names[2]}: record {last}: the file ends inside a record",
    ]


def test_a_damaged_length_ends_the_walk(copy):
    flip(shard_of(copy), 5)
    lines = list(damages(copy))
    assert "record 0: the length of a record is damaged" in lines[1]
    assert f"holds 1 records, not {copy.shards[0].examples}" in lines[2]


def test_a_forged_length_takes_no_memory(tmp_path):
    data = frame(b"x")
    forged = (2**60).to_bytes(8, "little")
    from galkeras.records.tfrecord import _checksum

    (tmp_path / "a").write_bytes(forged + _checksum(forged) + data)
    assert [str(found) for found in walk(tmp_path / "a")] == ["the file ends inside a record"]


def altered(record: bytes, **change) -> bytes:
    return encode_example(decode_example(record, 16, "float32")._replace(**change))


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda r: [r[0], r[0], *r[2:]], "is there twice"),
        (lambda r: [altered(r[0], image=np.zeros((8, 8, 3), np.float32)), *r[1:]], "has 768 bytes, not 3072"),
        (lambda r: [altered(r[0], image=np.full((16, 16, 3), np.nan, np.float32)), *r[1:]], "not finite"),
        (lambda r: [b"", *r[1:]], "feature 'image' is missing"),
        (lambda r: [b"\xff" * 50, *r[1:]], "no tf.train.Example"),
        (lambda r: [altered(r[0], id="validation-5"), *r[1:]], "belongs to the"),
        (lambda r: r[1:], "not 15"),
    ],
)
def test_records_that_only_look_right(copy, change, message):
    if message == "belongs to the":
        from galkeras.records.schema import split_of

        wrong = next(f"x{n}" for n in range(100) if split_of(f"x{n}") != "train")
        rewrite(shard_of(copy), lambda r: [altered(r[0], id=wrong), *r[1:]])
    else:
        rewrite(shard_of(copy), change)
    found = list(damages(copy))
    if message == "not 15":
        message = f"not {copy.shards[0].examples}"
    assert any(message in line and copy.shards[0].name in line for line in found[1:])


def test_tensorflow_and_we_agree_on_the_bytes(copy, tmp_path):
    """TensorFlow's own parser reads our records, and our framing is that of its writer."""
    records = list(walk(shard_of(copy)))
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        for record in records:
            writer.write(record)
    assert (tmp_path / "theirs").read_bytes() == shard_of(copy).read_bytes()
    theirs = tf.train.Example.FromString(records[0])
    ours = decode_example(records[0], 16, "float32")
    assert theirs.features.feature["id"].bytes_list.value[0].decode() == ours.id
    assert theirs.features.feature["image"].bytes_list.value[0] == ours.image.tobytes()
    assert encode_example(ours) == records[0]


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32"])
def test_records_round_trip(dtype):
    image = (np.random.default_rng(0).random((8, 8, 3)) * 200).astype(dtype)
    galaxy = Galaxy("J1 é", image, 359.99999999, -0.1, np.float32(0.262))
    back = decode_example(encode_example(galaxy), 8, dtype)
    np.testing.assert_array_equal(back.image, image)
    assert back._replace(image=None) == galaxy._replace(image=None)
    swapped = galaxy._replace(image=image.astype(image.dtype.newbyteorder(">")))
    assert encode_example(swapped) == encode_example(galaxy)


def test_readers_refuse_missing_and_truncated_shards(copy):
    path = shard_of(copy)
    path.write_bytes(path.read_bytes()[:-1])
    for make in (lambda: ordered_dataset(copy), lambda: training_dataset(copy, "train", 4, seed=0)):
        with pytest.raises(GalkerasError, match=f"{path.name} has .* bytes, not"):
            make()
    path.unlink()
    with pytest.raises(GalkerasError, match=f"{path.name} is missing"):
        ordered_dataset(copy)


@pytest.mark.parametrize("training", [True, False])
def test_readers_name_a_damaged_record(copy, training):
    flip(shard_of(copy), 2000)
    dataset = training_dataset(copy, "train", 4, seed=0).take(20) if training else ordered_dataset(copy)
    with pytest.raises(GalkerasError, match=copy.shards[0].name), damage_named(copy):
        list(dataset)


def test_an_image_of_another_size_is_not_padded(copy):
    small = np.zeros((15, 16, 3), np.float32)

    def change(records):
        galaxy = decode_example(records[0], 16, "float32")
        return [encode_example(galaxy._replace(image=small, id=galaxy.id + "x" * 200)), *records[1:]]

    rewrite(shard_of(copy), change)
    shard = replace(copy.shards[0], bytes=shard_of(copy).stat().st_size)
    copy = replace(copy, shards=(shard, *copy.shards[1:]))
    with pytest.raises(GalkerasError, match="checksum"), damage_named(copy):
        list(ordered_dataset(copy))


def test_other_errors_pass_through(copy):
    with pytest.raises(tf.errors.InvalidArgumentError), damage_named(copy):
        tf.debugging.assert_equal(1, 2)
