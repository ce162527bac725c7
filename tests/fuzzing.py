"""Readers of cutouts on files that are spoilt by chance.

    python tests/fuzzing.py --work /tmp/fuzz --seconds 1200 --real ../shared/data --out fuzz.json

takes good files of every format, ours and real ones, spoils each in one to eight places and reads it, in a process
that is watched: what it says is counted by format as read, named (a `GalkerasError` of one line), traceback, crash or
hang. An input follows from the seed and its number alone; the files of the last three kinds are kept.
"""

import argparse
import gzip
import io
import json
import os
import random
import resource
import select
import signal
import sys
import time
import traceback
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

TESTS = Path(__file__).parent
sys.path[:0] = [str(TESTS.parent), str(TESTS)]

import h5py  # noqa: E402
import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
from astropy.io import fits  # noqa: E402
from PIL import Image  # noqa: E402

from galkeras.io.errors import GalkerasError  # noqa: E402
from galkeras.surveys.cutouts import read_cutout  # noqa: E402
from galkeras.surveys.gather import gather  # noqa: E402

SIDE = 12
HANGS = 30
"""Seconds after which an input hangs: the limit of a cutout, below, and what starting its reader takes."""
os.environ.setdefault("GALKERAS_CUTOUT_SECONDS", "15")

MEGABYTES = 1500
KINDS = ("read", "named", "traceback", "crash", "hang")
BAD = KINDS[2:]
# Of real files, so many of each format and none larger.
_REAL, _LARGEST = 6, 400_000
_NUMBERS = (0, 1, 2, 127, 128, 255, 32767, 32768, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
_WORDS = (
    b"'abc     '", b"'unclosed", b"1E999", b"-1E999", b"NAN", b"INF", b"1.0.0", b"-1", b"0", b"1E9", b"T", b"F", b"",
    b"99999999999999999999999", b"'grz'", b"'\xff\xfe'", b"(1, 2)", b"1000000000", b"'" + b"z" * 60 + b"'", b"''''",
)  # fmt: skip
_CARDS = (
    b"BITPIX", b"NAXIS", b"NAXIS1", b"NAXIS2", b"NAXIS3", b"BANDS", b"SURVEY", b"VERSION", b"CD1_1", b"CD1_2",
    b"BSCALE", b"BZERO", b"BLANK", b"EXTEND", b"XTENSION", b"ZCMPTYPE", b"ZTILE1", b"ZBITPIX", b"ZNAXIS1", b"TFORM1",
    b"PCOUNT", b"GCOUNT", b"TFIELDS", b"CDELT1", b"PIXSCALE", b"SIMPLE", b"END", b"CONTINUE", b"HIERARCH a b",
    b"ZQUANTIZ", b"THEAP",
)  # fmt: skip


def good_files() -> list[tuple[str, bytes]]:
    """Return good files of every format: the end of the name, and the bytes."""
    rng = np.random.default_rng(0)
    flux = rng.normal(1, 0.1, (3, SIDE, SIDE)).astype(np.float32)
    picture = rng.integers(1, 255, (SIDE, SIDE, 3), np.uint8)
    header = fits.Header({"BANDS": "grz", "SURVEY": "LegacySurvey", "VERSION": "DR9"})
    header["CD1_1"], header["CD2_2"] = -0.262 / 3600, 0.262 / 3600
    found = [(".fits", _fits(fits.PrimaryHDU(flux, header)))]
    found += [(".fits", _fits(fits.PrimaryHDU((1000 * flux).astype(kind), header))) for kind in ("i2", "f8", "u1")]
    found += [(".fits.gz", gzip.compress(found[0][1]))]
    for kind in ("RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1", "PLIO_1"):
        image = (100 * np.abs(flux)).astype("i4") if kind == "PLIO_1" else flux
        tiled = fits.CompImageHDU(image, header, compression_type=kind, tile_shape=(1, SIDE, SIDE))
        found.append((".fits.fz", _fits(fits.PrimaryHDU(), tiled)))
    for mode in ("RGB", "L", "RGBA", "P", "I;16"):
        pixels = picture[..., 0].astype(np.uint16) if mode == "I;16" else picture
        shown = Image.fromarray(pixels)
        found.append((".png", _picture(shown if mode == "I;16" else shown.convert(mode), "PNG")))
    for mode, options in (("RGB", {}), ("L", {}), ("RGB", {"progressive": True}), ("CMYK", {})):
        found.append((".jpg", _picture(Image.fromarray(picture).convert(mode), "JPEG", **options)))
    many = np.stack([picture] * 4)
    for images, options in ((many, {}), (many, {"compression": "gzip"}), (np.stack([flux] * 4), {"chunks": True})):
        memory = io.BytesIO()
        with h5py.File(memory, "w") as file:
            file.create_dataset("images", data=images, **options)
            file["ra"], file["name"] = np.arange(4.0), np.array([b"a", b"b", b"c", b"d"])
        found.append((".h5", memory.getvalue()))
    for save in (np.savez, np.savez_compressed):
        found.append((".npz", _npz(save, image=np.moveaxis(flux, 0, -1), bands=np.array("grz"), pixel_scale=0.262)))
        found.append((".npz", _npz(save, images=many, label=np.arange(4), name=np.array(["a", "b", "c", "d"]))))
    table = pa.table(
        {"image": [{"bytes": _picture(Image.fromarray(picture), "PNG"), "path": "a"}] * 4, "label": [0, 1, 0, 1]}
    )
    memory = io.BytesIO()
    pq.write_table(table, memory)
    found.append((".parquet", memory.getvalue()))
    memory = io.BytesIO()
    with pa.ipc.new_stream(memory, table.schema) as stream:
        stream.write_table(table)
    return [*found, (".arrow", memory.getvalue())]


def _fits(*units) -> bytes:
    memory = io.BytesIO()
    fits.HDUList(list(units)).writeto(memory)
    return memory.getvalue()


def _picture(picture: Image.Image, kind: str, **options) -> bytes:
    memory = io.BytesIO()
    picture.save(memory, kind, **options)
    return memory.getvalue()


def _npz(save: Callable, **arrays) -> bytes:
    memory = io.BytesIO()
    save(memory, **arrays)
    return memory.getvalue()


def real_files(folder: Path) -> list[tuple[str, bytes]]:
    """Return a few files of each format below a folder, the smallest."""
    found = []
    for end in (".fits", ".fits.gz", ".fits.fz", ".png", ".jpg", ".h5", ".npz", ".parquet"):
        paths = sorted((path.stat().st_size, path) for path in folder.rglob(f"*{end}"))
        found += [(end, path.read_bytes()) for size, path in paths[:_REAL] if size <= _LARGEST]
    return found


def spoilt(files: list[tuple[str, bytes]], seed: int, number: int) -> tuple[str, bytes]:
    """Return the end of the name, and the bytes, of one input."""
    chance = random.Random(f"{seed} {number}")
    end, data = chance.choice(files)
    others = [other for kind, other in files if kind == end]
    # Half of the inputs pass the checksums of their format, so that what lies behind these is reached.
    inside = chance.random() < 0.5
    with suppress(zipfile.BadZipFile, OSError, EOFError, IndexError):
        if inside and end == ".fits.gz":
            return end, gzip.compress(_spoilt(gzip.decompress(data), ".fits", others, chance), 1)
        if inside and end == ".npz":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                members = {name: archive.read(name) for name in archive.namelist()}
            name = chance.choice(sorted(members))
            members[name] = _spoilt(members[name], ".npy", [members[name]], chance)
            memory = io.BytesIO()
            with zipfile.ZipFile(memory, "w") as archive:
                for name, member in members.items():
                    archive.writestr(name, member)
            return end, memory.getvalue()
    data = _spoilt(data, end, others, chance)
    return end, _summed(data) if inside and end == ".png" else data


def _summed(data: bytes) -> bytes:
    """Return a PNG whose chunks have the right checksums."""
    found, place = data[:8], 8
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        chunk = data[place + 4 : place + 8 + length]
        found += data[place : place + 4] + chunk + zlib.crc32(chunk).to_bytes(4, "big")
        place += 12 + length
    return found + data[place:]


def _spoilt(good: bytes, end: str, others: list[bytes], chance: random.Random) -> bytes:
    data = bytearray(good)
    # Beginnings of files say what the rest is.
    first = len(data) if chance.random() < 0.5 else min(len(data), 2880)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        if not data:
            break
        place = chance.randrange(min(first, len(data)))
        match chance.randrange(9):
            case 0 | 1:
                data[place] ^= 1 << chance.randrange(8)
            case 2:
                data[place] = chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))
            case 3:
                width, order = chance.choice((2, 4, 8)), chance.choice(("big", "little"))
                value = chance.choice(_NUMBERS) % (1 << 8 * width)
                data[place : place + width] = value.to_bytes(width, order)
            case 4:
                del data[place : place + chance.choice((1, 4, 80, 2880))]
            case 5:
                part = data[place : place + chance.choice((1, 4, 80, 2880))]
                data[place:place] = part * chance.choice((1, 2, 30))
            case 6:
                data[place:place] = chance.randbytes(chance.choice((1, 4, 80)))
            case 7:
                if chance.random() < 0.3:
                    del data[place:]
                else:
                    data[place:] = chance.choice(others)[place:]
            case 8:
                if end in (".fits", ".fits.fz"):
                    card = chance.choice(_CARDS).ljust(8) + b"= " + chance.choice(_WORDS)
                    start = place // 80 * 80
                    data[start : start + 80] = card[:80].ljust(80)
                else:
                    data[place : place + 8] = chance.randbytes(8)
    return bytes(data)


