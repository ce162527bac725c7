"""Does adapting to a target with more mergers keep them, or make of them what the source is used to?

    python benchmarks/adaptation_population.py enrich catalog.parquet --times 5 --out enriched.parquet
    python benchmarks/adaptation_population.py kept VAE ADAPTED [ADAPTED ...] --learned SOURCE CATALOG
        --fresh SOURCE TARGET CATALOG --out OUT

`enrich` leaves out galaxies that are not of a class until that class is so many times as frequent as it was. `kept`
fits forests on the source's latents, of each model, and asks them about the same fresh galaxies in both surveys, of
which nothing learned: which part of the galaxies of the class they find, which part of the others they name so, and how
many they name so in all. Latents that are in OUT already are kept. Intervals are of 95 % and over galaxies. A model
that has bent a target of many mergers towards a source of few would find less of them.
"""

import argparse
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from adaptation_recovered import pairs_of

from galkeras.galaxyzoo.labels import labels
from galkeras.io.errors import GalkerasError
from galkeras.io.text import markdown_table
from galkeras.latents.encode import encode
from galkeras.latents.table import read_latents
from galkeras.morphology.forests import fit_forest
from galkeras.surveys.catalog import read_catalog

DRAWS = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--question", default="merging")
    parser.add_argument("--answer", default="merger")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("enrich")
    one.add_argument("catalog", type=Path)
    one.add_argument("--times", type=float, required=True)
    one.add_argument("--out", type=Path, required=True)
    one = commands.add_parser("kept")
    one.add_argument("models", type=Path, nargs="+")
    one.add_argument("--learned", type=Path, nargs=2, required=True, metavar=("SOURCE", "CATALOG"))
    one.add_argument("--fresh", type=Path, nargs=3, required=True, metavar=("SOURCE", "TARGET", "CATALOG"))
    one.add_argument("--out", type=Path, required=True, help="folder for latents")
    given = parser.parse_args()
    if given.command == "enrich":
        enrich(given)
    else:
        kept(given)


def enrich(given: argparse.Namespace) -> None:
    its = labels(read_catalog(given.catalog, position=False), given.question) == given.answer
    if (share := its.mean() * given.times) >= 1:
        raise GalkerasError(f"{its.mean():.1%} are {given.answer}: they cannot be {given.times:g} times as many")
    others = np.random.default_rng(0).permutation(np.flatnonzero(~its))[: round(its.sum() * (1 - share) / share)]
    rows = np.sort(np.concatenate([np.flatnonzero(its), others]))
    pq.write_table(pq.read_table(given.catalog).take(rows), given.out)
    print(f"{len(rows):,} of {len(its):,} galaxies: {its.mean():.1%} are {given.answer}, and {its[rows].mean():.1%}")


def kept(given: argparse.Namespace) -> None:
    given.out.mkdir(parents=True, exist_ok=True)
    told, asked = (read_catalog(sets[-1], position=False) for sets in (given.learned, given.fresh))
    known, truth = (
        dict(zip(map(str, catalog["id"]), labels(catalog, given.question), strict=True)) for catalog in (told, asked)
    )
    lines = []
    for model in given.models:
        path = given.out / f"learned-{model.name}-{given.learned[0].name}.parquet"
        if not path.exists():
            encode(model, given.learned[0], path, splits=("train",), scores="none")
        learned = read_latents(path)
        label = np.array([known.get(name, "") for name in learned.id.tolist()])
        rows = label != ""
        forest = fit_forest(learned.z[rows], (label[rows] == given.answer).astype(int), 0)
        for survey, table in zip(("source", "target"), pairs_of(model, given.out, *given.fresh[:2], None), strict=True):
            label = np.array([truth.get(name, "") for name in table.id.tolist()])
            rows = label != ""
            its, named = label[rows] == given.answer, forest.predict(table.z[rows]) == 1
            lines.append((model.name, survey, *cells(its, named)))
    header = ("model", "asked of", f"found of {np.sum(its):,}", f"of {np.sum(~its):,} others", "named", "are")
    print(markdown_table(header, lines))


def cells(its: np.ndarray, named: np.ndarray) -> list[str]:
    """Return recall, the share of others that are named, that of all that are named and that of all that are."""
    weight = np.random.default_rng(0).multinomial(len(its), np.full(len(its), 1 / len(its)), DRAWS)
    weight = np.concatenate([np.ones((1, len(its)), int), weight])
    shares = (
        weight @ (its & named) / (weight @ its),
        weight @ (~its & named) / (weight @ ~its),
        weight @ named / len(its),
    )
    found = []
    for values in shares:
        low, high = np.percentile(values[1:], (2.5, 97.5))
        found.append(f"{values[0]:.1%} ({100 * low:.1f} to {100 * high:.1f})")
    return [*found, f"{its.mean():.1%}"]


if __name__ == "__main__":
    main()
