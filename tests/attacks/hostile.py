"""Files made to do harm, by name: each is written into a folder, beside good ones, by a generator."""

import gzip
import json
import os
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits

SIDE = 32
GALAXIES = 6


def image(seed=0):
    return np.random.default_rng(seed).normal(1, 0.1, (3, SIDE, SIDE)).astype(np.float32)


def survey(folder: Path, **columns) -> tuple[Path, Path]:
    """Write six good cutouts and their catalog, with more columns if asked; return catalog and cutouts.

    With a column ``pixel_scale`` the cutouts leave that to the catalog.
    """
    (folder / "cutouts").mkdir(parents=True)
    for index in range(GALAXIES):
        header = fits.Header({"BANDS": "grz", "SURVEY": "LegacySurvey", "VERSION": "DR9"})
        if "pixel_scale" not in columns:
            header["CD1_1"], header["CD2_2"] = -0.262 / 3600, 0.262 / 3600
        fits.writeto(folder / "cutouts" / f"g{index}.fits", image(index), header)
    table = {"id": [f"g{i}" for i in range(GALAXIES)], "ra": [1.0] * GALAXIES, "dec": [2.0] * GALAXIES, **columns}
    pq.write_table(pa.table(table), folder / "catalog.parquet")
    return folder / "catalog.parquet", folder / "cutouts"


def card(text: str, instead: str = ""):
    """A cutout whose header has a card, of 80 characters at most, in place of another of the same or any keyword."""

    def write(path: Path) -> None:
        data = path.read_bytes()
        key = (instead or text)[:8].ljust(8).encode()
        place = data.find(key)
        place = data.index(b"END" + b" " * 77) if place < 0 else place
        path.write_bytes(data[:place] + text.encode().ljust(80) + data[place + 80 :])

    return write


def flipped_header(bit: int):
    def write(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)

    return write


def gzip_bomb(path: Path) -> None:
    with gzip.open(path, "wb", 1) as file:
        file.write(path.read_bytes() if path.exists() else b"")
        fits.PrimaryHDU(image()).writeto(file)
        for _ in range(700):
            file.write(bytes(1 << 20))


def damaged_tile(compression: str, seed: int):
    """A compressed image with bytes of its tiles turned over, on which decoders have ended their process."""

    def write(path: Path) -> None:
        hdu = fits.CompImageHDU(image(), compression_type=compression, quantize_level=16, tile_shape=(1, SIDE, SIDE))
        hdu.header["BANDS"] = "grz"
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
        data = bytearray(path.read_bytes())
        random = np.random.default_rng(seed)
        heap = len(data) - 2880
        for place in random.integers(heap, heap + 600, 30):
            data[place] = int(random.integers(256))
        path.write_bytes(data)

    return write


