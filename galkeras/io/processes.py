"""Work in other processes: in one whose memory goes with it, or in many at once."""

__all__ = ["cores", "in_child", "in_parallel"]

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from galkeras.io.errors import GalkerasError

Task = TypeVar("Task")
Result = TypeVar("Result")
Work = Callable[[Task, Callable[[int], object]], Result]

# Seconds between two looks at how far the processes are.
_GLANCE = 0.2


def cores() -> int:
    """Return how many cores this process may use, which on a shared machine are fewer than there are."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # of macOS and Windows
        return os.cpu_count() or 1


def in_parallel(
    work: Work[Task, Result],
    tasks: Sequence[Task],
    workers: int,
    progress: Callable[[int], object] = lambda count: None,
) -> list[Result]:
    """Return ``work(task, tick)`` of each task in order, done by several processes.

    Processes are spawned, because TensorFlow's threads in the caller would not survive a fork, and each computes with
    one thread, so that they do not get in each other's way and the number of processes changes no bit. The first error
    ends the others at their next tick, as does Ctrl-C; and they end with this process even where that is killed. A
    script that calls this needs no ``if __name__ == "__main__":``.

    Args:
        work: A function of a module, or a partial of one. It calls ``tick`` with how much it has done since last.
        tasks: What it is called with.
        workers: How many processes at most. One does the work in this process.
        progress: Called with what has been ticked since last.

    Raises:
        GalkerasError: A process was killed.
    """
    workers = min(workers, len(tasks))
    if workers <= 1:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):
            return [work(task, progress) for task in tasks]
    context = multiprocessing.get_context("spawn")
    done, stop = context.Value("q", 0), context.Event()
    with ProcessPoolExecutor(workers, context, _start_worker, (work, done, stop)) as pool:
        ended: SimpleQueue[Future[Any]] = SimpleQueue()
        seen, left = 0, len(tasks)
        try:
            with _ctrl_c_ignored(), _main_left_out(work):
                futures = [pool.submit(_work, task) for task in tasks]
            for future in futures:
                future.add_done_callback(ended.put)
            while left:
                with suppress(Empty):
                    # An error counts as soon as it comes, whatever task it is of.
                    ended.get(timeout=_GLANCE).result()
                    left -= 1
                seen, before = done.value, seen
                progress(seen - before)
            return [future.result() for future in futures]
        except BrokenProcessPool:
            raise GalkerasError(
                "a worker process was killed, perhaps for want of memory: try fewer `workers`; the same command goes on"
                " where this one stopped"
            ) from None
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


@contextmanager
def _ctrl_c_ignored() -> Iterator[None]:
    """Processes started inside ignore Ctrl-C from their first moment: the parent alone decides, and tells them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


@contextmanager
def _main_left_out(work: Callable[..., Any]) -> Iterator[None]:
    """Processes started inside do not run the main module again, as spawned ones do to find what is defined there.

    A plain script would start its own work anew in each. Nothing of ours is defined there; where the work is, the main
    module stays.
    """
    main = sys.modules["__main__"]
    if getattr(getattr(work, "func", work), "__module__", None) == "__main__":
        yield
        return
    # By these two `multiprocessing.spawn` finds it.
    hidden = {name: getattr(main, name) for name in ("__spec__", "__file__") if hasattr(main, name)}
    main.__spec__ = None
    if "__file__" in hidden:
        del main.__file__
    try:
        yield
    finally:
        for name, value in hidden.items():
            setattr(main, name, value)


_worker: tuple[Any, ...] = ()


def _start_worker(work: Work[Any, Any], done: Any, stop: Any) -> None:
    # By now the function's module has loaded what computes in threads.
    from threadpoolctl import threadpool_limits

    global _worker
    _worker = work, done, stop
    threadpool_limits(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _work(task: Any) -> Any:
    work, done, stop = _worker

    def tick(count: int) -> None:
        if stop.is_set():
            raise InterruptedError
        with done.get_lock():
            done.value += count

    return work(task, tick)


def in_child(work: Callable[..., object], tasks: Sequence[tuple[Any, ...]]) -> Iterator[None]:
    """Call ``work(*task)`` for each task in one child process, and yield after each.

    What the work raises is raised here. The child ends with the iterator, whether by its end, an exception or an
    interrupt, and with this process even where that is killed.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_serve, args=(sender, work, tasks), daemon=True)
    with _main_left_out(work):
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


def _serve(sender: Connection, work: Callable[..., object], tasks: Sequence[tuple[Any, ...]]) -> None:
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
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
