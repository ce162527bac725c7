"""Contenders that take turns, so that whatever else the machine does slows them alike."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

Result = TypeVar("Result")


def turns(work: Mapping[str, Callable[[], Result]], rounds: int) -> Iterator[tuple[str, float, Result]]:
    """Yield the name, the seconds and the result of each turn, after one of each that does not count."""
    for one in work.values():
        one()
    for _ in range(rounds):
        for name, one in work.items():
            start = time.perf_counter()
            result = one()
            yield name, time.perf_counter() - start, result
