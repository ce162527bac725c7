"""Which rows of a catalog can be asked for, and why others cannot."""

__all__ = ["Place", "Target", "read_targets"]

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from astropy.table import Table

from galkeras.io.errors import GalkerasError, did_you_mean
from galkeras.surveys.catalog import id_texts, position_of, read_rows

# Of the 255 bytes that a file name may have, with room for what a temporary one is called.
_LONGEST_NAME = 200
_EXTENSIONS = (".fits", ".fit")


@dataclass(frozen=True)
class Place:
    """Where on the sky a row of a catalog is.

    Attributes:
        id: The galaxy's name.
        ra: degrees, NaN where the row has none.
        dec: degrees, NaN where the row has none.
    """

    id: str
    ra: float
    dec: float


@dataclass(frozen=True)
class Target(Place):
    """A row of a catalog, and what is to come of it.

    Attributes:
        file: Where its cutout goes, below the folder, as `galkeras.surveys.locate` will look for it; empty where it is
            rejected.
        reason: Why it is rejected.
    """

    file: str = ""
    reason: str = ""


def read_targets(path: str | Path, id_column: str | None = None) -> list[Target]:
    """Return a target for each row of a catalog, in its order.

    A row is rejected where it has no id, no position or one that is not on the sky, an id that cannot name a file, or
    the id or file of an earlier row.

    Raises:
        GalkerasError: An unreadable catalog, or one without ids or positions.
    """
    path = Path(path)
    table, name = read_rows(path, id_column, ["file"])
    ids = id_texts(path, name, table[name])
    ra, dec = _positions(path, table, ids)
    files = [value if isinstance(value, str) else "" for value in _values(table, "file")]
    return list(_judged(ids, ra, dec, files))


def _judged(ids: list[str], ra: np.ndarray, dec: np.ndarray, files: list[str]) -> Iterator[Target]:
    first: dict[str, int] = {}
    for row, (name, x, y, file) in enumerate(zip(ids, ra.tolist(), dec.tolist(), files, strict=True), 1):
        file = file.strip() or f"{name}.fits"
        reason = _trouble(name, x, y, file)
        # ./a.fits and a.fits are one file.
        place = str(PurePosixPath(file)) if "/" in file else file
        for kind, key in (("id", f"id {name}"), ("file", f"file {place}")):
            if not reason and first.setdefault(key, row) != row:
                reason = f"the {kind} is that of row {first[key]} too"
        # What can be printed on one line; such names are rejected.
        shown = "".join(letter if letter.isprintable() else "?" for letter in name)
        yield Target(shown, x, y, reason=reason) if reason else Target(name, x, y, file)


def _trouble(name: str, ra: float, dec: float, file: str) -> str:
    if not name:
        return "no id"
    if np.isnan(ra) or np.isnan(dec):
        return "no position"
    if not 0 <= ra <= 360:
        return f"ra must be 0 to 360 degrees, not {ra:g}"
    if not -90 <= dec <= 90:
        return f"dec must be -90 to 90 degrees, not {dec:g}"
    if not name.isprintable() or any(letter in name for letter in "/\\") or name.startswith("."):
        return "the id cannot name a file"
    parts = PurePosixPath(file)
    strange = parts.is_absolute() or any(part.startswith(".") for part in parts.parts)
    if strange or not file.isprintable() or "\\" in file or not file.lower().endswith(_EXTENSIONS):
        return f"make-tfrecords will look for the catalog's file {ascii(file)}, which is no FITS file in the folder"
    if any(len(part.encode(errors="replace")) > _LONGEST_NAME for part in parts.parts):
        return "the name of its file is too long"
    return ""


def _positions(path: Path, table: Table, ids: list[str]) -> tuple[np.ndarray, np.ndarray]:
    lower = {name.lower(): name for name in reversed(table.colnames)}
    missing = [name for name in ("ra", "dec") if name not in lower]
    if not missing:
        ra, dec = ([_number(value) for value in _values(table, lower[name])] for name in ("ra", "dec"))
        return np.array(ra, float), np.array(dec, float)
    named = [position_of(name) or (np.nan, np.nan) for name in ids]
    ra, dec = np.array(named, float).T
    if np.isfinite(ra).any():
        return ra, dec
    near = "".join(did_you_mean(name, table.colnames) for name in missing)
    raise GalkerasError(f"catalog {path} has no column {' and '.join(missing)} (degrees).{near}")


def _values(table: Table, name: str) -> list:
    """Return a column as Python values, None where it is masked; nothing of a column that is not there."""
    return [None] * len(table) if name not in table.colnames else table[name].tolist()


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return np.nan
