"""How do a model's forests fare as galaxies sink into the noise?

    galkeras mock --galaxies 2000 --surveys decals --seed 212 --size 64 --pixel-scale 0.524 --depth-offset -2 --out m2
    galkeras make-tfrecords m2/catalog.parquet m2/cutouts/decals --like MODEL --out r2      # and so on
    python benchmarks/signal_to_noise.py MODEL FORESTS m0/catalog.parquet r0 r1 r2 …

Record sets are of the same galaxies at several depths, which neither MODEL nor FORESTS learned from. The signal to
noise of an image is that within the half-light radius, in r: half of the catalog's flux over the noise of as many
pixels as the circle has, which is measured along the edge of the image. Prints the balanced accuracy of each question
for galaxies of all depths together, cut by signal to noise, and their mean; a part without all classes has none.
"""

import argparse
from pathlib import Path

import numpy as np
from adaptation_recovered import edge_noise

from galkeras.galaxyzoo.labels import labels
from galkeras.galaxyzoo.trees import tree_of
from galkeras.io.text import markdown_table
from galkeras.models.folder import load_model
from galkeras.morphology.forests import Forests
from galkeras.records.reader import ordered_dataset
from galkeras.records.schema import RecordSet
from galkeras.surveys.catalog import read_catalog

EDGES = (0, 40, 80, 160, 320, np.inf)
BAND = "r"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("forests", type=Path)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("records", type=Path, nargs="+")
    given = parser.parse_args()
    model, forests = load_model(given.model), Forests.load(given.forests)
    catalog = read_catalog(given.catalog, position=False)
    place = {str(name): row for row, name in enumerate(catalog["id"])}
    flux, radius = (np.asarray(catalog[name], float) for name in ("sersic_nmgy_r", "petro_th50"))
    z, rows, ratio = [], [], []
    for path in given.records:
        records = RecordSet.load(path)
        band = records.bands.index(BAND)
        for batch in ordered_dataset(records, batch_size=128):
            images = batch["image"].numpy()
            its = np.array([place[name.decode()] for name in batch["id"].numpy()])
            pixels = np.pi * (radius[its] / records.images.pixel_scale) ** 2
            ratio.append(0.5 * flux[its] / (edge_noise(images)[:, band] * np.sqrt(pixels)))
            z.append(model.encode(images)[0].numpy())
            rows.append(its)
    z, rows, ratio = (np.concatenate(values) for values in (z, rows, ratio))
    known = np.isfinite(ratio)
    z, rows, ratio = z[known], rows[known], ratio[known]
    which = np.digitize(ratio, EDGES) - 1
    lines, means = [], []
    for question in tree_of(catalog).classes:
        truth = labels(catalog, question.name)[rows]
        forest = forests.by_question[question.name]
        classes = np.array(forest.classes)
        said = classes[forest.probabilities(z).argmax(1)]
        values = [accuracy(truth[which == one], said[which == one], classes) for one in range(len(EDGES) - 1)]
        means.append(values)
        lines.append([question.title, *map(percent, values)])
    lines.append(["mean", *map(percent, np.mean(means, 0))])
    counts = np.bincount(which, minlength=len(EDGES) - 1)
    spans = [f"{low:g} to {high:g}" for low, high in zip(EDGES[1:-2], EDGES[2:-1], strict=True)]
    spans = [f"under {EDGES[1]}", *spans, f"over {EDGES[-2]}"]
    print(markdown_table(["", *(f"{span} ({count:,})" for span, count in zip(spans, counts, strict=True))], lines))


def percent(value: float) -> str:
    return f"{100 * value:.1f}" if np.isfinite(value) else ""


def accuracy(truth: np.ndarray, said: np.ndarray, classes: np.ndarray) -> float:
    """Return the balanced accuracy, NaN where a class is not there."""
    recalls = [np.mean(said[truth == one] == one) if np.any(truth == one) else np.nan for one in classes]
    return float(np.mean(recalls))


if __name__ == "__main__":
    main()
