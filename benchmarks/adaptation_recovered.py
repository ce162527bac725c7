"""What adaptation wins back, of what can be won back, over several trainings.

    python benchmarks/adaptation_recovered.py VAE ADAPTED [ADAPTED ...] --learned SOURCE TARGET CATALOG
        --fresh SOURCE TARGET CATALOG --out OUT

ADAPTED are models adapted from VAE with different seeds. Forests are fitted on the training split of the ``--learned``
record sets and used on the ``--fresh`` ones, of galaxies that nothing learned from; both are pairs, so every forest has
learned from the same galaxies and is asked of the same ones. Of the mean balanced accuracy over questions it prints
that of the source, of the target as it is, of the target with forests that learned from the target (the ceiling, all
that its images hold for this VAE), of the target as each map that needs no network moves it, and of the adapted models.
Intervals are of 95 % and of drawing both galaxies and trainings again. Latents that are in OUT already are kept.

With ``--blur FWHM …`` (arcsec, a band each), what of the seeing the source lacks, there is one more way that needs
neither pairs nor training: forests that learned from the source's own images, blurred so and with the target's noise.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from sklearn.metrics import balanced_accuracy_score

from galkeras.evaluation.shift.baselines import BASELINES
from galkeras.evaluation.shift.domains import tell_apart
from galkeras.galaxyzoo.labels import labels
from galkeras.galaxyzoo.trees.gzd5 import GZD5
from galkeras.io.text import markdown_table
from galkeras.latents.encode import encode
from galkeras.latents.table import LatentTable, read_latents
from galkeras.models.folder import load_model
from galkeras.morphology.forests import fit_forest
from galkeras.records.pairs import join
from galkeras.records.reader import ordered_dataset
from galkeras.records.schema import RecordSet
from galkeras.surveys.catalog import read_catalog

DEGRADED = Path("source, degraded")
_FEWEST = 10
_DRAWS = 1000
Pair = tuple[LatentTable, LatentTable]


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
    ways = {"source": (given.vae, 0, 0, None), "target, as it is": (given.vae, 0, 1, None)}
    ways["target, forests of its own (the ceiling)"] = (given.vae, 1, 1, None)
    for name in BASELINES:
        ways[f"target, {BASELINES[name].title}"] = (given.vae, 0, 1, name)
    if given.blur:
        z = degraded_latents(given)
        a, b = learned[given.vae]
        learned[DEGRADED] = replace(a, z=np.stack([z[name] for name in a.id.tolist()])), b
        fresh[DEGRADED] = fresh[given.vae]
        ways["target, source blurred and noised"] = (DEGRADED, 0, 1, None)
    trainings = []
    for number, model in enumerate(given.adapted):
        ways[f"target, adapted {number}"] = (model, 0, 1, None)
        ways[f"source, adapted {number}"] = (model, 0, 0, None)
        trainings.append(number)
    right = {}
    for question in GZD5.label_questions.values():
        truths = [truth_of(sets[given.vae][0], catalog, question) for sets, catalog in
                  ((learned, given.learned[2]), (fresh, given.fresh[2]))]  # fmt: skip
        classes = [
            label.answer
            for label in question.labels
            if min(np.sum(truth == label.answer) for truth in truths) >= _FEWEST
        ]
        if len(classes) < 2:
            continue
        right[question.title] = answers(ways, learned, fresh, truths, classes)
    print(table(ways, right, trainings), flush=True)
    print()
    print(questions_table(ways, right), flush=True)
    print()
    rows = []
    for model in (given.vae, *given.adapted):
        a, b = fresh[model]
        told = tell_apart(a.z, b.z, paired=True, seed=0)
        rows.append((model.name, *(f"{one.auc:.3f}" for one in told)))
    print(markdown_table(("model", "AUC, logistic regression", "AUC, boosted trees"), rows))


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

    def noise(images: np.ndarray) -> np.ndarray:
        """Of a band of each image: the median difference of neighbours along its edge, in standard deviations."""
        edge = np.concatenate([images[:, :6].reshape(len(images), -1, *images.shape[2:]),
                               images[:, -6:].reshape(len(images), -1, *images.shape[2:])], 1)  # fmt: skip
        return np.median(np.abs(np.diff(edge, axis=2)), (1, 2)) / 0.6745 / np.sqrt(2)

    wanted = np.concatenate([noise(batch["image"].numpy()) for batch in ordered_dataset(target, ("train",), 256)])
    found = {}
    for batch in ordered_dataset(source, ("train",), 64):
        images = blurred(batch["image"].numpy())
        its = wanted[rng.integers(0, len(wanted), len(images))]
        lacking = np.sqrt(np.maximum(np.square(its) - np.square(noise(images)), 0))
        images += lacking[:, None, None] * rng.normal(size=images.shape)
        z = model.encode(images.astype(np.float32))[0].numpy()
        found |= dict(zip((name.decode() for name in batch["id"].numpy()), z, strict=True))
    return found


def truth_of(table: LatentTable, catalog: Path, question) -> np.ndarray:
    """Return the answer to a question of each galaxy, empty where the votes give none."""
    catalog = read_catalog(catalog, position=False)
    by_id = dict(zip(map(str, catalog["id"]), labels(catalog, question.name), strict=True))
    return np.array([by_id.get(name) or "" for name in table.id.tolist()])


def answers(ways: dict, learned: dict, fresh: dict, truths: list[np.ndarray], classes: list[str]) -> dict:
    """Return the truth, the rows of the galaxies, and what each way answers for them."""
    trained, asked = (np.flatnonzero(np.isin(truth, classes)) for truth in truths)
    forests, said = {}, {}
    for way, (model, taught, of, baseline) in ways.items():
        if (model, taught) not in forests:
            forests[model, taught] = fit_forest(learned[model][taught].z[trained], truths[0][trained], 0)
        z = fresh[model][of].z
        if baseline is not None:
            z = BASELINES[baseline].fit(*(one.z for one in learned[model]))(z)
        said[way] = forests[model, taught].predict(z[asked])
    return {"truth": truths[1][asked], "rows": asked, "said": said}


def accuracies(right: dict, rows: np.ndarray | None = None) -> dict[str, float]:
    """Return the mean over questions of the balanced accuracy of each way, with galaxies drawn ``rows`` times."""
    each = []
    for one in right.values():
        weight = np.ones(len(one["rows"])) if rows is None else rows[one["rows"]]
        kept = weight > 0
        each.append(
            {
                way: balanced_accuracy_score(one["truth"][kept], said[kept], sample_weight=weight[kept])
                for way, said in one["said"].items()
            }
        )
    return {way: float(np.mean([scores[way] for scores in each])) for way in each[0]}


def table(ways: dict, right: dict, trainings: list[int]) -> str:
    """Return what each way scores and what part of the drop it wins back."""
    rng, count = np.random.default_rng(0), 1 + max(one["rows"].max() for one in right.values())
    draws = [accuracies(right, np.bincount(rng.integers(0, count, count), minlength=count)) for _ in range(_DRAWS)]
    drawn = rng.integers(0, len(trainings), (_DRAWS, len(trainings)))
    plain = accuracies(right)
    for scores, picked in ((plain, trainings), *zip(draws, drawn.tolist(), strict=True)):
        for of in ("source", "target"):
            scores[f"{of}, adapted, all trainings"] = np.mean([scores[f"{of}, adapted {i}"] for i in picked])
    bare, ceiling = "target, as it is", "target, forests of its own (the ceiling)"

    def cell(value, digits=1) -> str:
        low, high = np.percentile([value(scores) for scores in draws], (2.5, 97.5))
        return f"{100 * value(plain):.{digits}f} ({100 * low:.{digits}f} to {100 * high:.{digits}f})"

    rows = []
    for way in plain:
        drop = cell(lambda scores, way=way: scores["source"] - scores[way])
        won = "–"
        if way.startswith("target") and way not in (bare, ceiling):
            won = cell(lambda s, way=way: (s[way] - s[bare]) / (s[ceiling] - s[bare]), 0)
        rows.append((way, f"{plain[way]:.1%}", drop, won))
    return markdown_table(("", "balanced accuracy", "below the source (points)", "of what can be won back (%)"), rows)


def questions_table(ways: dict, right: dict) -> str:
    """Return the balanced accuracy of each way, question by question."""
    rows = [
        (
            title,
            f"{len(one['rows']):,}",
            *(f"{balanced_accuracy_score(one['truth'], one['said'][w]):.1%}" for w in ways),
        )
        for title, one in right.items()
    ]
    return markdown_table(("question", "galaxies", *ways), rows)


if __name__ == "__main__":
    main()
