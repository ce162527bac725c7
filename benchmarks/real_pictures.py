"""All real pictures in DATA as crops about the galaxy and one catalog with every collection's labels.

    python benchmarks/real_pictures.py DATA real
    galkeras make-tfrecords real/catalog.csv real/cutouts --image-size 64 --survey sdss --no-position \
        --out tfrecords/real

The split follows from the name, so a prefix of the names, a third argument, puts others into the training split:

    python benchmarks/real_pictures.py DATA real-b b-

12,411 pictures: EFIGI (whole frames), Galaxy Zoo 2 of Kaggle and by label, DECaLS rings (the central half), Galaxy10
and unlabelled SDSS galaxies. Their pixel scales differ, and DECaLS pictures count as SDSS ones here.
"""

import csv
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from PIL import Image

# Collection: its folder, the column of names, its columns of labels, and the side of the crop.
COLLECTIONS = {
    "efigi": ("efigi_sdss", "id", ("stage", "bar"), 88),
    "kaggle": ("gz2_kaggle", "id", ("spiral", "class4"), 212),
    "gz2": ("sdss_gz2", "objid", ("derived_label",), 212),
    "gz2s": ("gz2_sample100", "asset_id", (), 212),
    "rings": ("decals_rings", "id", ("ring",), 212),
    "equator": ("sdss_equator_unlabelled", "id", (), 100),
}
LABELS = ("stage", "bar", "spiral", "class4", "derived_label", "ring", "galaxy10")
# Galaxy Zoo 2 pictures that are not 424 pixels wide show less of the sky.
_WIDTH, _CROP = 424, 150


def pictures(data: Path, prefix: str) -> Iterator[tuple[str, Path, int, dict[str, str]]]:
    """Yield the name, file, crop and labels of every picture."""
    for name, (folder, key, columns, crop) in COLLECTIONS.items():
        with open(data / folder / "catalog.csv", newline="") as file:
            for row in csv.DictReader(file):
                small = name in ("kaggle", "gz2s") and int(row["width"]) != _WIDTH
                labels = {column: row[column] for column in columns}
                yield f"{prefix}{name}-{row[key]}", data / folder / row["file"], _CROP if small else crop, labels
    for file in sorted((data / "galaxy10").glob("*.jpg")):
        # Classes are numbered from 0 in names that begin with "class", and from 1 in those that begin with "sample".
        kind, number, *_ = file.stem.split("_")
        yield f"{prefix}galaxy10-{file.stem}", file, 160, {"galaxy10": str(int(number) - (kind == "sample"))}


def crop(task: tuple[Path, int, Path]) -> None:
    file, side, out = task
    image = Image.open(file).convert("RGB")
    side = min(side, *image.size)
    left, top = ((whole - side) // 2 for whole in image.size)
    image.crop((left, top, left + side, top + side)).save(out)


def main(data: Path, out: Path, prefix: str = "") -> None:
    cutouts = out / "cutouts"
    cutouts.mkdir(parents=True, exist_ok=True)
    found = list(pictures(data, prefix))
    with ProcessPoolExecutor() as pool:
        list(pool.map(crop, [(file, side, cutouts / f"{name}.png") for name, file, side, _ in found], chunksize=64))
    with open(out / "catalog.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, ("id", "file", *LABELS), restval="")
        writer.writeheader()
        writer.writerows({"id": name, "file": f"{name}.png"} | labels for name, _, _, labels in found)
    print(f"{out}: {len(found):,} pictures")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
