"""Which file shows which galaxy."""

__all__ = ["Source", "locate_cutouts"]

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from galkeras.io.errors import GalkerasError
from galkeras.surveys.cutouts import extension_of, extensions, format_of

if TYPE_CHECKING:  # A process that writes a shard needs `Source` alone, and astropy's tables take half of its start.
    from astropy.table import Table


class Source(NamedTuple):
    """Where a galaxy's pixels are: a file, and the row where the file holds many."""

    path: str
    row: int | None = None


def locate_cutouts(table: "Table", cutouts: str | Path, catalog: str | Path) -> list[Source | str]:
    """Return a `Source` for each row of a catalog, or the reason why there is none.

    A galaxy's file is the column ``file`` (beside the cutouts or the catalog), or else any ``ID.EXT`` in the
    folder or below it, which covers the release layout ``J004/J004544.11-005037.5.png``. FITS goes before PNG
    before JPEG. The folder is listed once. Where ``cutouts`` is an HDF5 file, the column ``row`` counts its
    images from 0.

    Raises:
        GalkerasError: ``cutouts`` does not exist, or shows none of the galaxies.
    """
    cutouts = Path(cutouts)
    if format_of(cutouts).read_row:
        if not cutouts.is_file():
            raise GalkerasError(f"cutouts {cutouts} do not exist")
        if "row" not in table.colnames:
            raise GalkerasError(f"{catalog} needs a column 'row': the index of each galaxy's image in {cutouts}")
        return [_in_row(str(cutouts), row) for row in table["row"]]
    if not cutouts.is_dir():
        raise GalkerasError(f"cutouts must be a folder or an HDF5 file. Received: {cutouts}")
    index = _index(cutouts)
    files = [_file_name(name) for name in table["file"]] if "file" in table.colnames else [""] * len(table)
    beside = Path(catalog).parent
    found = [_find(index, cutouts, beside, name, file) for name, file in zip(table["id"], files, strict=True)]
    if not any(isinstance(source, Source) for source in found):
        several = next((reason for reason in found if reason.startswith("ambiguous")), None)
        if several:
            raise GalkerasError(f"no galaxy has one cutout in {cutouts}; {several}: name the folder of one survey")
        example = files[0] or f"{table['id'][0]}.fits (or {', '.join(extensions()[1:])})"
        raise GalkerasError(
            f"no cutout found for any of {len(table)} galaxies: looked in {cutouts} and below,"
            f" where {len(index)} images are, for names like {example}"
        )
    return found


def _in_row(path: str, row: Any) -> Source | str:
    """Return the source of an image by its row, as a catalog gives it: empty, a whole number, or a mistake."""
    if row is None or row is np.ma.masked or row != row:
        return "no cutout found: no row"
    try:
        number = int(row)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or number != row or isinstance(row, str | bytes):
        raise GalkerasError(f"the catalog's column 'row' must be whole numbers. Received: {row!r:.40}")
    return Source(path, number)


def _file_name(name: Any) -> str:
    if name is None or name is np.ma.masked:
        return ""
    if not isinstance(name, str):
        raise GalkerasError(f"the catalog's column 'file' must be text. Received: {name!r:.40}")
    return name


def _index(folder: Path) -> dict[str, list[str]]:
    """Return the images in and below a folder by their names without extension."""
    index: dict[str, list[str]] = {}
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            extension = extension_of(name)
            if extension and not name.startswith("."):
                index.setdefault(name[: -len(extension)], []).append(os.path.join(parent, name))
    return index


def _find(index: dict[str, list[str]], cutouts: Path, beside: Path, galaxy: str, file: str) -> Source | str:
    if file:
        for folder in (cutouts, beside):
            path = os.path.normpath(os.path.join(folder, file))
            if os.path.isfile(path):
                return Source(path)
        return f"no cutout found: no file {file}"
    paths = index.get(galaxy, [])
    for extension in extensions():
        best = [path for path in paths if path.lower().endswith(extension)]
        if len(best) > 1:
            return f"ambiguous: {len(best)} cutouts of this name, {best[0]} and {best[1]}"
        if best:
            return Source(best[0])
    return "no cutout found"
