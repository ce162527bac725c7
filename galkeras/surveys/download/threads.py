"""Waiting for a server in several threads, while one thread does the rest."""

__all__ = ["in_threads"]

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

_GLANCE = 0.1


def in_threads(
    work: Callable[[Task], Result], tasks: Sequence[Task], threads: int, stop: threading.Event
) -> Iterator[tuple[Task, Result]]:
    """Yield each task with what ``work`` makes of it, in the order in which they are done.

    Whoever takes the results does so in one thread, as slowly as needed: no more than a few wait. What ``work`` raises
    is raised here. When the loop ends, for whatever reason, ``stop`` is set, and threads that are still at work end
    with their results lost.

    Args:
        work: Called in a thread; it should end soon when ``stop`` is set.
        tasks: What it is called with, in order.
        threads: How many.
        stop: The sign to end.
    """
    waiting = iter(tasks)
    lock = threading.Lock()
    done: queue.Queue[tuple[Task, Result]] = queue.Queue(threads)
    errors: list[BaseException] = []

    def run() -> None:
        while not stop.is_set():
            with lock:
                try:
                    task = next(waiting)
                except StopIteration:
                    return
            try:
                result = work(task)
            except BaseException as error:
                errors.append(error)
                stop.set()  # At once: nobody asks any more.
                return
            while not stop.is_set():
                with suppress(queue.Full):
                    done.put((task, result), timeout=_GLANCE)
                    break

    # Daemons: a program that is interrupted does not wait for an answer that nobody wants.
    for _ in range(min(threads, len(tasks))):
        threading.Thread(target=run, daemon=True).start()
    try:
        left = len(tasks)
        while left:
            try:
                task, result = done.get(timeout=_GLANCE)
            except queue.Empty:
                if errors:
                    raise errors[0] from None
                if stop.is_set():
                    return
                continue
            left -= 1
            yield task, result
    finally:
        stop.set()
