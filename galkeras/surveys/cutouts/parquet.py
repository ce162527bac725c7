"""Parquet and Arrow files of images, as Hugging Face's ``datasets`` writes them, read with pyarrow.

The images are pictures, PNG or JPEG in a column of bytes or of structs that hold ``bytes``; or fluxes, structs of lists
``band``, ``flux`` (height, width) and perhaps ``scale``, as Multimodal Universe has them, taken for nanomaggies with
row 0 south.
"""

__all__ = ["IMAGE_ENDS", "plain_columns"]

import io
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from galkeras.io.errors import GalkerasError
from galkeras.surveys.cutouts import FORMATS, Cutout, CutoutError, Format, check_size, one_line
from galkeras.surveys.cutouts.pictures import decoded
from galkeras.surveys.image import BANDS, NANOMAGGY, in_order

if TYPE_CHECKING:  # pyarrow loads when such a file is read
    import pyarrow as pa

IMAGE_ENDS = (".parquet", ".arrow")
"""Ends of the names of such files."""

_NAMES = ("image", "images", "img", "picture")
# Bytes of row groups that are kept: rows are asked for in the order of a hash.
_KEPT = 400_000_000


class _Rows:
    """A file of images, by row."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._kept: OrderedDict[int, Any] = OrderedDict()
        if path.suffix.lower() == ".parquet":
            self._file: Any = pq.ParquetFile(path)
            self.schema: pa.Schema = self._file.schema_arrow
            groups = [self._file.metadata.row_group(g).num_rows for g in range(self._file.num_row_groups)]
            self._edges = np.cumsum([0, *groups])
        else:
            # Mapped and not read: memory does not grow with the file.
            source = pa.memory_map(str(path))
            try:
                table = pa.ipc.open_stream(source).read_all()
            except pa.ArrowInvalid:
                table = pa.ipc.open_file(source).read_all()
            # What Arrow itself does only when asked: cells that point outside of the file end the process.
            table.validate(full=True)
            self.schema, self._kept[0] = table.schema, table
            self._edges = np.array([0, table.num_rows])

    def __len__(self) -> int:
        return int(self._edges[-1])

    @property
    def image(self) -> str:
        """Name of the column of images, empty where there is none."""
        import pyarrow as pa

        def holds(kind: "pa.DataType") -> bool:
            if pa.types.is_struct(kind):
                names = {kind.field(i).name for i in range(kind.num_fields)}
                return "bytes" in names or "flux" in names
            if pa.types.is_list(kind) or pa.types.is_large_list(kind):
                return pa.types.is_struct(kind.value_type) and holds(kind.value_type)
            return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)

        found = [field.name for field in self.schema if holds(field.type)]
        return next((name for name in (*_NAMES, *found) if name in found), "")

    def __getitem__(self, row: int) -> Any:
        group = int(np.searchsorted(self._edges, row, side="right")) - 1
        if group not in self._kept:
            self._kept[group] = self._file.read_row_group(group, columns=[self.image])
            while len(self._kept) > 1 and sum(table.nbytes for table in self._kept.values()) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(group)
        return self._kept[group].column(self.image)[row - int(self._edges[group])].as_py()


@lru_cache(maxsize=8)
def _opened(path: Path, modified: int) -> _Rows:
    return _Rows(path)


def plain_columns(path: Path, wanted: Callable[[str], bool]) -> "tuple[pa.Table, str, int]":
    """Return the columns of a file that are numbers or text, the name of its column of images and its number of rows.

    The name is empty where there are no images. Only columns of names that are ``wanted`` are read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = _opened(path, path.stat().st_mtime_ns)
    names = [field.name for field in rows.schema if wanted(field.name) and field.name != rows.image]
    if rows.image:
        names = [name for name in names if not pa.types.is_nested(rows.schema.field(name).type)]
    if path.suffix.lower() == ".parquet":
        return pq.ParquetFile(path).read(columns=names), rows.image, len(rows)
    return rows._kept[0].select(names), rows.image, len(rows)


def _read_row(path: Path, row: int, bands: tuple[str, ...] | None) -> Cutout:
    try:
        rows = _opened(path, path.stat().st_mtime_ns)
        if not rows.image:
            raise CutoutError("no image: the file has no column of images")
        if not 0 <= row < len(rows):
            raise CutoutError(f"no image: row {row} of {len(rows)}")
        value = rows[row]
    except GalkerasError:
        raise
    except Exception as error:  # Files of hostile bytes fail in many ways.
        raise CutoutError(f"no image: {one_line(error)}") from None
    if isinstance(value, dict) and "bytes" in value:
        value = value["bytes"]
    if isinstance(value, bytes):
        return decoded(io.BytesIO(value), bands)
    if not value:
        raise CutoutError("no image: the cell is empty")
    try:
        return _flux(value, bands)
    except CutoutError:
        raise
    except Exception as error:
        raise CutoutError(f"no image: {one_line(error)}") from None


def _flux(value: Any, bands: tuple[str, ...] | None) -> Cutout:
    """Return the cutout of a struct of lists, or of a list of structs, with ``band`` and ``flux``."""
    if isinstance(value, list):
        value = {name: [one.get(name) for one in value] for name in ("band", "flux", "scale")}
    # Some names hold the instrument, as in des-g.
    held = [str(band).lower().rpartition("-")[2] for band in value.get("band") or BANDS]
    planes = {band: np.asarray(plane, np.float32) for band, plane in zip(held, value["flux"], strict=True)}
    chosen = bands or in_order(held)
    missing = [band for band in chosen if band not in planes]
    if missing:
        raise CutoutError(f"wrong shape: band {', '.join(missing)} is missing, the file has {', '.join(held)}")
    shapes = {planes[band].shape for band in chosen}
    if len(shapes) > 1 or len(shape := shapes.pop()) != 2:
        raise CutoutError("wrong shape: the bands differ in size, or are no images")
    check_size(*shape)
    scales = {round(float(scale), 6) for scale in value.get("scale") or () if scale}
    scale = scales.pop() if len(scales) == 1 else None
    return Cutout(np.stack([planes[band] for band in chosen], -1), NANOMAGGY, scale, bands=tuple(chosen))


FORMATS.add("parquet", Format(IMAGE_ENDS, read_row=_read_row), order=10)
