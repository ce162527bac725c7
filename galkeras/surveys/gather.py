"""Galaxies and their cutouts: from a catalog, or from what the files themselves say."""

__all__ = ["LABEL", "LABEL_FROM", "gather"]

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from astropy.table import Table, vstack

from galkeras.io.errors import GalkerasError, did_you_mean
from galkeras.surveys.catalog import position_of, read_catalog
from galkeras.surveys.cutouts import extension_of, extensions, format_of
from galkeras.surveys.cutouts.parquet import IMAGE_ENDS
from galkeras.surveys.locate import Source, locate_cutouts

LABEL = "label"
"""The column that classes read off names are in."""

LABEL_FROM = ("name",)
"""Where classes can be read off: the names of folders, or of files where all are in one."""

_MOST_CLASSES = 100
# What counts the galaxies of a class at the end of a file's name.
_COUNTER = re.compile(r"[-_ .]*\d+$")


def gather(
    catalog: str | Path | None,
    cutouts: str | Path,
    id_column: str | None = None,
    position: bool = True,
    columns: Sequence[str] | None = None,
    label_from: str | None = None,
) -> tuple[Table, list[Source | str]]:
    """Return galaxies, one a row, and of each its `Source` or the reason why there is none.

    Without a catalog these are all images: of a folder, where a galaxy is named as its file (and its folders, where two
    files have one name); or of files that hold many and what is known of each (HDF5, npz, Parquet, Arrow, or a folder
    of the last two, as Hugging Face's ``datasets`` writes them).

    Args:
        catalog: One row a galaxy, see `read_catalog`; or None.
        cutouts: A folder or a file of many images.
        id_column: The column that names the galaxies.
        position: Whether a catalog must know ra and dec.
        columns: The columns to keep of a catalog; without one all are kept.
        label_from: ``name`` adds the column `LABEL`: of a galaxy the folder that its file is in, or, where all are in
            one folder, its file's name without the number at the end.

    Raises:
        GalkerasError: Nothing is there, a catalog is damaged, or names hold no classes.
    """
    cutouts = Path(cutouts)
    if label_from is not None and label_from not in LABEL_FROM:
        raise GalkerasError(f"`label_from` must be {' or '.join(LABEL_FROM)}. Received: label_from={label_from!r}")
    if catalog is not None:
        if label_from is not None:
            raise GalkerasError("`label_from` is for cutouts without a catalog: leave one of them out")
        table = read_catalog(catalog, id_column, position, columns=columns)
        return table, locate_cutouts(table, cutouts, catalog)
    if not cutouts.exists():
        raise GalkerasError(f"cutouts {cutouts} do not exist")
    files = _images(cutouts) if cutouts.is_dir() else []
    if files:
        if id_column is not None:
            raise GalkerasError(
                f"`id_column` is of a catalog, and {cutouts} has none. Received: id_column={id_column!r}"
            )
        return _folder(cutouts, files, label_from), [Source(str(cutouts / file)) for file in files]
    if label_from is not None:
        raise GalkerasError(f"`label_from` reads names of PNG, JPEG or FITS files, and {cutouts} holds none")
    return _many(cutouts, id_column)


def _images(folder: Path) -> list[PurePosixPath]:
    """Return the images in and below a folder, one a name; where formats differ, the best."""
    ends = extensions()
    best: dict[str, tuple[int, PurePosixPath]] = {}
    for path in sorted(folder.rglob("*")):
        end = extension_of(path.name)
        if end is None or path.name.startswith(".") or not path.is_file():
            continue
        file = PurePosixPath(path.relative_to(folder).as_posix())
        name, rank = str(file)[: -len(end)], ends.index(end)
        if name not in best or rank < best[name][0]:
            best[name] = rank, file
    return [file for _, file in best.values()]


def _folder(folder: Path, files: list[PurePosixPath], label_from: str | None) -> Table:
    # A name of bytes that are no UTF-8 could be written into no table.
    files = [PurePosixPath(str(file).encode(errors="backslashreplace").decode()) for file in files]
    stems = [file.name[: -len(extension_of(file.name) or "")] for file in files]
    several = {stem for stem, count in Counter(stems).items() if count > 1}
    names = [str(file.with_name(stem)) if stem in several else stem for file, stem in zip(files, stems, strict=True)]
    places = [position_of(stem) or (np.nan, np.nan) for stem in stems]
    ra, dec = np.array(places, float).T
    table = Table({"id": np.array(names), "ra": ra, "dec": dec, "file": [str(file) for file in files]})
    if label_from is not None:
        table[LABEL] = _labels(folder, files, stems)
    return table


def _labels(folder: Path, files: list[PurePosixPath], stems: list[str]) -> np.ndarray:
    folders = [str(file.parent) for file in files]
    by_folder = len(set(folders)) > 1
    labels = folders if by_folder else [_COUNTER.sub("", stem) for stem in stems]
    counts = Counter(labels)
    what = "folders" if by_folder else "file names"
    if len(counts) == 1:
        raise GalkerasError(
            f"the {what} in {folder} hold one class, {labels[0]!r}, for all {len(labels):,} images: put each class into"
            " a folder of its name, or name files CLASS_0001.jpg"
        )
    if len(counts) > _MOST_CLASSES or max(counts.values()) == 1:
        raise GalkerasError(
            f"the {what} in {folder} are {len(counts):,} different ones, as {labels[0]!r}, and no classes: put each"
            " class into a folder of its name, or name files CLASS_0001.jpg"
        )
    return np.array(labels)


def _many(cutouts: Path, id_column: str | None) -> tuple[Table, list[Source | str]]:
    """Return the galaxies of files that hold many images and what is known of each."""
    if cutouts.is_dir():
        parts = sorted(
            path
            for path in cutouts.rglob("*")
            if path.suffix in IMAGE_ENDS and not path.name.startswith((".", "cache-")) and path.is_file()
        )
        if not parts:
            raise GalkerasError(f"folder {cutouts} holds no cutouts ({', '.join((*extensions(), *IMAGE_ENDS))})")
    elif format_of(cutouts).read_row is None:
        raise GalkerasError(f"cutouts must be a folder, or a file of many images. Received: {cutouts}")
    else:
        parts = [cutouts]
    tables = [read_catalog(part, id_column, position=False) for part in parts]
    for part, table in zip(parts, tables, strict=True):
        if "row" not in table.colnames:
            raise GalkerasError(f"{part} has no column of images. It has: {', '.join(table.colnames[:10])}")
        table["file"] = str(part)
    table = tables[0] if len(tables) == 1 else vstack(tables, "inner", metadata_conflicts="silent")
    repeated = [name for name, count in Counter(table["id"].tolist()).items() if count > 1]
    if repeated:
        near = did_you_mean("id", [name for name in table.colnames if name != "id"])
        raise GalkerasError(
            f"{cutouts}: {len(repeated):,} names of galaxies appear more than once, as {repeated[0]!r}: name another"
            f" `id_column`.{near}"
        )
    sources: list[Source | str] = [
        Source(str(file), int(row)) for file, row in zip(table["file"], table["row"], strict=True)
    ]
    return table, sources
