"""Checksums inside the files that galkeras writes, by which a reader sees that a file is not as it was written."""

__all__ = [
    "CHECKSUM",
    "SEAL",
    "TEXT",
    "ColumnsDigest",
    "check_columns",
    "damaged",
    "digest_of",
    "seal_file",
    "sealed",
    "sealed_about",
    "unsealed",
]

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from galkeras.io.errors import GalkerasError

CHECKSUM = "sha256"
"""The key under which a JSON object holds the checksum of all the rest.

It is of what a file says and not of its bytes, so that a file may be indented anew. Files from before there were
checksums have none and are read as they are.
"""

SEAL = "checksum"
"""The key under which the metadata of a table hold the types of its columns and the checksum of all that it says."""

TEXT = "text"
"""The type, there, of columns that are no numbers."""


_TRAILER = b"\n# galkeras "
_LONGEST_TRAILER = 1000


def digest_of(value: Any) -> str:
    """Return the hexadecimal SHA-256 of a JSON value; tuples count as lists.

    >>> digest_of({"a": (1, 2.5)}) == digest_of({"a": [1, 2.5]})
    True
    """
    return hashlib.sha256(json.dumps(value, separators=(",", ":")).encode()).hexdigest()


def sealed(value: Any) -> Any:
    """Return a JSON object with its checksum last, in place of one that it had; what is no object has none."""
    if not isinstance(value, dict):
        return value
    rest = {key: part for key, part in value.items() if key != CHECKSUM}
    return rest | {CHECKSUM: digest_of(rest)}


def unsealed(value: Any, path: str | Path) -> Any:
    """Return a JSON value that was read from a file without its checksum, once that is seen to be right.

    Raises:
        GalkerasError: It is not what was written.
    """
    if not isinstance(value, dict) or CHECKSUM not in value:
        return value
    rest = {key: part for key, part in value.items() if key != CHECKSUM}
    if digest_of(rest) != value[CHECKSUM]:
        raise damaged(path, f"; if it was edited by hand, remove {CHECKSUM!r} from it")
    return rest


def damaged(path: str | Path, otherwise: str = "") -> GalkerasError:
    """Return the error for a file that does not match its checksum."""
    return GalkerasError(
        f"{path} is damaged: it does not match its checksum. Take it from a copy, or write it again{otherwise}"
    )


def seal_file(path: Path, about: dict[str, Any]) -> None:
    """Append the checksum of a file, and of what is said ``about`` it, to a file whose format ends before its bytes do.

    HDF5 is such a format: its readers pass over what follows.
    """
    with open(path, "rb+") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.write(_TRAILER + json.dumps(sealed({"about": about, "file": digest})).encode())


def sealed_about(path: Path) -> dict[str, Any] | None:
    """Return what `seal_file` was told about a file, None where it was not sealed.

    Raises:
        GalkerasError: The file is not as it was sealed.
    """
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - _LONGEST_TRAILER))
        _, found, text = file.read().rpartition(_TRAILER)
        if not found:
            return None
        end = file.tell() - len(text) - len(found)
        file.seek(0)
        digest, left = hashlib.sha256(), end
        while left:
            block = file.read(min(left, 1 << 20))
            digest.update(block)
            left -= len(block)
    try:
        seal = unsealed(json.loads(text), path)
        about: dict[str, Any] = seal["about"]
    except (ValueError, KeyError, TypeError):
        raise damaged(path) from None
    if seal["file"] != digest.hexdigest():
        raise damaged(path)
    return about


class ColumnsDigest:
    """The checksum of a table's columns, whose rows may come in parts.

    It is of values: a file format may pad text or give float32 back as float64, as long as no value changes. So the
    type of each column belongs to it, and columns that were read are taken for what they were.

    >>> digest = ColumnsDigest()
    >>> digest.update({"z": np.float32([0.1, 0.2])})
    >>> check_columns({"z": np.float64(np.float32([0.1, 0.2]))}, {}, digest.seal({}), "table.csv")
    """

    def __init__(self) -> None:
        self.types: dict[str, str] = {}
        self._digests: dict[str, Any] = {}

    def update(self, columns: Mapping[str, np.ndarray]) -> None:
        """Add rows. The first part decides what type each column is of."""
        for name, values in columns.items():
            kind = self.types.setdefault(name, _kind(values))
            self._digests.setdefault(name, hashlib.sha256()).update(_bytes(values, kind))

    def seal(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """Return the types of the columns, and the checksum of the columns, their types and the metadata."""
        columns = [[name, self.types[name], digest.hexdigest()] for name, digest in self._digests.items()]
        return {"types": self.types, CHECKSUM: digest_of([columns, metadata])}


def check_columns(columns: Mapping[str, np.ndarray], metadata: Mapping[str, Any], seal: Any, path: str | Path) -> None:
    """Raise a `GalkerasError` unless columns and metadata that were read are those that `ColumnsDigest` sealed."""
    digest = ColumnsDigest()
    try:
        digest.types = dict(seal["types"])
        digest.update(columns)
        good = digest.seal(metadata) == seal and list(digest.types) == list(columns)
    except (KeyError, TypeError, ValueError, AttributeError):  # of a seal, or of values, that are nonsense
        good = False
    if not good:
        raise damaged(path)


def _kind(values: np.ndarray) -> str:
    return values.dtype.newbyteorder("<").str if values.dtype.kind in "biuf" else TEXT


def _bytes(values: np.ndarray, kind: str) -> bytes:
    if kind == TEXT:
        # FITS pads text with spaces, and cannot tell them from the text's own.
        stripped = (str(value).strip() for value in values.tolist())
        return "".join(f"{len(value)}:{value}" for value in stripped).encode()
    numbers = values.astype(kind)
    if numbers.dtype.kind == "f":
        numbers = numbers + 0  # A zero has no sign in text,
        numbers[np.isnan(numbers)] = np.nan  # and there is one NaN.
    return numbers.tobytes()
