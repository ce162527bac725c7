"""Does averaging forests over galaxies' posteriors make probabilities truer? The tables of docs/calibration.md.

    OMP_NUM_THREADS=1 python benchmarks/calibration.py latents.parquet mock/catalog.parquet --out calibration

For each of the nine questions 70 % of the galaxies train and 30 % are scored, as in `galkeras classify`, by eight ways
of getting probabilities:

- means: forests fitted on posterior means, asked about posterior means, as they are;
- samples asked: the same forests, averaged over draws from the posterior of the galaxy asked about;
- samples fitted: forests in which every tenth of the trees was fitted on other draws, asked about means;
- samples both;
- reweighted: means, with each class's probability multiplied by its share of the training galaxies over the equal
  share that balanced class weights pretend;
- sharpened: means to the power that `fit_power` finds among the training galaxies (what galkeras does);
- sharpened, samples: such probabilities averaged over draws (what galkeras does with --samples);
- samples, sharpened: samples asked, averaged first and then sharpened by a power of their own.

Writes calibration.json and calibration.png, and prints Markdown. Differences are to `means`, with 95 % intervals from
drawing the tested galaxies again, the same for all.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold

from galkeras.galaxyzoo.labels import labels
from galkeras.galaxyzoo.trees.gzd5 import GZD5
from galkeras.io.text import markdown_table
from galkeras.latents.table import LatentTable, read_latents
from galkeras.morphology.calibration import calibrate
from galkeras.morphology.figures import save_reliability
from galkeras.morphology.forests import FOREST, sharpened
from galkeras.morphology.posterior import draw_latents
from galkeras.morphology.sharpening import fit_power
from galkeras.morphology.splits import splits
from galkeras.surveys.catalog import read_catalog

PARTS = 10


def fitted(z: np.ndarray, target: np.ndarray, trees: int, seed: int) -> RandomForestClassifier:
    forest = RandomForestClassifier(**FOREST | {"n_estimators": trees}, random_state=seed, n_jobs=1)
    return forest.fit(z, target)


def asked(forests: list[RandomForestClassifier], z: np.ndarray, power: float = 1) -> np.ndarray:
    """Return probabilities of (rows, draws, latents), averaged over forests, sharpened, and averaged over draws."""
    rows, draws, _ = z.shape
    flat = z.reshape(rows * draws, -1)
    said = sharpened(np.mean([one.predict_proba(flat) for one in forests], 0), power)
    return said.reshape(rows, draws, -1).mean(1)


def ways(train: LatentTable, test: LatentTable, target: np.ndarray, samples: int, seed: int) -> dict[str, np.ndarray]:
    trees = FOREST["n_estimators"]
    on_means = [fitted(train.z, target, trees, seed)]
    drawn = draw_latents(train, PARTS, seed)
    on_samples = [fitted(drawn[:, part], target, trees // PARTS, seed + part) for part in range(PARTS)]
    mean, sample = test.z[:, None], draw_latents(test, samples, seed)
    shares = np.bincount(target) / len(target)
    result = {
        "means": asked(on_means, mean),
        "samples asked": asked(on_means, sample),
        "samples fitted": asked(on_samples, mean),
        "samples both": asked(on_samples, sample),
    }
    weighed = result["means"] * shares
    result["reweighted"] = weighed / weighed.sum(-1, keepdims=True)
    powers = fit_power(train.z, target, train.id, seed), power_of_samples(train, target, samples, seed)
    print("powers", powers)
    result["sharpened"] = sharpened(result["means"], powers[0])
    result["sharpened, samples"] = asked(on_means, sample, powers[0])
    result["samples, sharpened"] = sharpened(result["samples asked"], powers[1])
    return result


def power_of_samples(train: LatentTable, target: np.ndarray, samples: int, seed: int) -> float:
    """Return what `fit_power` does, for answers averaged over draws from the posteriors."""
    said = np.zeros((len(target), target.max() + 1))
    for seen, held in StratifiedKFold(3, shuffle=True, random_state=seed).split(target, target):
        forest = fitted(train.z[seen], target[seen], 100, seed)
        said[held] = asked([forest], draw_latents(train[held], samples, seed))
    said = np.maximum(said, 1e-3)

    def loss(log_power: float) -> float:
        return log_loss(target, sharpened(said, np.exp(log_power)))

    return float(np.exp(minimize_scalar(loss, bounds=(-2, 2), method="bounded").x))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("latents", type=Path)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    table = read_latents(given.latents)
    catalog = read_catalog(given.catalog, position=False, columns=GZD5.vote_columns)
    place = {name: row for row, name in enumerate(catalog["id"].tolist())}
    catalog = catalog[[place[name] for name in table.id.tolist()]]

    found = {}
    for name, question in GZD5.label_questions.items():
        classes = [label.answer for label in question.labels]
        named = labels(catalog, name)
        classes = [one for one in classes if np.sum(named == one) >= 10]
        rows = np.flatnonzero(np.isin(named, classes))
        here, target = table[rows], np.array([classes.index(one) for one in named[rows]])
        ((train, test),) = splits(target, here.id, given.seed, None, np.zeros(len(here), bool))
        probabilities = ways(here[train], here[test], target[train], given.samples, given.seed)
        shares = np.tile(np.bincount(target[train]) / len(train), (len(test), 1))
        found[name] = calibrate(target[test], probabilities, shares=shares, groups=here.id[test], seed=given.seed)
        accuracy = {way: float(np.mean(p.argmax(1) == target[test])) for way, p in probabilities.items()}
        print(name, len(test), {way: round(value, 3) for way, value in accuracy.items()}, flush=True)

    given.out.mkdir(parents=True, exist_ok=True)
    value = {name: {way: one.to_json() for way, one in by_way.items()} for name, by_way in found.items()}
    (given.out / "calibration.json").write_text(json.dumps(value, indent=2))
    shown = ("means", "samples asked", "sharpened")
    titles = {GZD5.label_questions[name].title: {way: by_way[way] for way in shown} for name, by_way in found.items()}
    save_reliability(given.out / "calibration.png", titles)
    for what in ("brier", "ece"):
        print(f"\n{what}\n" + differences(found, what))


def differences(found: dict, what: str) -> str:
    others = list(next(iter(found.values())))[1:]
    rows = []
    for name, by_way in found.items():
        means = by_way["means"]
        row = [GZD5.label_questions[name].title, f"{sum(means.rows):,}"]
        row.append(f"{means.brier_of_shares if what == 'brier' else means.ece_by_chance:.3f}")
        row.append(f"{getattr(means, what):.3f}")
        for way in others:
            low, high = by_way[way].change[what]
            change = getattr(by_way[way], what) - getattr(means, what)
            row.append(f"{change:+.3f} ({low:+.3f} to {high:+.3f})")
        rows.append(row)
    return markdown_table(("question", "tested", "shares" if what == "brier" else "chance", "means", *others), rows)


if __name__ == "__main__":
    main()
