"""Folders that commands write: claimed, locked, completed."""

__all__ = ["OutputFolder", "atomic_folder", "exists"]

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from galkeras.io.errors import GalkerasError
from galkeras.io.files import written_for
from galkeras.io.locks import locked

_NAMED = 3


@dataclass(frozen=True)
class OutputFolder:
    """A folder that a command writes, and may have written before.

    Attributes:
        path: The folder.
        command: Who writes, as in the error of a second one at the same time.
        ours: A pattern of the names that the command gives to what it writes there; a folder that holds others is
            refused, and left-overs of files of these names are cleared. Empty: the folder must be new or empty. None:
            anything may stand beside, and is left alone.
        sign: A file that marks the folder as the command's own: where it is, anything may stand beside.
        within: A pattern of the paths below the folder, with slashes, of files that the command writes beside those of
            ``ours``, in folders of its own: left-overs of them are cleared too.
        marker: The file that is written last. It goes first, so that a folder without it is unfinished.
        done: A file that tells finished work, which is replaced with ``overwrite`` alone; None for a command
            that goes on by itself where it left off.
        overwrite: Whether finished work may be replaced.
        lock: The file below the folder that is locked; by default the folder itself, which some network file systems
            cannot lock.
    """

    path: Path
    command: str
    ours: str | None = None
    sign: str | None = None
    within: str | None = None
    marker: str | None = None
    lock: str = ""
    done: str | None = None
    overwrite: bool = False

    def check(self) -> None:
        """Refuse what cannot be written, before any work.

        Raises:
            GalkerasError: The path is a file, or the folder holds something else, or finished work.
        """
        if not self.path.exists():
            return
        if not self.path.is_dir():
            raise GalkerasError(f"{self.path} is a file: choose a folder for `out`")
        if self.done is not None and not self.overwrite and (self.path / self.done).exists():
            raise exists(self.path / self.done)
        if self.ours is None or (self.sign is not None and (self.path / self.sign).exists()):
            return
        strange = sorted(entry.name for entry in self.path.iterdir() if not self._is_ours(entry.name))
        if not strange:
            return
        if self.ours:
            trouble = f"is not empty and holds something else ({', '.join(strange[:_NAMED])})"
        elif self.sign is not None:
            trouble = f"is not empty and holds no {self.sign}"
        else:
            trouble = "exists and is not an empty folder"
        raise GalkerasError(f"{self.path} {trouble}: choose another folder for `out`")

    @contextmanager
    def writing(self) -> Iterator[Path]:
        """Yield the path of the folder, which is there, locked, clear of left-overs and without its marker.

        If the work fails before anything is written, a folder that was not there before is not there after.

        Raises:
            GalkerasError: As `check`, or the same command is writing there at this time.
        """
        self.check()
        new = not self.path.exists()
        self.path.mkdir(parents=True, exist_ok=True)
        with locked(self.path / self.lock, self.command, self.path):
            self.clear()
            if self.marker is not None:
                (self.path / self.marker).unlink(missing_ok=True)
            try:
                yield self.path
            finally:
                if new:
                    with suppress(OSError):  # It holds something.
                        self.path.rmdir()

    def clear(self) -> None:
        """Remove what is left of files that were being written. Only who has the lock may."""
        for entry in self._left_overs():
            entry.unlink(missing_ok=True)

    def _is_ours(self, name: str) -> bool:
        """Tell the command's own files, and what is left of one that was being written when the command was killed."""
        return self._matches(name) or self._is_left_over(name)

    def _is_left_over(self, path: str) -> bool:
        """Tell what is left of a file of the command's, by its path below the folder."""
        folder, slash, name = path.rpartition("/")
        file = written_for(name)
        if file is None:
            return False
        below = self.within and re.fullmatch(self.within, folder + slash + file)
        return bool(below) or (not folder and (self._matches(file) or file in (self.sign, self.marker, self.done)))

    def _left_overs(self) -> list[Path]:
        found = self.path.iterdir() if self.within is None else self.path.rglob(".*")
        return [entry for entry in found if self._is_left_over(entry.relative_to(self.path).as_posix())]

    def _matches(self, name: str) -> bool:
        return bool(self.ours and re.fullmatch(self.ours, name))


def exists(path: Path) -> GalkerasError:
    """Return the error for finished work that is in the way."""
    return GalkerasError(f"{path} exists: `overwrite=True` replaces it, or give another `out`")


@contextmanager
def atomic_folder(path: str | Path, command: str, overwrite: bool = False) -> Iterator[Path]:
    """Yield a new folder beside ``path`` that becomes it on success and is removed on any failure.

    Nothing must stand at ``path`` by then, except an empty folder, or what ``overwrite`` says may go. What a kill left
    is removed by the next try.

    Raises:
        GalkerasError: Another process is writing the same folder.
    """
    path = Path(path).absolute()
    staged = path.with_name(f".{path.name}.part")
    staged.mkdir(parents=True, exist_ok=True)
    with locked(staged, command, path):
        try:
            for entry in list(staged.iterdir()):
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
            yield staged
            if overwrite:
                shutil.rmtree(path, ignore_errors=True)
            elif path.is_dir():
                path.rmdir()  # Windows renames to what is not there alone
            os.replace(staged, path)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
