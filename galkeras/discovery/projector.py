"""Folders that TensorBoard's Embedding Projector reads, and TensorBoard itself."""

__all__ = ["FILES", "MOST_PIXELS", "check_port", "serve", "sprite", "write_projector"]

import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import numpy as np
from PIL import Image

from galkeras.io.columns import Columns
from galkeras.io.errors import GalkerasError
from galkeras.io.files import atomic_path, atomic_write
from galkeras.surveys.pictures import mosaic

VECTORS_FILE = "vectors.tsv"
METADATA_FILE = "metadata.tsv"
SPRITE_FILE = "sprite.jpg"
CONFIG_FILE = "projector_config.pbtxt"
FILES = (VECTORS_FILE, METADATA_FILE, SPRITE_FILE, CONFIG_FILE)

MOST_PIXELS = 8192
"""Side of the largest image that browsers take as a texture."""

_QUALITY = 85
_PATIENCE = 60.0
# Decimal digits that a double always keeps.
_DIGITS = 15


def sprite(pictures: np.ndarray) -> np.ndarray:
    """Tile pictures into the square sheet that the projector expects.

    Picture i is in row ``i // side`` and column ``i % side``, where ``side`` is that of the smallest square that
    holds them all. The sheet is square even where its last rows stay empty: the projector's shader divides by the
    number of rows where it means the number of columns.

    Args:
        pictures: (count, height, height, 3) uint8.
    """
    count, height = pictures.shape[:2]
    side = int(np.ceil(np.sqrt(count)))
    sheet = np.full((side * height, side * height, 3), 255, np.uint8)
    tiled = mosaic(pictures, side, gap=0)
    sheet[: len(tiled), : tiled.shape[1]] = tiled
    return sheet


def write_projector(folder: Path, name: str, vectors: np.ndarray, metadata: Columns, pictures: np.ndarray) -> None:
    """Write the four files of an embedding, in which row i of each is the same galaxy.

    An old config goes first and the new one comes last, so that none ever speaks of other rows.

    Args:
        folder: Where to; made if it does not exist.
        name: What the projector calls the embedding.
        vectors: (rows, dimensions) numbers.
        metadata: Columns of text or numbers, at least two.
        pictures: (rows, side, side, 3) uint8.
    """
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG_FILE).unlink(missing_ok=True)
    # Text, though the projector takes float32 too: it tells the two apart by whether the bytes happen to be UTF-8.
    with atomic_path(folder / VECTORS_FILE) as temporary:
        np.savetxt(temporary, vectors, fmt="%.6g", delimiter="\t")
    lines = ["\t".join(map(_cell, metadata))]
    columns = (_cells(name, values) for name, values in metadata.items())
    lines += ["\t".join(row) for row in zip(*columns, strict=True)]
    atomic_write(folder / METADATA_FILE, "\n".join(lines) + "\n")
    with atomic_path(folder / SPRITE_FILE) as temporary:
        # Colours at full resolution: halved, they would run over into the neighbour.
        Image.fromarray(sprite(pictures)).save(temporary, quality=_QUALITY, subsampling=0)
    config = ProjectorConfig()
    embedding = config.embeddings.add(
        tensor_name=name,
        tensor_shape=vectors.shape,
        tensor_path=VECTORS_FILE,
        metadata_path=METADATA_FILE,
    )
    embedding.sprite.image_path = SPRITE_FILE
    embedding.sprite.single_image_dim.extend(pictures.shape[1:3])
    atomic_write(folder / CONFIG_FILE, text_format.MessageToString(config))


def check_port(port: int) -> None:
    """Raise a `GalkerasError` if nothing can listen on ``port`` of this machine; 0, for any, is always free."""
    if not 0 <= port < 2**16:
        raise GalkerasError(f"`port` must lie between 0 and 65535. Received: port={port}")
    try:
        with socket.create_server(("127.0.0.1", port)):
            pass
    except OSError as error:
        raise GalkerasError(f"port {port}: {error.strerror}; give another `port`, or `port=0` for any") from None


def serve(folder: Path, port: int, started: Callable[[str], None]) -> None:
    """Run TensorBoard, for this machine alone, until Ctrl-C.

    Args:
        folder: What `write_projector` wrote.
        port: Where to listen; 0 takes a free one.
        started: Called with the projector's address once it answers.

    Raises:
        GalkerasError: TensorBoard does not start.
    """
    # What tells TensorBoard to do without TensorFlow, whose import takes seconds: plain files need none of it.
    sys.modules.setdefault("tensorboard.compat.notf", ModuleType("notf"))
    import requests
    from tensorboard import program

    board = program.TensorBoard()
    board.configure(logdir=str(folder), port=port, host="localhost", load_fast="false")
    try:
        url = board.launch()
    except program.TensorBoardServerException as error:
        raise GalkerasError(f"{error.msg}; give another `port`, or `port=0` for any") from None
    # The projector looks for its files when first asked; a page that is opened before says that there are none.
    end = time.monotonic() + _PATIENCE
    while not requests.get(f"{url}data/plugins_listing", timeout=_PATIENCE).json()["projector"]["enabled"]:
        if time.monotonic() > end:
            raise GalkerasError(f"TensorBoard finds no embedding in {folder}")
        time.sleep(0.1)
    started(f"{url}#projector")
    with suppress(KeyboardInterrupt):
        threading.Event().wait()


def _cells(name: str, values: np.ndarray) -> list[str]:
    """Return the cells of a column. The projector reads as a number whatever looks like one, and rounds long ids.

    Such text gets the column's name before it.
    """
    cells = list(map(_cell, values))
    if values.dtype.kind == "U" and any(map(_misread, cells)):
        cells = [f"{name} {cell}" for cell in cells]
    return cells


def _misread(text: str) -> bool:
    """Tell whether text would be another one after it has been a double-precision number."""
    try:
        return text not in (repr(float(text)), f"{float(text):.0f}") or len(text) > _DIGITS
    except ValueError:
        return not text or text[:2].lower() in ("0x", "0b", "0o")


def _cell(value: object) -> str:
    """Return text for one cell; what would end the cell or the line becomes a blank."""
    if isinstance(value, np.floating):
        # Positions are double, and need their digits to be found again.
        return f"{value:.6g}" if value.dtype == np.float32 else f"{value:.10g}"
    return "".join(letter if letter.isprintable() else " " for letter in str(value))
