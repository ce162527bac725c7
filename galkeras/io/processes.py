"""Work in a process of its own, whose memory goes with it."""

__all__ = ["in_child"]

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection

from galkeras.io.errors import GalkerasError


def in_child(work: Callable[..., object], tasks: Sequence[tuple]) -> Iterator[None]:
    """Call ``work(*task)`` for each task in one child process, and yield after each.

    What the work raises is raised here. The child ends with the iterator, whether by its end, an exception or an
    interrupt, and with this process even where that is killed.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_serve, args=(sender, work, tasks), daemon=True)
    child.start()
    sender.close()
    try:
        for _ in tasks:
            try:
                error = receiver.recv()
            except EOFError:
                child.join()
                raise GalkerasError(
                    f"a process ended with code {child.exitcode}, perhaps for want of memory: the same command goes on"
                ) from None
            if error is not None:
                raise error
            yield
    finally:
        child.terminate()
        child.join()
        receiver.close()


def _serve(sender: Connection, work: Callable[..., object], tasks: Sequence[tuple]) -> None:
    # Ctrl-C reaches the whole group of processes; the parent answers it and ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for task in tasks:
        try:
            work(*task)
        except (GalkerasError, OSError) as error:
            sender.send(error)
        except Exception as error:  # of libraries, which need not survive the way through a pipe
            sender.send(RuntimeError(f"{type(error).__name__}: {error}"))
        else:
            sender.send(None)


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
