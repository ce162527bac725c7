"""Work on the workers of a Dask cluster, over files that all of them see."""

__all__ = ["TOKEN_FILE", "on_cluster"]

import importlib.metadata
import logging
import platform
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Generic

from galkeras import __version__
from galkeras.io.errors import GalkerasError
from galkeras.io.files import atomic_write
from galkeras.io.processes import Result, Task, Work
from galkeras.io.schedulers import connected
from galkeras.io.text import counted

_log = logging.getLogger(__name__)

TOKEN_FILE = "dask"
"""What workers look for in the folder where they meet, to know that it is the caller's."""

# Seconds: to wait for a first worker or another one after the last; between two
# looks at whether there are any; and until a file is seen by all who share it (NFS keeps for long that there is none).
_WAIT = 300
_GLANCE = 2
_APPEAR = 60

# So many tasks are with the scheduler at least, by which clusters that adapt see that they are wanted; and so many for
# each thread, so that none runs dry. What waits here costs the scheduler no memory.
_AHEAD = 64
_EACH = 2

# What decides the bytes that are written.
_DECIDING = ("numpy", "astropy", "pillow", "tensorflow", "keras")


def on_cluster(
    work: Work[Task, Result],
    tasks: Sequence[Task],
    address: str | Path,
    meeting: Path,
    inputs: Sequence[Path] = (),
    progress: Callable[[int], object] = lambda count: None,
) -> list[Result]:
    """Return ``work(task, tick)`` of each task in order, as `in_parallel` does, from the workers of a Dask cluster.

    A worker process does one task at a time, however many threads it has. The task of a worker that is lost is done
    again by another; whatever it had begun to write under a temporary name stays, for the caller to clear. The first
    error ends the others at their next tick, and so does the end of this process.

    Args:
        work: A function of a module of galkeras, or a partial of one. It must read and write by absolute paths, and
            leave the same files when it is called twice, even at the same time.
        tasks: What it is called with.
        address: As for `galkeras.io.schedulers.check_cluster`.
        meeting: A folder that is there, and that nobody else has, to which workers write.
        inputs: What workers must find, too.
        progress: Called with what a task has ticked, when it is done.

    Raises:
        GalkerasError: No cluster, no workers in five minutes, workers that see other files or are of other versions, or
            that were lost at the same task again and again.
    """
    with connected(address) as client, _token_in(meeting) as token:
        remote = _Remote(work, token, tuple(path.absolute() for path in inputs), _versions())
        _wait_for_workers(client, address)
        return _run(client, remote, tasks, address, progress)


def _run(
    client: Any,
    remote: "_Remote[Any, Any]",
    tasks: Sequence[Any],
    address: str | Path,
    progress: Callable[[int], object],
) -> list[Any]:
    from distributed import KilledWorker

    results: list[Any] = [None] * len(tasks)
    running: dict[Any, int] = {}
    ended: SimpleQueue[Any] = SimpleQueue()
    begun, ahead, lonely = 0, 0, None
    look = time.monotonic()
    try:
        while begun < len(tasks) or running:
            if time.monotonic() >= look:
                threads = sum(client.nthreads().values())
                ahead, look = max(_AHEAD, _EACH * threads), time.monotonic() + _GLANCE
                lonely = None if threads else lonely or time.monotonic()
                if lonely is not None and time.monotonic() - lonely > _WAIT:
                    raise _nobody(address, " any more")
            while begun < len(tasks) and len(running) < ahead:
                future = client.submit(remote, tasks[begun], pure=False)
                running[future] = begun
                future.add_done_callback(ended.put)
                begun += 1
            with suppress(Empty):
                future = ended.get(timeout=_GLANCE)
                result, ticked = future.result()
                results[running.pop(future)] = result
                progress(ticked)
        return results
    except KilledWorker as error:
        raise GalkerasError(
            f"{error.allowed_failures + 1} workers of the Dask cluster were lost at the same task, perhaps for want of"
            " memory: their logs say more; the same command goes on where this one stopped"
        ) from None
    except (CancelledError, OSError) as error:
        if isinstance(error, OSError) and client.status == "running":
            raise  # of the work
        raise GalkerasError(
            f"the Dask scheduler at {address} has gone: the same command goes on where this one stopped"
        ) from None
    finally:
        with suppress(Exception):
            client.cancel(list(running))


