"""Seeing that the other workers of a run are there, so that none waits for ever for one that is not."""

__all__ = ["GONE", "leave_soon", "watched"]

import atexit
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from galkeras.training.workers import Workers

_log = logging.getLogger(__name__)

GONE = (
    "another worker has ended, whose output says why. The last whole epoch is kept: start all again with `resume=True`"
)

# TensorFlow notices by itself, most often within 15 s: a worker that is not answered for half a minute, and then has
# not ended by itself for another, is stuck inside of it.
_EVERY, _MISSES, _GRACE = 10.0, 3, 30.0
# Launchers start workers at their leisure.
_START = 600.0
_LEAVE = 20


@contextmanager
def watched(workers: Workers) -> Iterator[None]:
    """End this process, inside of the block, where a worker is gone and TensorFlow has not said so.

    The chief looks at the others, and they look at the chief: whether their ports can still be connected to.
    """
    stop = threading.Event()
    others = workers.addresses[1:] if workers.chief else workers.addresses[:1]
    thread = threading.Thread(target=_watch, args=(others, workers.index, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()


def leave_soon() -> None:
    """See to it that this process, once it ends, does not hang in taking leave of workers that are gone."""
    if hasattr(signal, "alarm") and threading.current_thread() is threading.main_thread():
        atexit.register(lambda: (signal.signal(signal.SIGALRM, signal.SIG_DFL), signal.alarm(_LEAVE)))


def _watch(addresses: tuple[str, ...], index: int, stop: threading.Event) -> None:
    begun = time.monotonic()
    missed: dict[str, int] = {}
    while not stop.wait(_EVERY):
        for address in addresses:
            if _answers(address):
                missed[address] = 0
            elif address in missed:
                missed[address] += 1
            elif time.monotonic() - begun > _START:
                _end(index, f"no worker has come to {address} for {_START:.0f} s: start all, with the same addresses")
        if max(missed.values(), default=0) >= _MISSES:
            if not stop.wait(_GRACE):
                _end(index, GONE)
            return


def _end(index: int, why: str) -> None:
    # The main thread waits inside of TensorFlow, where nothing can be raised.
    _log.error(f"worker {index}: {why}")
    os._exit(1)


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_EVERY).close()
    except OSError:
        return False
    return True
