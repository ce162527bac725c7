"""True pairs of real pictures, SDSS and Legacy Surveys: is a galaxy's own other image the nearest?

    python benchmarks/real_pairs.py PAIRS MODEL [LATENTS] [--forests FORESTS --classes EFIGI/catalog.csv]

PAIRS holds `pairs.csv` (columns pgc, sdss and legacy) and the pictures that it names, both of one field. Each
Legacy picture is mapped by baselines that were fitted on the pairs of other galaxies, and its nearest SDSS picture is
looked for among those of the pairs and, with LATENTS (of `galkeras encode`), among all galaxies of that table too.
With FORESTS, fitted on SDSS pictures, the classes that they name are compared: with what people say (a catalog with the
galaxies' ids and a column of the question's name), and between the two pictures of a galaxy.
"""

import argparse
import csv
import tempfile
from pathlib import Path

import numpy as np
from scipy.spatial.distance import cdist

from galkeras.evaluation.shift.baselines import BASELINES
from galkeras.evaluation.shift.domains import between_mse, paired_mse
from galkeras.io.text import markdown_table
from galkeras.latents.encode import encode
from galkeras.latents.table import read_latents
from galkeras.morphology.forests import Forest, Forests
from galkeras.records.make import make_tfrecords


def latents(pictures: dict[str, Path], model: Path, folder: Path) -> np.ndarray:
    """Return the latents of some pictures, in their order."""
    (folder / "cutouts").mkdir(parents=True)
    with open(folder / "catalog.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "file"])
        for name, picture in pictures.items():
            (folder / "cutouts" / f"{name}{picture.suffix}").write_bytes(picture.read_bytes())
            rows.writerow([name, f"{name}{picture.suffix}"])
    # Legacy pictures count as SDSS ones, as in benchmarks/real_pictures.py: the model knows one kind.
    make_tfrecords(
        folder / "catalog.csv",
        folder / "cutouts",
        folder / "records",
        survey="sdss",
        image_size=64,
        position=False,
        workers=1,
    )
    encode(model, folder / "records", folder / "z.parquet", any_survey=True)
    table = read_latents(folder / "z.parquet")
    place = {name: row for row, name in enumerate(table.id.tolist())}
    return table.z[[place[name] for name in pictures]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("latents", type=Path, nargs="?")
    parser.add_argument("--forests", type=Path)
    parser.add_argument("--question", default="stage")
    parser.add_argument("--classes", type=Path)
    given = parser.parse_args()
    with open(given.pairs / "pairs.csv", newline="") as file:
        pairs = list(csv.DictReader(file))
    galaxy = np.array([row["pgc"] for row in pairs])
    with tempfile.TemporaryDirectory() as folder:
        source, target = (
            latents(
                {f"p{number:02d}": given.pairs / row[survey] for number, row in enumerate(pairs)},
                given.model,
                Path(folder) / survey,
            )
            for survey in ("sdss", "legacy")
        )
    mapped = {"as they are": target}
    for one in BASELINES.values():
        mapped[one.title] = np.concatenate(
            [one.fit(source[galaxy != name], target[galaxy != name])(target[[row]]) for row, name in enumerate(galaxy)]
        )
    others = None
    if given.latents:
        table = read_latents(given.latents)
        # The pictures of the pairs are in the table too.
        others = table.z[cdist(table.z, source).min(1) > 1e-3]
    rows = []
    for title, z in mapped.items():
        distance = cdist(z, source)
        own = np.diag(distance)
        # Two pictures of one galaxy are both its own.
        distance[(galaxy[:, None] == galaxy) & ~np.eye(len(galaxy), dtype=bool)] = np.inf
        nearest = own <= distance.min(1)
        row = [title, f"{paired_mse(source, z).mean() / between_mse(source):.3f}", f"{nearest.mean():.1%}"]
        if others is not None:
            row.append(f"{np.mean(nearest & (own < cdist(z, others).min(1))):.1%}")
        rows.append(row)
    header = ["Legacy latents", "paired / between", f"own image is nearest, of {len(pairs)}"]
    print(markdown_table(header + ([] if others is None else [f"of {len(pairs) + len(others):,}"]), rows))
    if given.forests:
        with open(given.classes, newline="") as file:
            told = {row["id"]: row[given.question] for row in csv.DictReader(file)}
        forest = Forests.load(given.forests).by_question[given.question]
        print("\n" + classes_named(forest, np.array([told.get(name, "") for name in galaxy]), source, mapped))


def classes_named(forest: Forest, truth: np.ndarray, source: np.ndarray, mapped: dict[str, np.ndarray]) -> str:
    """Return which classes a forest names on either picture, as a table: how often the right, how often the same."""
    names = np.array(forest.classes)
    known = truth != ""
    by_source = names[forest.probabilities(source).argmax(1)]
    rows = []
    for title, z in {"SDSS": source, **{f"Legacy, {title}": z for title, z in mapped.items()}}.items():
        named = names[forest.probabilities(z).argmax(1)]
        right = np.mean(named[known] == truth[known])
        rows.append([title, f"{right:.1%}", f"{np.mean(named == by_source):.1%}"])
    most = np.unique(truth[known], return_counts=True)[1].max() / known.sum()
    header = ["picture", f"right, of {known.sum()} (majority {most:.1%})", "named as on the SDSS picture"]
    return markdown_table(header, rows)


if __name__ == "__main__":
    main()
