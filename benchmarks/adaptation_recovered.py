"""What adaptation wins back, of what can be won back, over several trainings.

    python benchmarks/adaptation_recovered.py VAE ADAPTED [ADAPTED ...] --learned SOURCE TARGET CATALOG
        --fresh SOURCE TARGET CATALOG --out OUT

ADAPTED are models adapted from VAE with different seeds. Forests are fitted on the training split of the ``--learned``
record sets and used on the ``--fresh`` ones, of galaxies that nothing learned from; both are pairs, so every forest has
learned from the same galaxies and is asked of the same ones. Of the mean balanced accuracy over questions it prints
that of the source, of the target as it is, of the target with forests that learned from the target (the ceiling, all
that its images hold for this VAE), of the target as each map that needs no network moves it, and of the adapted models.
Intervals are of 95 % and of drawing both galaxies and trainings again. Latents that are in OUT already are kept.

Pseudo-labels (after Ye et al. 2025) need no pairs either: forests of the source name the target's training galaxies,
and new forests learn from both surveys, of the target from those that were named with a probability of `SURE` or
more. What `align` makes of an adapted model's latents is printed too, and how far apart a galaxy's two latents are.

With ``--blur FWHM …`` (arcsec, a band each), what of the seeing the source lacks, there is one more way that needs
neither pairs nor training: forests that learned from the source's own images, blurred so and with the target's noise.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack
from scipy.ndimage import gaussian_filter

from galkeras.evaluation.shift.baselines import BASELINES
from galkeras.evaluation.shift.compared import mapped_latents
from galkeras.evaluation.shift.conservation import QuestionRow, table_4
from galkeras.evaluation.shift.domains import domain_scores
from galkeras.galaxyzoo.trees import tree_of
from galkeras.io.text import markdown_table
from galkeras.latents.encode import encode
from galkeras.latents.table import LatentTable, read_latents
from galkeras.models.folder import load_model
from galkeras.morphology.forests import Forest, Forests, fit_forest
from galkeras.records.pairs import join
from galkeras.records.reader import ordered_dataset
from galkeras.records.schema import RecordSet
from galkeras.surveys.catalog import read_catalog

Pair = tuple[LatentTable, LatentTable]
Ways = dict[str, tuple[str, list[QuestionRow]]]
"""What is printed, by name: the column of `table_4` that it is, and the rows that hold it."""
SURE = 0.8
SOURCE, BARE, CEILING = "source", "target, as it is", "target, forests of its own (the ceiling)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vae", type=Path)
    parser.add_argument("adapted", type=Path, nargs="+")
    for name in ("--learned", "--fresh"):
        parser.add_argument(name, type=Path, nargs=3, required=True, metavar=("SOURCE", "TARGET", "CATALOG"))
    parser.add_argument("--blur", type=float, nargs="+", metavar="FWHM")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    learned, fresh = (
        {model: pairs_of(model, given.out, *sets[:2], splits) for model in (given.vae, *given.adapted)}
        for sets, splits in ((given.learned, ("train",)), (given.fresh, None))
    )
    catalog = vstack([read_catalog(sets[2], position=False) for sets in (given.learned, given.fresh)])
    tested, known = named(fresh[given.vae], "before"), named(learned[given.vae], "before")
    before = table_4(tested | mapped_latents(tested, known, True, 0), known, {}, catalog)
    ways: Ways = {SOURCE: ("source before", before), BARE: ("target before", before)}
    ways[CEILING] = ("target before, refitted", before)
    ways |= {f"target, {one.title}": (f"target before, {name}", before) for name, one in BASELINES.items()}
    pseudo = pseudo_labelled(known["source before"], known["target before"], catalog)
    rows = table_4({"target before": tested["target before"]}, {}, {"before": pseudo}, catalog, refit=False)
    ways["target, pseudo-labels"] = ("target before", rows)
    if given.blur:
        z, source = degraded_latents(given), known["source before"]
        blurred = {"source before": replace(source, z=np.stack([z[name] for name in source.id.tolist()]))}
        rows = table_4({"target before": tested["target before"]}, blurred, {}, catalog, refit=False)
        ways["target, source blurred and noised"] = ("target before", rows)
    told = [(model.name, fresh[model]) for model in (given.vae, *given.adapted)]
    for number, model in enumerate(given.adapted):
        tested, known = (named(sets[model], "after") for sets in (fresh, learned))
        mapped = mapped_latents(tested, known, True, 0)
        after = table_4(tested | mapped, known, {}, catalog, refit=False)
        ways |= {f"{of}, adapted {number}": (f"{of} after", after) for of in ("target", "source")}
        for name, one in BASELINES.items():
            ways[f"target, adapted {number}, {one.title}"] = (f"target after, {name}", after)
            told.append((f"{model.name}, {one.title}", (tested["source after"], mapped[f"target after, {name}"])))
    print(f"{table(ways, len(given.adapted))}\n\n{questions_table(ways)}\n", flush=True)
    header = ("model", "AUC, logistic", "AUC, trees", "survey named within a pair", "paired / between")
    print(markdown_table(header, [(name, *apart(*pair)) for name, pair in told]))


def apart(source: LatentTable, target: LatentTable) -> tuple[str, ...]:
    """Return how far apart pairs are: AUC of two classifiers, the better one's share of pairs told, and distance."""
    found = domain_scores(source.z, target.z, paired=True)
    return f"{found.auc_linear:.3f}", f"{found.auc_trees:.3f}", f"{found.within_pair:.1%}", f"{found.paired_ratio:.3f}"


def named(pair: Pair, stage: str) -> dict[str, LatentTable]:
    """Return the latents of both surveys by the names that `table_4` knows."""
    return {f"source {stage}": pair[0], f"target {stage}": pair[1]}


