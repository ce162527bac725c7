"""How fast are record sets read, beside other files of the same bytes, and how much room do they take?

    python benchmarks/reading_speed.py tfrecords/NAME [--rounds 5] [--training IMAGES_A_SECOND] [--cutouts FOLDER]

The training split is read in batches of 64, cast to float32 as training wants it, and the first pixels are looked at:
`ordered_dataset`; the endless shuffled stream that `fit` takes; NumPy's memmap; HDF5 by h5py, contiguous; and, where
they are installed, WebDataset (a tar of .npy files, in order) and grain (ArrayRecord, shuffled, threads of its own).
All hold pixels of the record set's own type. They take turns, so that other work on the machine slows them alike; the
median of the turns counts. Then they do so once more cold: before each turn the kernel is asked to forget its pages of
the contender's files, and how much came from the disk says whether it did. (A virtual machine's host may remember what
its guest forgot.) Processor time is of the warm turns. CUTOUTS are the files that the record set was made of, for what
they take on the disk. Prints a Markdown table.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from turns import turns

from galkeras.io.text import markdown_table, readable_bytes
from galkeras.records.reader import ordered_dataset, training_dataset
from galkeras.records.schema import RecordSet

BATCH = 64
OURS = "`ordered_dataset`"


class Contender(NamedTuple):
    """A reader that says how many images it read, and its files."""

    read: Callable[[], int]
    files: list[Path]


class Turn(NamedTuple):
    """What reading one image took in a turn: seconds, processor seconds, and bytes that came from the disk."""

    clock: float
    processor: float
    disk: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--training", type=float, help="images/s of a training step, for a column of multiples")
    parser.add_argument("--cutouts", type=Path, help="what the record set was made of")
    options = parser.parse_args()
    records = RecordSet.load(options.records)
    count = records.count("train")
    with tempfile.TemporaryDirectory() as folder:
        contenders = readers(records, Path(folder))
        os.sync()  # What is not on the disk yet cannot be forgotten.
        warm = medians(contenders, options.rounds, cold=False)
        cold = medians(contenders, options.rounds, cold=True)
        room = {name: sum(path.stat().st_size for path in one.files) / count for name, one in contenders.items()}
    print(
        f"{count:,} images of {' x '.join(map(str, records.images.shape))} {records.dtype},"
        f" {readable_bytes(records.image_bytes)} each; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f},"
        f" {options.rounds} rounds\n"
    )
    training = options.training
    header = ["", "warm, images/s", f"times {OURS}", "processor µs", *(["times training"] if training else [])]
    header += ["cold, images/s", f"times {OURS}", "of its bytes from the disk", "bytes on disk"]
    rows = []
    for name in contenders:
        more = [f"{1 / warm[name].clock / training:.1f}"] if training else []
        row = [name, f"{1 / warm[name].clock:,.0f}", f"{warm[OURS].clock / warm[name].clock:.2f}"]
        row += [f"{1e6 * warm[name].processor:.0f}", *more, f"{1 / cold[name].clock:,.0f}"]
        row += [f"{cold[OURS].clock / cold[name].clock:.2f}", f"{100 * cold[name].disk / room[name]:.0f} %"]
        rows.append([*row, f"{room[name]:,.0f}"])
    if options.cutouts:
        sizes = [path.stat().st_size for path in options.cutouts.rglob("*") if path.is_file()]
        rows.append(["the cutouts", *[""] * (len(header) - 2), f"{np.mean(sizes):,.0f}"])
    print(markdown_table(header, rows))


def medians(contenders: Mapping[str, Contender], rounds: int, cold: bool) -> dict[str, Turn]:
    """Return what an image takes each contender, in the median of its turns."""

    def turn_of(one: Contender) -> Turn:
        if cold:
            forget(one.files)
        start, processor, disk = time.perf_counter(), time.process_time(), from_disk()
        images = one.read()
        spent = time.perf_counter() - start, time.process_time() - processor, from_disk() - disk
        return Turn(*(value / images for value in spent))

    found: dict[str, list[Turn]] = {name: [] for name in contenders}
    work = {name: lambda one=one: turn_of(one) for name, one in contenders.items()}
    for name, _, turn in turns(work, rounds):
        found[name].append(turn)
    return {name: Turn(*np.median(all_turns, 0).tolist()) for name, all_turns in found.items()}


def forget(files: list[Path]) -> None:
    """Ask the kernel to drop what it holds of these files."""
    for path in files:
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def from_disk() -> int:
    """Return how many bytes this process has had the kernel read from disks so far, 0 where it does not say."""
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("read_bytes"))


def readers(records: RecordSet, folder: Path) -> dict[str, Contender]:
    """Return the contenders, each of which reads the training split."""
    count, shape = records.count("train"), records.images.shape
    raw, hdf5_file = folder / "images.raw", folder / "images.h5"
    mapped = np.memmap(raw, records.dtype, "w+", shape=(count, *shape))
    start = 0
    for batch in ordered_dataset(records, ("train",), BATCH):
        mapped[start : start + len(batch["id"])] = batch["image"].numpy()
        start += len(batch["id"])
    mapped.flush()
    with h5py.File(hdf5_file, "w") as file:
        file["images"] = mapped
    steps = count // BATCH

    def ordered() -> int:
        return sum(seen(batch["image"].numpy()) for batch in ordered_dataset(records, ("train",), BATCH))

    def shuffled() -> int:
        return sum(seen(batch.numpy()) for batch in training_dataset(records, "train", BATCH, seed=0).take(steps))

    def memmap() -> int:
        data = np.memmap(raw, records.dtype, "r", shape=(count, *shape))
        return sum(seen(data[i : i + BATCH].astype(np.float32)) for i in range(0, count, BATCH))

    def hdf5() -> int:
        with h5py.File(hdf5_file) as file:
            data = file["images"]
            return sum(seen(data[i : i + BATCH].astype(np.float32)) for i in range(0, count, BATCH))

    shards = [records.path / shard.name for shard in records.in_split("train")]
    return {
        OURS: Contender(ordered, shards),
        "`training_dataset`, shuffled": Contender(shuffled, shards),
        "NumPy memmap, in order": Contender(memmap, [raw]),
        "h5py, in order": Contender(hdf5, [hdf5_file]),
        **webdataset(mapped, folder / "images.tar"),
        **grain(mapped, folder / "images.array_record"),
    }


def webdataset(images: np.ndarray, path: Path) -> dict[str, Contender]:
    """Return WebDataset's reader, where it is installed."""
    try:
        import webdataset
    except ImportError:
        return {}
    with webdataset.TarWriter(str(path)) as tar:
        for number, image in enumerate(images):
            tar.write({"__key__": f"{number:08d}", "npy": image})

    def read() -> int:
        dataset = webdataset.WebDataset(str(path), shardshuffle=False).decode().to_tuple("npy")
        return sum(seen(batch[0].astype(np.float32)) for batch in dataset.batched(BATCH))

    return {"WebDataset, in order": Contender(read, [path])}


def grain(images: np.ndarray, path: Path) -> dict[str, Contender]:
    """Return grain's reader of an ArrayRecord file, where both are installed."""
    try:
        import grain.python
        from array_record.python.array_record_module import ArrayRecordWriter
    except ImportError:
        return {}
    writer = ArrayRecordWriter(str(path), "group_size:1")
    for image in images:
        writer.write(image.tobytes())
    writer.close()
    steps, shape, dtype = len(images) // BATCH, images.shape[1:], images.dtype

    def read() -> int:
        source = grain.python.ArrayRecordDataSource([str(path)])
        one = grain.python.MapDataset.source(source).shuffle(seed=0)
        dataset = one.map(lambda data: np.frombuffer(data, dtype).reshape(shape).astype(np.float32)).batch(BATCH)
        return sum(seen(batch) for batch, _ in zip(dataset.to_iter_dataset(), range(steps), strict=False))

    return {"grain on ArrayRecord, shuffled": Contender(read, [path])}


def seen(images: np.ndarray) -> int:
    """Return how many images there are, having looked at a pixel of each."""
    return len(images) if np.isfinite(images[:, 0, 0, 0]).all() else 0


if __name__ == "__main__":
    main()