def _wait_for_workers(client: Any, address: str | Path) -> None:
    threads = client.nthreads()
    if not threads:
        _log.info(f"{address}: no workers yet, waiting for the first")
        end = time.monotonic() + _WAIT
        while not (threads := client.nthreads()):
            if time.monotonic() > end:
                raise _nobody(address)
            time.sleep(min(_GLANCE, _WAIT))
    many = sum(count > 1 for count in threads.values())
    idle = f"; {many} have several threads, of which one works: start them with `nthreads=1`" if many else ""
    _log.info(f"{address}: {counted(len(threads), 'worker')}{idle}")


def _nobody(address: str | Path, more: str = "") -> GalkerasError:
    return GalkerasError(
        f"the Dask scheduler at {address} has no workers{more}, for {_WAIT} seconds: start some, and run the same"
        " command again"
    )


@contextmanager
def _token_in(folder: Path) -> Iterator["_Token"]:
    token = _Token(folder.absolute() / TOKEN_FILE, secrets.token_hex(16))
    atomic_write(token.path, token.text)
    try:
        yield token
    finally:
        token.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Token:
    """A file whose text nobody else can have written: who reads it is on the caller's file system."""

    path: Path
    text: str

    def seen(self) -> bool:
        try:
            return self.path.read_text() == self.text
        except OSError:
            return False


def _versions() -> dict[str, str | None]:
    """Return versions of what decides the bytes that are written."""
    found: dict[str, str | None] = {
        "galkeras": __version__,
        "Python": ".".join(platform.python_version_tuple()[:2]),
    }
    for name in _DECIDING:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


# The readers of files keep what they have open, and TensorFlow has threads enough of its own.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class _Remote(Generic[Task, Result]):
    """What a worker runs: the work, when it is clear that it will be as the caller's own."""

    work: Work[Task, Result]
    token: _Token
    inputs: tuple[Path, ...]
    versions: dict[str, str | None] = field(default_factory=dict)

    def __call__(self, task: Task) -> tuple[Result, int]:
        """Return the result and how much was ticked."""
        from distributed import get_worker
        from threadpoolctl import threadpool_limits

        worker = get_worker()
        key, ticked = worker.get_current_task(), 0

        def tick(count: int) -> None:
            nonlocal ticked
            ticked += count
            known = worker.state.tasks.get(key)
            if known is None or known.state == "cancelled":  # The caller has gone, or gave up.
                raise InterruptedError

        with _one_at_a_time:
            tick(0)
            self.check(worker.address)
            # For good, as Dask itself starts workers, and as in processes of our own: it changes no bit.
            threadpool_limits(1)
            return self.work(task, tick), ticked

    def check(self, worker: str) -> None:
        """Refuse to work where versions or files are others than the caller's."""
        for name, version in _versions().items():
            if version != self.versions.get(name):
                raise GalkerasError(
                    f"the worker {worker} has {name} {version or 'not at all'}, and here it is"
                    f" {self.versions.get(name) or 'not there'}: start workers from this environment"
                )
        end = time.monotonic() + _APPEAR
        while not (seen := self.token.seen()) and time.monotonic() < end:
            time.sleep(1)
        absent = [path for path in (*self.inputs, self.token.path.parent) if not path.exists()]
        if not seen or absent:
            raise GalkerasError(
                f"the worker {worker} on {platform.node()} does not see {(absent or [self.token.path.parent])[0]}: all"
                " workers need a file system that they share with this machine"
            )