def read(path: Path, number: int) -> str:
    """Read a file in each way that there is; return "read", or raise what is wrong with it."""
    bands = (None, None, ("g", "r", "z"), ("r",))[number % 4]
    rows: list[int | None] = [None]
    if path.name.endswith((".h5", ".npz", ".parquet", ".arrow")):
        rows = [number % 5, None]
        with suppress(GalkerasError):
            gather(None, path, None, False, ())
    for row in rows:
        try:
            cutout = read_cutout(path, row, bands)
            break
        except GalkerasError:
            if row is None:
                raise
    assert cutout.image.ndim == 3 and cutout.image.dtype in (np.uint8, np.float32), "no image"
    assert cutout.image.shape[-1] == len(cutout.bands) and np.isfinite(cutout.image).all(), "no image"
    return "read"


def _one_line(error: GalkerasError) -> None:
    assert str(error) and "\n" not in str(error) and len(str(error)) < 1000, f"no line: {error!r}"


def work(files: list[tuple[str, bytes]], seed: int, start: int, folder: Path, out: int) -> None:
    """Read one input after another and say of each, in a line, what came of it."""
    warnings.simplefilter("ignore")
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEGABYTES * 1_000_000,) * 2)
    number = start
    while True:
        end, data = spoilt(files, seed, number)
        path, said = folder / f"input-{number}{end}", ""
        path.write_bytes(data)
        os.write(out, f"{number} {end}\n".encode())
        try:
            kind = read(path, number)
        except GalkerasError as error:
            kind = "named"
            try:
                _one_line(error)
            except AssertionError as trouble:
                kind, said = "traceback", str(trouble)
        except BaseException:
            kind, said = "traceback", traceback.format_exc()
        if kind not in BAD:
            path.unlink()
        os.write(out, f"{number} {end} {kind} {json.dumps(said[-1500:])}\n".encode())
        number += 1