def pseudo_labelled(source: LatentTable, target: LatentTable, catalog: Table) -> Forests:
    """Return forests of the source's labels and of what forests of these make of the target's galaxies."""
    tree, found = tree_of(catalog), {}
    for question in tree.classes:
        by_id = dict(zip(map(str, catalog["id"]), tree.labels(catalog, question.name), strict=True))
        labels = np.array([by_id.get(name, "") for name in source.id.tolist()])
        known = labels != ""
        classes, counts = np.unique(labels[known], return_counts=True)
        truth = np.searchsorted(classes, labels[known])
        likely = fit_forest(source.z[known], truth, 0).predict_proba(target.z)
        sure = likely.max(1) >= SURE
        z, both = np.concatenate([source.z[known], target.z[sure]]), np.concatenate([truth, likely[sure].argmax(1)])
        ids = np.concatenate([source.id[known], target.id[sure]])
        print(f"{question.name}: {len(truth):,} labels, {np.sum(sure):,} of {len(sure):,} pseudo-labels", flush=True)
        found[question.name] = Forest(
            question.title, tuple(classes.tolist()), tuple(counts), fit_forest(z, both, 0, groups=ids)
        )
    spread = (tuple(one.tolist()) for one in (source.z.mean(0), source.z.std(0)))
    return Forests(source.model, source.z.shape[1], source.views, 0, found, *spread)


def pairs_of(model: Path, out: Path, source: Path, target: Path, splits: tuple[str, ...] | None) -> Pair:
    """Return the latents of the galaxies that both record sets hold, row by row."""
    tables = []
    for records in (source, target):
        file = out / f"{model.name}-{records.name}.parquet"
        if not file.exists():
            encode(model, records, file, splits=splits, scores="none", any_survey=True)
        tables.append(read_latents(file))
    pairs = join(*tables)
    return tables[0][pairs.source], tables[1][pairs.target]


def degraded_latents(given: argparse.Namespace) -> dict[str, np.ndarray]:
    """Return, by name, the latents of the source's training images as the target would have taken them."""
    source, target = (RecordSet.load(path) for path in given.learned[:2])
    model, rng = load_model(given.vae), np.random.default_rng(0)
    sigma = np.array(given.blur) / 2.3548 / source.images.pixel_scale

    def blurred(images: np.ndarray) -> np.ndarray:
        bands = [gaussian_filter(images[..., b], (0, one, one)) for b, one in enumerate(sigma)]
        return np.stack(bands, -1)

    wanted = np.concatenate([edge_noise(batch["image"].numpy()) for batch in ordered_dataset(target, ("train",), 256)])
    found = {}
    for batch in ordered_dataset(source, ("train",), 64):
        images = blurred(batch["image"].numpy())
        its = wanted[rng.integers(0, len(wanted), len(images))]
        lacking = np.sqrt(np.maximum(np.square(its) - np.square(edge_noise(images)), 0))
        images += lacking[:, None, None] * rng.normal(size=images.shape)
        z = model.encode(images.astype(np.float32))[0].numpy()
        found |= dict(zip((name.decode() for name in batch["id"].numpy()), z, strict=True))
    return found


def edge_noise(images: np.ndarray) -> np.ndarray:
    """Return (rows, bands) standard deviations of a pixel, from differences of neighbours along two edges."""
    edge = np.concatenate([images[:, :6], images[:, -6:]], 1)
    return np.median(np.abs(np.diff(edge, axis=2)), (1, 2)) / 0.6745 / np.sqrt(2)


def table(ways: Ways, trainings: int) -> str:
    """Return what each way scores and what part of the drop it wins back."""
    plain = {way: np.mean([row.accuracy[column] for row in rows]) for way, (column, rows) in ways.items()}
    drawn = {way: np.mean([row.samples[column] for row in rows], 0) for way, (column, rows) in ways.items()}
    draws = np.arange(len(drawn[SOURCE]))
    picked = np.random.default_rng(0).integers(0, trainings, (trainings, len(draws)))
    for of in (SOURCE, "target"):
        each = [f"{of}, adapted {number}" for number in range(trainings)]
        plain[f"{of}, adapted, all trainings"] = np.mean([plain[way] for way in each])
        drawn[f"{of}, adapted, all trainings"] = np.stack([drawn[way] for way in each])[picked, draws].mean(0)

    def cell(value: Callable[[dict], np.ndarray], digits: int = 1) -> str:
        low, high = np.percentile(value(drawn), (2.5, 97.5))
        return f"{100 * value(plain):.{digits}f} ({100 * low:.{digits}f} to {100 * high:.{digits}f})"

    rows = []
    for way in plain:
        drop = cell(lambda scores, way=way: scores[SOURCE] - scores[way])
        won = "–"
        if way.startswith("target") and way not in (BARE, CEILING):
            won = cell(lambda s, way=way: (s[way] - s[BARE]) / (s[CEILING] - s[BARE]), 0)
        rows.append((way, f"{plain[way]:.1%}", drop, won))
    return markdown_table(("", "balanced accuracy", "below the source (points)", "of what can be won back (%)"), rows)


def questions_table(ways: Ways) -> str:
    """Return the balanced accuracy of each way, question by question."""
    columns, each = zip(*ways.values(), strict=True)
    lines = [
        (
            rows[0].title,
            f"{rows[0].galaxies:,}",
            *(f"{row.accuracy[c]:.1%}" for c, row in zip(columns, rows, strict=True)),
        )
        for rows in zip(*each, strict=True)
    ]
    return markdown_table(("question", "galaxies", *ways), lines)


if __name__ == "__main__":
    main()
