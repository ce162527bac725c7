"""How fast are record sets read, beside other files of the same bytes, and how much faster than training eats?

    python benchmarks/reading_speed.py tfrecords/NAME [--rounds 5] [--training IMAGES_A_SECOND]

The training split is read from a warm cache in batches of 64, cast to float32 as training wants it, and the first
pixels are looked at: `ordered_dataset`; the endless shuffled stream that `fit` takes; NumPy's memmap; HDF5 by h5py,
contiguous; and, where they are installed, WebDataset (a tar of .npy files, in order) and grain (ArrayRecord, shuffled,
threads of its own). All take turns, so that other work on the machine slows them alike; the median of the turns
counts. Prints a Markdown table.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from turns import turns

from galkeras.io.text import markdown_table, readable_bytes
from galkeras.records.reader import ordered_dataset, training_dataset
from galkeras.records.schema import RecordSet

BATCH = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--training", type=float, help="images/s of a training step, for a column of multiples")
    options = parser.parse_args()
    records = RecordSet.load(options.records)
    with tempfile.TemporaryDirectory() as folder:
        work = readers(records, Path(folder))
        rates: dict[str, list[float]] = {name: [] for name in work}
        for name, seconds, images in turns(work, options.rounds):
            rates[name].append(images / seconds)
    median = {name: float(np.median(values)) for name, values in rates.items()}
    ours = median["`ordered_dataset`"]
    print(
        f"{records.count('train'):,} images of {' x '.join(map(str, records.images.shape))} {records.dtype},"
        f" {readable_bytes(records.image_bytes)} each; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f},"
        f" {options.rounds} rounds\n"
    )
    header = ["", "images/s", "times `ordered_dataset`", *(["times training"] if options.training else [])]
    rows = [
        [name, f"{rate:,.0f}", f"{rate / ours:.2f}", *([f"{rate / options.training:.1f}"] if options.training else [])]
        for name, rate in median.items()
    ]
    print(markdown_table(header, rows))


def readers(records: RecordSet, folder: Path) -> dict[str, Callable[[], int]]:
    """Return the contenders, each of which reads the training split and says how many images it read."""
    count, shape = records.count("train"), records.images.shape
    mapped = np.memmap(folder / "images.raw", records.dtype, "w+", shape=(count, *shape))
    start = 0
    for batch in ordered_dataset(records, ("train",), BATCH):
        mapped[start : start + len(batch["id"])] = batch["image"].numpy()
        start += len(batch["id"])
    mapped.flush()
    with h5py.File(folder / "images.h5", "w") as file:
        file["images"] = mapped
    steps = count // BATCH

    def ordered() -> int:
        return sum(seen(batch["image"].numpy()) for batch in ordered_dataset(records, ("train",), BATCH))

    def shuffled() -> int:
        return sum(seen(batch.numpy()) for batch in training_dataset(records, "train", BATCH, seed=0).take(steps))

    def memmap() -> int:
        data = np.memmap(folder / "images.raw", records.dtype, "r", shape=(count, *shape))
        return sum(seen(data[i : i + BATCH].astype(np.float32)) for i in range(0, count, BATCH))

    def hdf5() -> int:
        with h5py.File(folder / "images.h5") as file:
            data = file["images"]
            return sum(seen(data[i : i + BATCH].astype(np.float32)) for i in range(0, count, BATCH))

    return {
        "`ordered_dataset`": ordered,
        "`training_dataset`, shuffled": shuffled,
        "NumPy memmap, in order": memmap,
        "h5py, in order": hdf5,
        **webdataset(mapped, folder),
        **grain(mapped, folder),
    }


def webdataset(images: np.ndarray, folder: Path) -> dict[str, Callable[[], int]]:
    """Return WebDataset's reader, where it is installed."""
    try:
        import webdataset
    except ImportError:
        return {}
    with webdataset.TarWriter(str(folder / "images.tar")) as tar:
        for number, image in enumerate(images):
            tar.write({"__key__": f"{number:08d}", "npy": image})

    def read() -> int:
        dataset = webdataset.WebDataset(str(folder / "images.tar"), shardshuffle=False).decode().to_tuple("npy")
        return sum(seen(batch[0].astype(np.float32)) for batch in dataset.batched(BATCH))

    return {"WebDataset, in order": read}


def grain(images: np.ndarray, folder: Path) -> dict[str, Callable[[], int]]:
    """Return grain's reader of an ArrayRecord file, where both are installed."""
    try:
        import grain.python
        from array_record.python.array_record_module import ArrayRecordWriter
    except ImportError:
        return {}
    writer = ArrayRecordWriter(str(folder / "images.array_record"), "group_size:1")
    for image in images:
        writer.write(image.tobytes())
    writer.close()
    steps, shape, dtype = len(images) // BATCH, images.shape[1:], images.dtype

    def read() -> int:
        source = grain.python.ArrayRecordDataSource([str(folder / "images.array_record")])
        one = grain.python.MapDataset.source(source).shuffle(seed=0)
        dataset = one.map(lambda data: np.frombuffer(data, dtype).reshape(shape).astype(np.float32)).batch(BATCH)
        return sum(seen(batch) for batch, _ in zip(dataset.to_iter_dataset(), range(steps), strict=False))

    return {"grain on ArrayRecord, shuffled": read}


def seen(images: np.ndarray) -> int:
    """Return how many images there are, having looked at a pixel of each."""
    return len(images) if np.isfinite(images[:, 0, 0, 0]).all() else 0


if __name__ == "__main__":
    main()