def fuzz(files: list[tuple[str, bytes]], seed: int, folder: Path, seconds: float, count: int) -> dict:
    """Read inputs for so long, or so many, in a process that is begun anew where one ends or hangs it."""
    folder.mkdir(parents=True, exist_ok=True)
    tally: dict[str, Counter] = {}
    troubles = []
    done, deadline = 0, time.monotonic() + seconds
    while done < count and time.monotonic() < deadline:
        receiver, sender = os.pipe()
        child = os.fork()
        if not child:
            try:
                os.close(receiver)
                work(files, seed, done, folder, sender)
            finally:
                os._exit(0)
        os.close(sender)
        end, begun, kind = "", False, ""
        with open(receiver, "rb", buffering=0) as pipe:
            rest = b""
            while done < count and time.monotonic() < deadline:
                if not select.select([pipe], [], [], HANGS)[0]:
                    kind = "hang"
                    break
                part = os.read(receiver, 1 << 16)
                if not part:
                    kind = "crash"
                    break
                *lines, rest = (rest + part).split(b"\n")
                for line in lines:
                    _, end, *told = line.decode().split(" ", 3)
                    begun = not told
                    if told and done < count:
                        tally.setdefault(end, Counter())[told[0]] += 1
                        done += 1
                        if told[0] in BAD:
                            troubles.append([done - 1, end, told[0], json.loads(told[1])])
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        if kind and begun:
            tally.setdefault(end, Counter())[kind] += 1
            troubles.append([done, end, kind, ""])
            done += 1
    return {"inputs": done, "by format": tally, "troubles": troubles}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--count", type=int, default=10**9)
    parser.add_argument("--real", type=Path, help="a folder of real files")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    files = good_files() + (real_files(options.real) if options.real else [])
    found = fuzz(files, options.seed, options.work, options.seconds, options.count)
    for end, tally in sorted(found["by format"].items()):
        print(f"{end:10}", *(f"{kind} {tally[kind]:,}" for kind in KINDS))
    print(f"{found['inputs']:,} inputs of {len(files)} files, {len(found['troubles'])} troubles")
    for trouble in found["troubles"]:
        print(*trouble)
    if options.out:
        options.out.write_text(json.dumps(found, indent=2))
    sys.exit(bool(found["troubles"]))


if __name__ == "__main__":
    main()
