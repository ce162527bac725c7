"""Commands whose disk is full, or whose folder they may not write.

    python tests/disks.py --work /tmp/disks

runs each command of `victims.py` with files limited to a length (the system says then what it says of a full disk) and
in a folder that may only be read. Wanted is an error of one line that names a file, nothing left lying, what was there
before as it was or refused, and that the same command then goes through.
"""

import argparse
import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

TESTS = Path(__file__).parent
sys.path[:0] = [str(TESTS.parent), str(TESTS / "surveys")]

from killing import Trial, in_fork, services  # noqa: E402
from victims import COMMANDS, inputs_of, tree  # noqa: E402

from galkeras.io.errors import GalkerasError  # noqa: E402
from galkeras.io.files import written_for  # noqa: E402


class Disk(Trial):
    """A command whose writes fail."""

    def failing(self, fail: Callable[[], object], out: Path, overwrite: bool, where: str) -> None:
        """Run it with what makes its writes fail, and look at what it says and leaves."""
        say = self.tally.troubles.append
        self.tally.kills += 1

        def run() -> None:
            fail()
            try:
                self.command.run(self.inputs, out, overwrite)
            except OSError as error:
                if not str(error.filename or "").startswith(str(out)):
                    raise
                # As the command line says it.
                raise GalkerasError(f"{error.filename}: {error.strerror or error}") from None
            finally:
                unlimited()

        code = in_fork(run, self.log)
        said = self.log.read_text()
        # A run that is finished and gone on with has nothing to write.
        if code == 0 and overwrite and self.asked(self.command.told, out)[1] == self.told:
            return
        if code != 3 or str(out) not in said or said.count("\n") > 1:
            say(f"{where}: {code} {self.log.read_text()[-900:]}")
        if left := [name for name in tree(out) if written_for(Path(name).name)]:
            say(f"{where}: left lying: {left}")
        code, found = self.asked(self.command.accept, out)
        if code == 1 or (code == 0 and found not in (self.accept, self.old, None)):
            say(f"{where}: the reader: {code} {found} {self.log.read_text()[-600:]}")

    def goes_through(self, out: Path, overwrite: bool, where: str) -> None:
        """Run it with a good disk."""
        code = in_fork(lambda: self.command.run(self.inputs, out, overwrite), self.log)
        # Finished work that is never replaced, as an export's version, is refused, and is all there.
        finished = code == 3 and " exists" in self.log.read_text()
        code, found = self.asked(self.command.told, out) if code == 0 or finished else (code, None)
        if code or found != self.told:
            self.tally.troubles.append(f"{where}: afterwards: {code} {self.log.read_text()[-600:]}")


def full(length: int) -> Callable[[], None]:
    """Return what lets no file be longer than so many bytes."""

    def fail() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (length, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    return fail


def unlimited() -> None:
    """Let files be as long as they may, as that of what is said."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.getrlimit(resource.RLIMIT_FSIZE)[1],) * 2)


def bound() -> None:
    """Be bound by the permissions of files, also as root (Linux: without CAP_DAC_OVERRIDE)."""
    if os.getuid():
        return
    libc = ctypes.CDLL(None, use_errno=True)
    # Version 3; three sets of capabilities (effective, permitted, inheritable) in two halves.
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    libc.capget(header, sets)
    sets[0] &= ~(1 << 1)
    assert libc.capset(header, sets) == 0, os.strerror(ctypes.get_errno())


def try_disks(name: str, inputs: Path, work: Path) -> Disk:
    """Run a command on full disks of two sizes, into new folders and into one of finished work, and read-only."""
    trial = Disk(name, inputs, work)
    trial.undisturbed()
    whole = work / "whole"
    was = tree(trial.fresh("out"))
    written = [whole / name for name, what in tree(whole).items() if what not in ("folder", was.get(name))]
    largest = max(path.stat().st_size for path in written)
    for length in (64, largest // 2):
        out, where = trial.fresh("out"), f"{length} bytes"
        trial.failing(full(length), out, trial.command.before is not None, where)
        trial.goes_through(out, trial.command.before is not None, where)
    trial.failing(full(64), out, True, "over finished work")
    trial.goes_through(out, True, "over finished work")
    out = trial.fresh("out")
    folders = [out, *(path for path in out.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    trial.failing(bound, out, trial.command.before is not None, "read-only")
    for folder in folders:
        folder.chmod(0o755)
    trial.goes_through(out, trial.command.before is not None, "read-only")
    return trial


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", help="names, between semicolons")
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    names = options.only.split(";") if options.only else [name for name in COMMANDS if not COMMANDS[name].heavy]
    heavy = any(COMMANDS[name].heavy for name in names) or "report" in names
    troubles = []
    work = options.work
    inputs, log = work / "inputs", work / "log"
    if not inputs.exists():
        inputs.mkdir(parents=True)
        assert in_fork(lambda: inputs_of(inputs, heavy), log) == 0, log.read_text()
    if heavy:
        import galkeras.training.fitting  # noqa: F401
    with services(inputs, names):
        for name in names:
            trial = try_disks(name, inputs, work)
            print(f"{name}: {trial.tally.kills} disks", flush=True)
            for trouble in trial.tally.troubles:
                print("   ", trouble, flush=True)
            troubles += trial.tally.troubles
    sys.exit(bool(troubles))


if __name__ == "__main__":
    main()
