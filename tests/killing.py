"""Commands that are killed at every operation on files, or at any moment, and run again.

    python tests/killing.py --work /tmp/kills --out kills.json

runs each command of `victims.py` undisturbed, counts the files that it opens to write, renames, removes and makes,
and then, for each of these, runs it anew, is killed (SIGKILL) there, asks the reader of its output what it makes of
that, and runs it again. With ``--moments 20`` it is killed at moments drawn by chance instead.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

TESTS = Path(__file__).parent
sys.path[:0] = [str(TESTS.parent), str(TESTS / "surveys")]

from cutout_service import CutoutService  # noqa: E402
from victims import COMMANDS, SERVED, SERVER, SERVICE, inputs_of, tree  # noqa: E402

from galkeras.io.errors import GalkerasError  # noqa: E402

_EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@dataclass
class Tally:
    """What came of the kills of a command."""

    operations: int = 0
    kills: int = 0
    troubles: list[str] = field(default_factory=list)


def _ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def in_fork(work: Callable[[], object], log: Path, wait: Callable[[int], int] = _ended) -> int:
    """Do some work in a child process and return how it ended; what it says goes into a log."""
    child = os.fork()
    if child:
        return wait(child)
    code = 1
    try:
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1), os.dup2(file, 2)
        warnings.simplefilter("ignore")
        work()
        code = 0
    except GalkerasError as error:
        print(error, flush=True)
        code = 3
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        sys.stdout.flush()
        os._exit(code)


def killed_at(count: int, folder: Path, work: Callable[[], object], counter: Path | None = None) -> None:
    """Do some work, and be killed before its operation of this number on files below a folder; count them if not."""
    seen = 0

    def hook(event: str, arguments: tuple) -> None:
        nonlocal seen
        if event not in _EVENTS or not str(arguments[0]).startswith(str(folder)):
            return
        if event == "open" and not (arguments[2] or 0) & _WRITES:
            return
        seen += 1
        if seen == count:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    work()
    if counter is not None:
        total = seen
        counter.write_text(str(total))


def killed_after(seconds: float, work: Callable[[], object], log: Path) -> int:
    """Do some work in a child process, kill it after so long, and return how it ended.

    By chance its own processes are killed with it, as a batch system does, or are left to see for themselves.
    """

    def led() -> None:
        os.setpgid(0, 0)
        work()

    def waited(child: int) -> int:
        # Child or parent, whoever comes first: there must be a group to kill.
        with suppress(OSError):
            os.setpgid(child, child)
        time.sleep(seconds)
        random.choice((os.kill, os.killpg))(child, signal.SIGKILL)
        return _ended(child)

    return in_fork(led, log, waited)


class Trial:
    """A command that is killed again and again, in folders below ``work``."""

    def __init__(self, name: str, inputs: Path, work: Path) -> None:
        self.command, self.inputs, self.work = COMMANDS[name], inputs, work
        self.log, self.answer, self.tally = work / "log", work / "answer", Tally()
        self.old = None

    def fresh(self, name: str) -> Path:
        """Return a new folder of outputs, with what is there before the command."""
        folder = self.work / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        before = self.command.before
        if before is not None:
            assert in_fork(lambda: before(self.inputs, folder), self.log) == 0, self.log.read_text()
            self.old = self.old or self.asked(self.command.accept, folder)[1]
        return folder

    def run(self, out: Path) -> None:
        self.command.run(self.inputs, out, self.command.before is not None)

    def asked(self, what: Callable[[Path], object], out: Path) -> tuple[int, object]:
        """Return how a question about a folder ended, and the answer."""
        code = in_fork(lambda: self.answer.write_text(json.dumps(what(out))), self.log)
        return code, json.loads(self.answer.read_text()) if code == 0 else None

    def undisturbed(self) -> None:
        """Run it to the end: how many operations that takes, how long, and what is there then."""
        whole = self.fresh("whole")
        count = self.work / "count"
        begun = time.perf_counter()
        code = in_fork(lambda: killed_at(0, whole, lambda: self.run(whole), count), self.log)
        assert code == 0, self.log.read_text()
        self.seconds, self.tally.operations = time.perf_counter() - begun, int(count.read_text())
        for name in ("accept", "told"):
            code, found = self.asked(getattr(self.command, name), whole)
            assert code == 0, self.log.read_text()
            setattr(self, name, found)

    def kill_at(self, count: int) -> None:
        """Kill it at an operation, and see what comes of that."""
        out, where = self.fresh("out"), f"operation {count}"
        code = in_fork(lambda: killed_at(count, out, lambda: self.run(out)), self.log)
        if code != -signal.SIGKILL:
            self.tally.troubles.append(f"{where}: not killed: {code} {self.log.read_text()[-600:]}")
            return
        self.look(out, where)

    def kill_after(self, seconds: float) -> None:
        """Kill it after so many seconds, if it runs for as long, and see what comes of that."""
        out = self.fresh("out")
        if killed_after(seconds, lambda: self.run(out), self.log) == -signal.SIGKILL:
            self.look(out, f"{seconds:.3f} s")

    def look(self, out: Path, where: str) -> None:
        """Ask the reader of what is left, run the command again, and compare."""
        self.tally.kills += 1
        say = self.tally.troubles.append
        left = [name for name in tree(out) if "part" in name]
        code, found = self.asked(self.command.accept, out)
        if code == 1:
            say(f"{where}: the reader: {self.log.read_text()[-600:]}")
        elif code == 0 and found not in (self.accept, self.old):
            say(f"{where}: the reader accepts what is half-written: {str(found)[:300]}")
        code = in_fork(lambda: self.run(out), self.log)
        # Work that was finished when the kill came is refused, as ever, and is all there.
        finished = code == 3 and " exists" in self.log.read_text()
        if code and not finished:
            say(f"{where}: the rerun: {code} {self.log.read_text()[-600:]}")
            return
        code, found = self.asked(self.command.told, out)
        if code or found != self.told:
            odd = self.log.read_text()[-600:] if code else _differing(found, self.told)
            say(f"{where}: {'refused and ' * finished}other than undisturbed: {odd} {left}")


@contextmanager
def services(inputs: Path, names: Sequence[str]) -> Iterator[None]:
    """Run the servers that these commands ask: the cutouts', and that of a model, which is a process of its own."""
    with CutoutService() as service, ExitStack() as stack:
        os.environ[SERVICE] = service.url
        if "request" in names:
            command = [sys.executable, "-m", "serving.stand_in", inputs / SERVED, "0", "0"]
            server = stack.enter_context(subprocess.Popen(command, cwd=TESTS, stdout=subprocess.PIPE, text=True))
            stack.callback(server.kill)
            os.environ[SERVER] = server.stdout.readline().split()[0]
        yield


