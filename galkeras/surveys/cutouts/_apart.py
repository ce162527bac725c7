"""Files that are read by another process, so that what they do to it they do not do to this one."""

__all__ = ["LIMITS", "Limits", "apart", "inside"]

import atexit
import json
import os
import select
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from galkeras.surveys.cutouts import Cutout, CutoutError, one_line

_INSIDE = "GALKERAS_READS_APART"


@dataclass(frozen=True)
class Limits:
    """What reading one cutout may cost.

    Attributes:
        megabytes: Memory beyond that of the program, and of what a file unpacks to.
        seconds: Time.
    """

    megabytes: float = 512
    seconds: float = 60

    @classmethod
    def of_environment(cls) -> "Limits":
        """Return the limits that GALKERAS_CUTOUT_MEGABYTES and GALKERAS_CUTOUT_SECONDS set."""
        given = {name: os.environ.get(f"GALKERAS_CUTOUT_{name.upper()}", "") for name in ("megabytes", "seconds")}
        return cls(**{name: float(text) for name, text in given.items() if text.replace(".", "", 1).isdigit()})

    @property
    def bytes(self) -> int:
        """The memory in bytes."""
        return int(self.megabytes * 1e6)


LIMITS = Limits.of_environment()


def inside() -> bool:
    """Tell whether this is the process that reads for another."""
    return _INSIDE in os.environ


class _Reader:
    """A process that reads one file after another, and is started anew where one has ended it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()

    def read(self, path: Path, bands: tuple[str, ...] | None) -> Cutout:
        with self._lock:
            process = self._running()
            try:
                return self._answer(process, path, bands)
            except BaseException as error:
                if not isinstance(error, _Refused):
                    self.end()
                raise

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            # Only what it needs: a module path, so that it finds the galkeras of this process.
            paths = os.pathsep.join([str(Path(__file__).parents[3]), *filter(None, sys.path)])
            self._process = subprocess.Popen(
                [sys.executable, "-c", f"from {__name__} import _serve; _serve()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ | {_INSIDE: "1", "PYTHONPATH": paths},
                # Ctrl-C is for this process to answer.
                start_new_session=True,
            )
            self._take(self._process, 1, time.monotonic() + 60)
        return self._process

    def _answer(self, process: "subprocess.Popen[bytes]", path: Path, bands: tuple[str, ...] | None) -> Cutout:
        assert process.stdin is not None
        deadline = time.monotonic() + LIMITS.seconds
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps([os.fspath(path), bands]).encode() + b"\n")
            process.stdin.flush()
        head = json.loads(self._take(process, int.from_bytes(self._take(process, 8, deadline), "little"), deadline))
        if "error" in head:
            raise _Refused(head["error"])
        shape, dtype = tuple(head.pop("shape")), np.dtype(head.pop("dtype"))
        pixels = self._take(process, int(np.prod(shape)) * dtype.itemsize, deadline)
        head["bands"] = tuple(head["bands"])
        return Cutout(np.frombuffer(pixels, dtype).reshape(shape).copy(), **head)

    @staticmethod
    def _take(process: "subprocess.Popen[bytes]", count: int, deadline: float) -> bytes:
        """Return so many bytes of what the process says; its death and its silence are a `CutoutError`."""
        assert process.stdout is not None
        parts, missing, file = [], count, process.stdout.fileno()
        while missing:
            if not select.select([file], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise CutoutError(
                    f"too slow: not read within {LIMITS.seconds:g} seconds (GALKERAS_CUTOUT_SECONDS sets the limit)"
                )
            part = os.read(file, min(missing, 1 << 20))
            if not part:
                code = process.wait()
                raise CutoutError(f"no image: it ended the process that read it ({_named(code)})")
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def end(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


class _Refused(CutoutError):
    """What the process says of a file."""


def _named(code: int) -> str:
    import signal

    with suppress(ValueError):
        return signal.Signals(-code).name
    return f"code {code}"


_reader = _Reader()
atexit.register(_reader.end)


def apart(path: Path, bands: tuple[str, ...] | None) -> Cutout:
    """Read a cutout in another process, within `LIMITS`.

    Raises:
        CutoutError: As the reader of its format, or it takes more memory or time, or ends the process.
    """
    try:
        return _reader.read(path, bands)
    except _Refused as error:
        raise CutoutError(str(error)) from None


def _serve() -> None:
    """Read what is asked for, until nobody asks any more."""
    from galkeras.surveys.cutouts import read_cutout

    answers = os.fdopen(os.dup(1), "wb")
    # What libraries print goes nowhere.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    answers.write(b"!")
    answers.flush()
    _limit_memory()
    for line in sys.stdin.buffer:
        path, bands = json.loads(line)
        pixels = b""
        try:
            cutout = read_cutout(path, bands=bands)
            image = np.ascontiguousarray(cutout.image)
            head: dict[str, Any] = {"shape": image.shape, "dtype": image.dtype.str, "units": cutout.units}
            head |= {name: getattr(cutout, name) for name in ("pixel_scale", "survey", "version", "bands", "wcs")}
            pixels = image.tobytes()
        except CutoutError as error:
            head = {"error": str(error)}
        except MemoryError:
            head = {"error": f"too large: more than {LIMITS.megabytes:g} MB (GALKERAS_CUTOUT_MEGABYTES sets the limit)"}
        except Exception as error:  # Files of hostile bytes fail in many ways.
            head = {"error": f"no image: {one_line(error)}"}
        text = json.dumps(head).encode()
        answers.write(len(text).to_bytes(8, "little") + text + pixels)
        answers.flush()


def _limit_memory() -> None:
    """Take no more memory than there is now and `LIMITS` allow."""
    with suppress(ImportError, ValueError, OSError):  # of systems without such limits
        import resource

        with open("/proc/self/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (used + LIMITS.bytes, hard))
