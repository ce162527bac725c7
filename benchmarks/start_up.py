"""How long until a command's own work begins?

    python benchmarks/start_up.py [--rounds 5]

Two commands that print their help, and the imports of two that work: `predict`, and `encode` with TensorFlow and the
default architecture. Each is a process of its own, with `python` as it runs this, and they take turns. Medians of
seconds by the clock and of processor seconds, each process's own children included. Prints a Markdown table.
"""

import argparse
import os
import subprocess
import sys

import numpy as np
from turns import turns

from galkeras.io.text import markdown_table

_HELP = "import sys; from galkeras.cli import main; sys.argv = {!r}; main()"
WORK = {
    "`galkeras --help`": _HELP.format(["galkeras", "--help"]),
    "`galkeras encode --help`": _HELP.format(["galkeras", "encode", "--help"]),
    "`predict`: its imports": "import galkeras.morphology.predict",
    "`encode`: its imports, with TensorFlow and the architecture": (
        "import galkeras.latents.encode; from galkeras.models.architectures import ARCHITECTURES;"
        " ARCHITECTURES['upright']"
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    work = {name: lambda code=code: run(code) for name, code in WORK.items()}
    clock: dict[str, list[float]] = {name: [] for name in work}
    processor: dict[str, list[float]] = {name: [] for name in work}
    for name, seconds, spent in turns(work, options.rounds):
        clock[name].append(seconds)
        processor[name].append(spent)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {options.rounds} rounds\n")
    rows = [(name, f"{np.median(clock[name]):.2f}", f"{np.median(processor[name]):.2f}") for name in work]
    print(markdown_table(("", "s by the clock", "processor s"), rows))


def run(code: str) -> float:
    """Run Python code in a new process and return its processor seconds."""
    before = os.times()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


if __name__ == "__main__":
    main()