def _differing(found: object, wanted: object) -> object:
    if isinstance(found, dict) and isinstance(wanted, dict):
        return sorted(key for key in {*found, *wanted} if found.get(key) != wanted.get(key))
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        return [_differing(one, other) for one, other in zip(found, wanted, strict=True) if one != other]
    return str(found)[:200], str(wanted)[:200]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--most", type=int, default=10_000, help="kills a command")
    parser.add_argument("--moments", type=int, default=0, help="kills a command, at moments drawn by chance")
    parser.add_argument("--only", help="names, between semicolons")
    parser.add_argument("--light", action="store_true", help="leave out what needs TensorFlow")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    names = options.only.split(";") if options.only else list(COMMANDS)
    names = [name for name in names if not (options.light and COMMANDS[name].heavy)]
    heavy = any(COMMANDS[name].heavy for name in names) or "report" in names
    inputs, log = options.work / "inputs", options.work / "log"
    if not inputs.exists():
        inputs.mkdir(parents=True)
        assert in_fork(lambda: inputs_of(inputs, heavy), log) == 0, log.read_text()
    if heavy:
        # Loaded once, and used by no one here: a process that has used it cannot be forked.
        import galkeras.training.fitting  # noqa: F401
    tallies = {}
    random.seed(0)
    with services(inputs, names):
        for name in names:
            begun = time.perf_counter()
            trial = Trial(name, inputs, options.work)
            trial.undisturbed()
            tallies[name] = one = trial.tally
            if options.moments:
                for _ in range(options.moments):
                    trial.kill_after(random.uniform(0, trial.seconds))
            else:
                for count in range(1, one.operations + 1, max(1, -(-one.operations // options.most))):
                    trial.kill_at(count)
            spent = time.perf_counter() - begun
            print(f"{name}: {one.operations} operations, {one.kills} kills, {spent:.0f} s", flush=True)
            for trouble in one.troubles:
                print("   ", trouble, flush=True)
    if options.out:
        options.out.write_text(json.dumps({name: vars(one) for name, one in tallies.items()}, indent=2))
    sys.exit(any(one.troubles for one in tallies.values()))


if __name__ == "__main__":
    main()
