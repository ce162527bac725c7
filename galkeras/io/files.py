"""Files that are whole or absent."""

__all__ = ["atomic_path", "atomic_write", "naming", "read_json", "sha256_of", "write_json", "written_for"]

import errno
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from galkeras.io.checksums import sealed, unsealed
from galkeras.io.errors import GalkerasError
from galkeras.io.locks import locked

# Keras insists on both.
_WEIGHTS = ".weights.h5"

_MOST_DIGITS = 60
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def atomic_path(path: str | Path, *, alone: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; sync and rename it on success, remove it on any failure.

    The temporary name keeps the suffix, because many writers choose their format by it.

    Args:
        path: What is written.
        alone: Keep other processes from writing it at this time, for files that no lock on a folder guards. The
            temporary file is there, then, empty or left by a kill, and must be written into, not replaced.

    Raises:
        GalkerasError: Another process is writing it, with ``alone``.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = _WEIGHTS if path.name.endswith(_WEIGHTS) else path.suffix
    # A name of its own for each writer, who may be of another machine, or one for all, which they lock.
    whose = "" if alone else f".{os.getpid()}{secrets.randbits(48)}"
    temporary = path.with_name(f".{path.name.removesuffix(suffix)}{whose}.part{suffix}")
    with locked(temporary, "command", path) if alone else nullcontext():
        try:
            with naming(path):
                yield temporary
                with open(temporary, "rb+") as file:
                    os.fsync(file.fileno())
                os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Say of a disk that is full, inside of the block, that ``path`` is what could not be written."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno not in (*_FULL, None):
            raise
        # Neither the system says which file is meant, nor do libraries. HDF5 hides the number in lines of text.
        told = re.search(r"\berrno = (\d+)", str(error))
        if told:
            raise OSError(int(told[1]), os.strerror(int(told[1])), os.fspath(path)) from None
        error.filename = os.fspath(path)
        raise


def written_for(name: str) -> str | None:
    """Return the name of the file for which `atomic_path` made a temporary one of this name, or None.

    >>> written_for(".scores.4711.part.json")
    'scores.json'
    """
    match = re.fullmatch(rf"\.(.+?)(?:\.\d+)?\.part({_WEIGHTS}|\.\w+)?", name)
    return None if match is None else match[1] + (match[2] or "")


def atomic_write(path: str | Path, data: bytes | str, *, alone: bool = False) -> None:
    """Write ``data`` to ``path`` so that a reader sees all of it or none; ``alone`` as for `atomic_path`."""
    with atomic_path(path, alone=alone) as temporary:
        temporary.write_bytes(data.encode(errors="backslashreplace") if isinstance(data, str) else data)


def write_json(path: str | Path, value: Any, *, alone: bool = False) -> None:
    """Write ``value`` as indented JSON, atomically; an object gets its checksum. JSON has no NaN and no infinity."""
    atomic_write(path, json.dumps(sealed(value), indent=2, allow_nan=False) + "\n", alone=alone)


def read_json(path: str | Path) -> Any:
    """Read JSON that `write_json` wrote; a missing, broken or damaged file is a `GalkerasError` that names it."""
    # A pipe or a device would be waited for.
    if Path(path).exists() and not Path(path).is_file():
        raise GalkerasError(f"{path} is no file")
    try:
        value = json.loads(Path(path).read_text(), parse_int=_whole_number)
    except FileNotFoundError:
        raise GalkerasError(f"{path} does not exist") from None
    except (ValueError, OSError, RecursionError) as error:
        raise GalkerasError(f"{path} is not readable JSON: {error}") from None
    return unsealed(value, path)


def _whole_number(text: str) -> int:
    # Nothing that is counted or seeded has more; a number that no float can be ends in errors of many kinds.
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"a whole number of {len(text):,} digits")
    return int(text)


def sha256_of(path: str | Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
