"""Do reconstructions have the arms, bars and rings of simulated galaxies?

    python benchmarks/structure.py tfrecords/decals mock/truth.parquet mock/noise-free/decals saved_models/*

Structure is the stretched image less its mean over ellipses about the centre, with the galaxy's own axis ratio and
position angle, within two and a half of its half-light radii. Of galaxies outside the training split that are not
edge-on, whose arms, bar or ring are strong in truth, the structure of the reconstruction is compared with that of the
noise-free image: correlation over pixels and bands, and the slope of their regression, which is 1 where structure is as
strong as it should be. The noisy image itself stands beside. Prints a Markdown table: medians over galaxies.
"""

import argparse
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from galkeras.io.text import markdown_table
from galkeras.models.folder import load_model
from galkeras.models.measure import measure
from galkeras.records.reader import ordered_dataset
from galkeras.records.schema import RecordSet
from galkeras.surveys.cutouts import read_cutout

REACH, RING = 2.5, 1.0
# What is strong: the contrast of arms, the light of a bar, of a ring.
STRONG = {"arms": ("arm_contrast", 0.5), "bar": ("bar_flux", 0.1), "ring": ("ring", 0.1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("clean", type=Path, help="folder of noise-free cutouts")
    parser.add_argument("models", type=Path, nargs="+")
    given = parser.parse_args()
    records = RecordSet.load(given.records)
    truth = {row["iauname"]: row for row in pq.read_table(given.truth).to_pylist()}
    tables: dict[str, dict[str, list]] = {}
    for path in given.models:
        vae = load_model(path)
        for batch in ordered_dataset(records, ("validation", "test"), 64):
            measured = measure(vae, batch["image"])
            names = [name.decode() for name in batch["id"].numpy()]
            for row, name in enumerate(names):
                galaxy = truth[name]
                kinds = [kind for kind, (column, least) in STRONG.items() if galaxy[column] >= least]
                if galaxy["kind"] != "face-on" or galaxy["defect"] or not kinds:
                    continue
                ring, inside = ellipses(galaxy, records)
                clean = vae.stretch(read_cutout(given.clean / f"{name}.fits").image[None])[0].numpy()
                wanted = structure(clean, ring, inside)
                shown = {path.name: measured.rebuilt[row]}
                if path == given.models[0]:
                    shown["the noisy image"] = measured.stretched[row]
                for what, image in shown.items():
                    found = structure(image.numpy(), ring, inside)
                    both = np.corrcoef(wanted, found)[0, 1], wanted @ found / (wanted @ wanted)
                    for kind in kinds:
                        tables.setdefault(what, {}).setdefault(kind, []).append(both)
    lines = []
    for what, by_kind in tables.items():
        medians = np.concatenate([np.median(by_kind[kind], 0) for kind in STRONG])
        lines.append([what, *(f"{value:.2f}" for value in medians)])
    first = next(iter(tables.values()))
    header = [part for kind in STRONG for part in (f"{kind} ({len(first[kind])}), correlation", "slope")]
    print(markdown_table(["", *header], lines))


def ellipses(galaxy: dict, records: RecordSet) -> tuple[np.ndarray, np.ndarray]:
    """Return (side, side) numbers of the ellipse that each pixel lies on, and which pixels are near the galaxy."""
    side, scale = records.image_size, records.images.pixel_scale
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    # North is up and east is left, in the order of FITS: the first row lies south.
    angle = np.deg2rad(galaxy["position_angle"])
    along = y * np.cos(angle) - x * np.sin(angle)
    across = y * np.sin(angle) + x * np.cos(angle)
    radius = np.hypot(along, across / galaxy["axis_ratio"])
    return (radius / RING).astype(int), radius < min(REACH * galaxy["radius"] / scale, side / 2)


def structure(image: np.ndarray, ring: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return the (pixels x bands,) image less its mean on each ellipse."""
    which = ring[inside]
    found = []
    for band in np.moveaxis(image, -1, 0):
        values = band[inside]
        means = np.bincount(which, values) / np.maximum(np.bincount(which), 1)
        found.append(values - means[which])
    return np.concatenate(found)


if __name__ == "__main__":
    main()