def fifo(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


CUTOUTS = {
    "CD2_2 is text": card("CD2_2   = 'abc     '"),
    "CD1_1 has two points": card("CD1_1   = 1.0.0"),
    "CD1_1 of a billion degrees": card("CD1_1   = 1E9"),
    "CD1_1 is infinite": card("CD1_1   = 1E999"),
    "SURVEY without its quote": card("SURVEY  = 'unclosed"),
    "BANDS is a number": card("BANDS   = 5"),
    "NAXIS1 of a billion": card("NAXIS1  = 1000000000"),
    "NAXIS of a thousand": card("NAXIS   = 1000"),
    "NAXIS of a billion": card("NAXIS   = 1000000000"),
    "a second NAXIS, of a billion": card("NAXIS   = 1000000000", "SURVEY"),
    "TFIELDS of a billion": card("TFIELDS = 1000000000", "SURVEY"),
    "gigabytes of zeros behind the image, packed": gzip_bomb,
    "a damaged HCOMPRESS tile": damaged_tile("HCOMPRESS_1", 1),
    "a damaged RICE tile": damaged_tile("RICE_1", 1),
    "a damaged PLIO tile": damaged_tile("PLIO_1", 1),
    "a pipe": fifo,
    **{f"a header with bit {bit} turned over": flipped_header(bit) for bit in range(40, 8 * 80 * 8, 97)},
}
"""Each is written over one good cutout, and must cost that galaxy at most."""


def catalog(**columns):
    def write(folder: Path) -> tuple[Path, Path]:
        return survey(folder, **columns)

    return write


def equal_ids(folder: Path) -> tuple[Path, Path]:
    path, cutouts = survey(folder)
    ids = pa.DictionaryArray.from_arrays(pa.array(np.zeros(1_000_000, np.int32)), ["g0"])
    table = pa.table({"id": ids})
    with pq.ParquetWriter(path, table.schema) as writer:
        for _ in range(40):
            writer.write_table(table)
    return path, cutouts


def hdf5(write):
    def made(folder: Path) -> tuple[Path, Path]:
        folder.mkdir()
        with h5py.File(folder / "images.h5", "w") as file:
            write(file, folder)
        return folder / "images.h5", folder / "images.h5"

    return made


def _promised(file, folder):
    file.create_dataset("images", (10_000_000, SIDE, SIDE, 3), np.uint8, chunks=(1, SIDE, SIDE, 3))


def _large_chunk(file, folder):
    file.create_dataset("images", (10_000, 256, 256, 3), np.uint8, chunks=(9600, 256, 256, 3), compression="gzip")


def _link(file, folder):
    os.mkfifo(folder / "pipe.h5")
    file["images"] = h5py.ExternalLink("pipe.h5", "/images")


def _linked_column(file, folder):
    os.mkfifo(folder / "pipe.h5")
    file.create_dataset("images", data=np.random.default_rng(0).integers(1, 255, (4, SIDE, SIDE, 3), np.uint8))
    file["ra"] = h5py.ExternalLink("pipe.h5", "/ra")


def arrow_offsets(folder: Path) -> tuple[Path, Path]:
    """Write an Arrow file of images whose cells begin far outside of it, on which Arrow ends the process."""
    folder.mkdir()
    offsets, images = pa.py_buffer(np.array([0, 2**31 - 2, 5], np.int32).tobytes()), pa.py_buffer(b"image")
    table = pa.table({"image": pa.Array.from_buffers(pa.binary(), 2, [None, offsets, images])})
    with pa.ipc.new_stream(folder / "images.arrow", table.schema) as stream:
        stream.write_table(table)
    return folder / "images.arrow", folder / "images.arrow"


def rows(values):
    """A catalog with a column ``row`` beside a file of images."""

    def write(folder: Path) -> tuple[Path, Path]:
        path, _ = survey(folder, row=values)
        with h5py.File(folder / "images.h5", "w") as file:
            file["images"] = np.random.default_rng(0).integers(1, 255, (GALAXIES, SIDE, SIDE, 3), np.uint8)
        return path, folder / "images.h5"

    return write


TELLS, GOES = "one line", "goes on"
CATALOGS = {
    "file is a whole number": (catalog(file=list(range(GALAXIES))), TELLS),
    "file is a list": (catalog(file=[["g0.fits"]] * GALAXIES), TELLS),
    "file is a struct": (catalog(file=[{"a": "g0.fits"}] * GALAXIES), TELLS),
    "file is sometimes empty": (catalog(file=[None, *(f"g{i}.fits" for i in range(1, GALAXIES))]), GOES),
    "file leads to a device": (catalog(file=["/dev/zero", *(f"g{i}.fits" for i in range(1, GALAXIES))]), GOES),
    **{
        f"pixel scales {scale}": (catalog(pixel_scale=[scale] * GALAXIES), TELLS)
        for scale in (0.0, -1.0, np.inf, 1e300)
    },
    **{
        f"a pixel scale {scale}": (catalog(pixel_scale=[scale, *[0.3] * 5]), GOES)
        for scale in (0.0, -1.0, np.inf, 1e300)
    },
    "forty million equal ids": (equal_ids, TELLS),
    "Arrow whose cells point outside": (arrow_offsets, TELLS),
    "row with empty cells": (rows([None, *range(1, GALAXIES)]), GOES),
    "row is text": (rows(["a"] * GALAXIES), TELLS),
    "row is a half": (rows([0.5] * GALAXIES), TELLS),
    "HDF5 promises ten million images": (hdf5(_promised), TELLS),
    "HDF5 of a chunk of 1.9 GB": (hdf5(_large_chunk), TELLS),
    "HDF5 whose images are a link to a pipe": (hdf5(_link), TELLS),
    "HDF5 with a column that is a link to a pipe": (hdf5(_linked_column), GOES),
}
"""Each writes catalog and cutouts; the run must tell in one line what is wrong, or go on with what can be used."""


HUGE = "1" + "0" * 400
CONFIGS = {
    "a number of 400 digits": lambda text: text.replace('"kl_weight": 1.0', f'"kl_weight": {HUGE}'),
    "a size of 400 digits": lambda text: text.replace('"latent_dim": 4', f'"latent_dim": {HUGE}'),
    "a pixel scale that is text": lambda text: edited(text, lambda value: value["model"].update(pixel_scale="x")),
    "no training": lambda text: edited(text, lambda value: value.pop("training")),
    "training is a list": lambda text: edited(text, lambda value: value.update(training=[1])),
    "the model is a list": lambda text: edited(text, lambda value: value.update(model=[1])),
    "the whole is a list": lambda text: "[1]",
    "nothing": lambda text: "",
    "a million brackets": lambda text: "[" * 1_000_000,
    "half of it": lambda text: text[: len(text) // 2],
}


def edited(text: str, edit) -> str:
    from galkeras.io.checksums import sealed

    value = json.loads(text)
    edit(value)
    return json.dumps(sealed(value))
