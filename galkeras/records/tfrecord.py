"""The TFRecord container: records framed by their length and checksums, as TensorFlow reads and writes it."""

__all__ = ["Damage", "frame", "walk"]

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import google_crc32c


class Damage(Exception):
    """A record that is not as it was written; the message says how."""


def frame(data: bytes) -> bytes:
    """Return one record: length, checksum of the length, data, checksum of the data."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, _checksum(length), data, _checksum(data)))


def walk(path: str | Path) -> Iterator[bytes | Damage]:
    """Yield each record of a file, or a `Damage` in its place.

    After damage to a record's length nothing behind it can be found, so that `Damage` is the last.
    """
    remaining = os.path.getsize(path)
    with open(path, "rb") as file:
        while remaining:
            header = file.read(12)
            if len(header) < 12:
                yield Damage("the file ends inside a record")
                return
            length = struct.unpack("<Q", header[:8])[0]
            if _checksum(header[:8]) != header[8:]:
                yield Damage("the length of a record is damaged, and with it everything behind it")
                return
            remaining -= 12 + length + 4
            # Asked before reading, so that a forged length cannot ask for all memory.
            if remaining < 0:
                yield Damage("the file ends inside a record")
                return
            data, checksum = file.read(length), file.read(4)
            yield data if _checksum(data) == checksum else Damage("the data do not match their checksum")


def _checksum(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
