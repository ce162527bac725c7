"""The workers of a run on several machines, as its launcher tells each of them by the environment."""

__all__ = ["ALONE", "Workers", "refuse_workers"]

import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from galkeras.io.errors import GalkerasError

# Ports of Slurm's jobs lie from here on, below those that Linux gives to clients.
_FIRST_PORT, _PORTS = 10_000, 20_000
# What of a name of nodes is a list: node[01-03,07].
_RANGES = re.compile(r"\[([^\]]*)\]")


@dataclass(frozen=True)
class Workers:
    """Who takes part in a run, and which of them this process is.

    Attributes:
        addresses: ``host:port`` of each, the chief first; empty where this process is alone.
        index: The place of this process among them.
    """

    addresses: tuple[str, ...] = ()
    index: int = 0

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> "Workers":
        """Return what ``TF_CONFIG`` says, or else Slurm's variables of a step of several tasks (``srun``).

        Raises:
            GalkerasError: They cannot be read, or name tasks that are no workers.
        """
        if config := environment.get("TF_CONFIG", "").strip():
            workers = _of_tf_config(config)
        elif environment.get("SLURM_STEP_NUM_TASKS", "1") != "1":
            workers = _of_slurm(environment)
        else:
            return ALONE
        return workers if len(workers.addresses) > 1 else ALONE

    @property
    def several(self) -> bool:
        """Tell whether there is more than one."""
        return len(self.addresses) > 1

    @property
    def chief(self) -> bool:
        """Tell whether this process is the one that writes and speaks."""
        return self.index == 0

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Let the chief alone say what is told of the work, inside of the block; warnings are everybody's."""
        log = logging.getLogger("galkeras")
        level = log.level
        if not self.chief:
            log.setLevel(logging.WARNING)
        try:
            yield
        finally:
            log.setLevel(level)


ALONE = Workers()


def refuse_workers(command: str) -> None:
    """Raise a `GalkerasError` where the environment names several workers and ``command`` is one process's work."""
    if Workers.of().several:
        raise GalkerasError(
            f"{command} is the work of one process, and TF_CONFIG or SLURM_STEP_NUM_TASKS names several: `fit` and"
            " `adapt` alone run on several workers"
        )


def _of_tf_config(text: str) -> Workers:
    try:
        config = json.loads(text)
        cluster, task = config.get("cluster", {}), config.get("task", {})
        known = {job: [str(address) for address in cluster.get(job, [])] for job in ("chief", "worker")}
        strange = sorted(set(cluster) - set(known))
        place = 0
        if cluster:
            number = int(task["index"])
            place = (len(known["chief"]) if task["type"] == "worker" else 0) + number
            # A list that does not have it is an IndexError; below 0 it would count from the end.
            if number < 0 or known[task["type"]][number] != (known["chief"] + known["worker"])[place]:
                raise ValueError("its task is not in its cluster")
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        raise GalkerasError(
            'TF_CONFIG must be JSON like {"cluster": {"worker": ["host1:12345", "host2:12345"]}, "task": {"type":'
            f' "worker", "index": 0}}, and hold its own task. Received: TF_CONFIG={text}'
        ) from None
    if strange:
        raise GalkerasError(f"TF_CONFIG must name tasks of types chief and worker alone. It has: {', '.join(strange)}")
    return Workers((*known["chief"], *known["worker"]), place)


def _of_slurm(environment: Mapping[str, str]) -> Workers:
    # TensorFlow's SlurmClusterResolver needs NVIDIA's tools, and sorts nodes as text (n10 before n9).
    names = (
        "SLURM_STEP_NODELIST",
        "SLURM_STEP_TASKS_PER_NODE",
        "SLURM_PROCID",
        "SLURM_NODEID",
        "SLURM_LOCALID",
        "SLURM_JOB_ID",
    )
    try:
        nodes, tasks, place, node, local, job = (environment[name] for name in names)
        hosts, counts = _hosts(nodes), _counts(tasks)
        first = _FIRST_PORT + (int(job) * 61 + int(environment.get("SLURM_STEP_ID", 0)) * 7) % _PORTS
        addresses = [
            f"{host}:{first + number}" for host, count in zip(hosts, counts, strict=True) for number in range(count)
        ]
        if addresses[int(place)] != f"{hosts[int(node)]}:{first + int(local)}":
            raise ValueError("tasks are not in the order of nodes: ask srun for a block distribution")
    except (KeyError, ValueError, IndexError) as error:
        told = ", ".join(f"{name}={environment.get(name, 'nothing')}" for name in names)
        raise GalkerasError(
            f"the Slurm step has {environment['SLURM_STEP_NUM_TASKS']} tasks, and where these are cannot be read"
            f" ({error}): set TF_CONFIG for each. Received: {told}"
        ) from None
    return Workers(tuple(addresses), int(place))


def _hosts(names: str) -> list[str]:
    """Return the nodes of Slurm's list, in its order.

    >>> _hosts("n[8-10,12],login,gpu[01-02]")
    ['n8', 'n9', 'n10', 'n12', 'login', 'gpu01', 'gpu02']
    """
    hosts = []
    for one in re.findall(r"(?:\[[^\]]*\]|[^,\[])+", names):
        parts = [one]
        while any(_RANGES.search(part) for part in parts):
            parts = [
                part[: found.start()] + number + part[found.end() :]
                for part in parts
                for found in [_RANGES.search(part)]
                for number in _numbers(found[1])
            ]
        hosts += parts
    return hosts


def _numbers(ranges: str) -> list[str]:
    numbers = []
    for one in ranges.split(","):
        first, _, last = one.partition("-")
        numbers += [str(number).zfill(len(first)) for number in range(int(first), int(last or first) + 1)]
    return numbers


def _counts(tasks: str) -> list[int]:
    """Return how many tasks each node has, as Slurm writes it.

    >>> _counts("2(x3),1")
    [2, 2, 2, 1]
    """
    counts = []
    for one in tasks.split(","):
        count, _, times = one.removesuffix(")").partition("(x")
        counts += [int(count)] * int(times or 1)
    return counts
