"""Catalogs as the surveys publish them, read into one spelling."""

__all__ = ["ID_COLUMNS", "id_texts", "position_of", "read_catalog", "read_rows", "rows_in"]

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from astropy.table import Column, MaskedColumn, Table

from galkeras.galaxyzoo.trees import canonical_names
from galkeras.io.columns import HELD
from galkeras.io.errors import GalkerasError, did_you_mean

ID_COLUMNS = ("iauname", "dr8_id", "objid", "object_id", "id", "id_str", "inds")
"""Columns that name a galaxy, in the order in which they are looked for."""

# How the first line of a CSV that galkeras wrote begins: metadata.
_OWN_CSV = b"# galkeras "
_MOST_ROWS_A_BYTE = 16
_IAU_NAME = re.compile(r"J(\d\d)(\d\d)(\d\d(?:\.\d+)?)([+-])(\d\d)(\d\d)(\d\d(?:\.\d+)?)")


def read_catalog(
    path: str | Path | Table,
    id_column: str | None = None,
    position: bool = True,
    columns: Sequence[str] | None = None,
) -> Table:
    """Read a catalog, one row a galaxy.

    CSV, ECSV, FITS and Parquet by extension; files of images (`.h5`, `.hdf5`, `.npz`, Parquet and `.arrow`) are
    catalogs too, made of what they hold beside the images, one value each, and the index ``row``; a galaxy that nothing
    else names is ``STEM-0000012``.

    Args:
        path: The file. A table that was read already is given back as it is.
        id_column: Column that names the galaxies; by default the first of `ID_COLUMNS` that is there.
        position: Whether ``ra`` and ``dec`` are needed. Where the columns are missing and the names are IAU
            names, positions are read off the names.
        columns: Keep only these besides ``id``, ``ra`` and ``dec`` (those that exist). All by default.

    Returns:
        The table in the file's order: ``id`` (str), ``ra`` and ``dec`` (degrees, float64, NaN where unknown),
        then the other columns. Vote columns come out as ``{question}_{answer}_fraction`` and
        ``{question}_total-votes``, in the one spelling of their decision tree: with the hyphens of Galaxy Zoo
        DECaLS and without a data release's suffix.

    Raises:
        GalkerasError: An unreadable file; no id column; missing or duplicate ids; missing or wrong positions.
    """
    if isinstance(path, Table):
        return path
    path = Path(path)
    table, name = read_rows(path, id_column, columns)
    ids = _ids(path, name, table[name])
    ra, dec = _positions(path, table, ids, position)
    held = {name: value for name, value in table.meta.items() if name == HELD}
    result = Table({"id": ids, "ra": ra, "dec": dec}, meta=held, copy=False)
    others = [c for c in table.colnames if c != "id" and c.lower() not in ("ra", "dec")]
    for old, new in zip(others, canonical_names(others), strict=True):
        result[new] = table[old]
    return result


def read_rows(
    path: str | Path, id_column: str | None = None, columns: Sequence[str] | None = None
) -> tuple[Table, str]:
    """Read the rows of a catalog as they stand, with any ids and positions, for those who judge them one by one.

    Args:
        path: As in `read_catalog`.
        id_column: Likewise.
        columns: Likewise.

    Returns:
        The table with its columns as the file spells them, and the name of the column that names the galaxies.

    Raises:
        GalkerasError: An unreadable file, one without rows, or without an id column.
    """
    path = Path(path)
    if not path.is_file():
        raise GalkerasError(f"catalog {path} does not exist")
    kind = path.suffix.lower()
    if kind not in _READERS:
        raise GalkerasError(f"catalog {path}: unknown format {kind!r}; known: {', '.join(_READERS)}")

    held = []

    def wanted(name: str) -> bool:
        held.append(name)
        return (
            columns is None
            or name in columns
            or name == id_column
            or name.lower() in (*ID_COLUMNS, "ra", "dec")
            or canonical_names([name])[0] in columns
        )

    try:
        table = _READERS[kind](path, wanted, {*ID_COLUMNS, "file", id_column})
    except GalkerasError:
        raise
    except Exception as error:  # Four libraries' readers, each with its own kinds of failure.
        raise GalkerasError(f"catalog {path} is not readable: {_first_line(error)}") from error
    if not len(table):
        raise GalkerasError(f"catalog {path} has no rows")
    if columns is not None:
        table.meta[HELD] = list(dict.fromkeys(held))
    return table, _find_id_column(path, table, id_column)


def id_texts(path: Path, name: str, column: Column) -> list[str]:
    """Return the ids of column ``name`` as text, empty where there is none; floating-point ids are an error."""
    missing = np.array(getattr(column, "mask", np.zeros(len(column), bool)), bool)
    if column.dtype.kind == "f":
        raise GalkerasError(
            f"catalog {path}: ids in column {name!r} are floating-point numbers, which cannot hold long ids;"
            " store them as integers or text"
        )
    raw = np.asarray(column)
    return ["" if value is None or gone else str(value).strip() for value, gone in zip(raw, missing, strict=True)]


def rows_in(catalog: Table, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which of the galaxies named ``ids`` are in the catalog, and the catalog row of each of those.

    Raises:
        GalkerasError: None of them is.
    """
    if "id" not in catalog.colnames:
        raise GalkerasError("the catalog table needs a column 'id': read it with read_catalog")
    names = [str(name) for name in catalog["id"]]
    place = {name: row for row, name in enumerate(names)}
    where = np.array([place.get(name, -1) for name in ids.tolist()])
    rows = np.flatnonzero(where >= 0)
    if not len(rows):
        raise GalkerasError(
            f"none of the {len(ids):,} galaxies has a row in the catalog: their ids are like {str(ids[0])!r}, those of"
            f" the catalog like {names[0]!r}. Name the right column with `id_column`"
        )
    return rows, where[rows]


def position_of(name: str) -> tuple[float, float] | None:
    """Return right ascension and declination in degrees of an IAU name, None for any other.

    >>> position_of("J120000.00-303000.0")
    (180.0, -30.5)
    """
    match = _IAU_NAME.fullmatch(name)
    if not match:
        return None
    hours, minutes, seconds, sign, degrees, arcmin, arcsec = match.groups()
    ra = 15 * (int(hours) + int(minutes) / 60 + float(seconds) / 3600)
    dec = int(degrees) + int(arcmin) / 60 + float(arcsec) / 3600
    return ra, -dec if sign == "-" else dec


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__


# --- formats: each returns a Table whose id columns have lost nothing ---


def _read_csv(path: Path, wanted: Callable[[str], bool], text: Iterable[str]) -> Table:
    import pyarrow as pa
    from pyarrow import csv

    # The metadata that galkeras writes above the header of its own CSV.
    with open(path, "rb") as file:
        own = int(file.readline(len(_OWN_CSV)) == _OWN_CSV)
    # One block, so that a column's type follows from all of its values and not from the first megabyte.
    block = csv.ReadOptions(block_size=min(max(path.stat().st_size, 1) + 1, 2**31 - 1), skip_rows=own)
    multiline = csv.ParseOptions(newlines_in_values=True)
    with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
        import csv as standard

        for _ in range(own):
            file.readline()
        header = next(standard.reader(file), [])
    repeated = [name for name, count in Counter(header).items() if count > 1]
    if repeated:
        raise GalkerasError(f"catalog {path}: column {repeated[0]!r} appears twice")
    # Ids stay text: a number would lose leading zeros, and past 2**53 its last digits.
    convert = csv.ConvertOptions(
        column_types={name: pa.string() for name in header if name in text or name.lower() in ID_COLUMNS},
        include_columns=[name for name in header if wanted(name)],
    )
    return _from_arrow(csv.read_csv(path, block, multiline, convert))


def _read_parquet(path: Path, wanted: Callable[[str], bool], text: Iterable[str]) -> Table:
    from galkeras.surveys.cutouts.parquet import plain_columns

    if path.suffix.lower() == ".parquet":
        _check_rows(path)
    source, image, count = plain_columns(path, wanted)
    return _with_rows(path, _from_arrow(source), count) if image else _from_arrow(source)


def _check_rows(path: Path) -> None:
    """Refuse a file of more rows than can be different galaxies in so few bytes."""
    from pyarrow import parquet

    rows, size = parquet.read_metadata(path).num_rows, path.stat().st_size
    if rows > _MOST_ROWS_A_BYTE * size:
        raise GalkerasError(f"catalog {path} promises {rows:,} rows in {size:,} bytes, which cannot all be different")


def _read_npz(path: Path, wanted: Callable[[str], bool], text: Iterable[str]) -> Table:
    from galkeras.surveys.cutouts.arrays import image_columns

    columns = image_columns(path)
    count = len(columns["row"])
    return _with_rows(path, Table({name: values for name, values in columns.items() if wanted(name)}), count)


def _with_rows(path: Path, table: Table, count: int) -> Table:
    """Add the index ``row`` of images to the columns beside them, and names where nothing else names the galaxies."""
    table["row"] = np.arange(count)
    if not {name.lower() for name in table.colnames} & set(ID_COLUMNS):
        table["id"] = [f"{path.stem}-{row:07d}" for row in range(count)]
    return table


def _read_astropy(format: str) -> Callable[..., Table]:
    def read(path: Path, wanted: Callable[[str], bool], text: Iterable[str]) -> Table:
        table = Table.read(path, format=format)
        table.convert_bytestring_to_unicode()
        return table[[name for name in table.colnames if wanted(name)]]

    return read


def _read_hdf5(path: Path, wanted: Callable[[str], bool], text: Iterable[str]) -> Table:
    import h5py

    from galkeras.surveys.cutouts.hdf5 import open_images, own_datasets

    with h5py.File(path, "r") as file:
        count = len(open_images(path, file))
        flat = {k: v for k, v in own_datasets(path, file).items() if v.shape == (count,)}
        flat = {k: v for k, v in flat.items() if wanted(k) and v.dtype.kind in "iufbSO"}
        table = Table({name: data[:] for name, data in flat.items()})
    for name in table.colnames:
        if table[name].dtype.kind == "O":
            table[name] = [v.decode() if isinstance(v, bytes) else str(v) for v in table[name]]
    table.convert_bytestring_to_unicode()
    return _with_rows(path, table, count)


def _from_arrow(source) -> Table:
    import pyarrow as pa

    table = Table()
    for name, column in zip(source.column_names, source.columns, strict=True):
        numeric = pa.types.is_integer(column.type) or pa.types.is_boolean(column.type)
        if numeric and column.null_count:
            # A detour through float would cost the last digits of long integers.
            values = column.fill_null(False if pa.types.is_boolean(column.type) else 0)
            table[name] = MaskedColumn(values.to_numpy(), mask=column.is_null().to_numpy())
        elif numeric or pa.types.is_floating(column.type):
            table[name] = column.to_numpy()
        else:
            # Objects: fixed-width text would take gigabytes for a few long cells.
            values = np.empty(len(column), object)
            values[:] = column.to_pylist()
            table[name] = values
    return table


_READERS: dict[str, Callable[..., Table]] = {
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".arrow": _read_parquet,
    ".npz": _read_npz,
    ".fits": _read_astropy("fits"),
    ".fit": _read_astropy("fits"),
    ".ecsv": _read_astropy("ascii.ecsv"),
    ".h5": _read_hdf5,
    ".hdf5": _read_hdf5,
}


# --- ids and positions ---


def _find_id_column(path: Path, table: Table, asked: str | None) -> str:
    if asked is not None:
        if asked in table.colnames:
            return asked
        raise GalkerasError(
            f"catalog {path} has no column {asked!r}.{did_you_mean(asked, table.colnames)}"
            f" It has: {_some(table.colnames)}"
        )
    lower = {name.lower(): name for name in reversed(table.colnames)}
    for name in ID_COLUMNS:
        if name in lower:
            return lower[name]
    raise GalkerasError(
        f"catalog {path} has none of the id columns {', '.join(ID_COLUMNS)};"
        f" name yours with `id_column`. It has: {_some(table.colnames)}"
    )


def _ids(path: Path, name: str, column: Column) -> np.ndarray:
    ids = id_texts(path, name, column)
    empty = [row for row, value in enumerate(ids, 1) if not value]
    if empty:
        raise GalkerasError(f"catalog {path}: no id in column {name!r} of row {_some(empty)}")
    repeated = [value for value, count in Counter(ids).items() if count > 1]
    if repeated:
        raise GalkerasError(
            f"catalog {path}: {len(repeated)} ids of column {name!r} appear more than once: {_some(repeated)}"
        )
    return np.array(ids)


def _positions(path: Path, table: Table, ids: np.ndarray, needed: bool) -> tuple[np.ndarray, np.ndarray]:
    lower = {name.lower(): name for name in reversed(table.colnames)}
    if "ra" in lower and "dec" in lower:
        ra, dec = (_degrees(path, table, lower[name]) for name in ("ra", "dec"))
        wrong = ~((ra >= 0) & (ra <= 360) & (abs(dec) <= 90))
        if needed and wrong.any():
            raise GalkerasError(
                f"catalog {path}: ra must be 0 to 360 and dec -90 to 90 degrees; empty or not so for"
                f" {_some(ids[wrong])}. Say `position=False` if positions are not known"
            )
        return np.where(wrong, np.nan, ra), np.where(wrong, np.nan, dec)
    named = [position_of(name) for name in ids]
    if all(named):
        ra, dec = np.array(named, float).T
        return ra, dec
    if not needed:
        return np.full(len(ids), np.nan), np.full(len(ids), np.nan)
    missing = [name for name in ("ra", "dec") if name not in lower]
    near = "".join(did_you_mean(name, table.colnames) for name in missing)
    raise GalkerasError(
        f"catalog {path} has no column {' and '.join(missing)} (degrees).{near}"
        " Say `position=False` if positions are not known"
    )


def _degrees(path: Path, table: Table, name: str) -> np.ndarray:
    column = table[name]
    if hasattr(column, "filled") and column.dtype.kind in "iuf":
        column = column.astype(float).filled(np.nan)
    try:
        return np.asarray(column, float)
    except (TypeError, ValueError):
        raise GalkerasError(f"catalog {path}: column {name!r} must be numbers in degrees") from None


def _some(values: Iterable, limit: int = 5) -> str:
    values = [str(value) for value in values]
    more = f" and {len(values) - limit} more" if len(values) > limit else ""
    return ", ".join(values[:limit]) + more
