"""Which rule finds the flawed images of a mock survey.

    python benchmarks/outliers.py latents.parquet mock/truth.parquet tfrecords/decals --figure precision-recall.png
    python benchmarks/outliers.py fresh.parquet fresh/truth.parquet tfrecords/fresh-decals

The latents are those of `galkeras encode --scores all`.

An image is flawed where the truth names a defect in the survey of the table. Those that make-tfrecords rejected are in
no table. Galaxies are divided into two halves by their names: rules are chosen on the first and reported on the
second. Printed are average precisions, of all defects and of each kind among images without another.
"""

import argparse
import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from sklearn.covariance import EmpiricalCovariance, LedoitWolf, MinCovDet
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, precision_recall_curve
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

from galkeras.discovery.outliers import outlier_scores, outliers
from galkeras.io.figures import figure, save_figure
from galkeras.io.text import markdown_table
from galkeras.latents.table import LatentTable, read_latents
from galkeras.records.lookup import find_galaxies
from galkeras.records.schema import RecordSet

DRAWS = 300
OURS = "`outliers --records`"
OURS_BLIND = "`outliers` without images"

Scores = dict[str, np.ndarray]


def single_rules(table: LatentTable, images: Scores) -> Scores:
    """Return the score of each rule by itself."""
    z = table.z.astype(np.float64)
    deviations = (z - z.mean(0)) / z.std(0)
    posterior = np.concatenate([z, table.log_var], 1)
    everything = np.concatenate(
        [posterior, np.log(table.reconstruction_mse)[:, None], np.log(1 - table.ssim)[:, None]], 1
    )
    return {
        "largest latent in sigmas (paper)": np.abs(deviations).max(1),
        "reconstruction error": table.reconstruction_mse,
        "1 - SSIM": 1 - table.ssim,
        "Mahalanobis, empirical": EmpiricalCovariance().fit(z).mahalanobis(z),
        "Mahalanobis, Ledoit-Wolf": LedoitWolf().fit(z).mahalanobis(z),
        "Mahalanobis, MinCovDet": MinCovDet(support_fraction=0.75, random_state=0).fit(z).mahalanobis(z),
        "the same with log variances": images["mahalanobis"],
        "isolation forest": -IsolationForest(n_estimators=300, random_state=0).fit(z).score_samples(z),
        "the same with log variances, error, SSIM": -IsolationForest(n_estimators=300, random_state=0)
        .fit(everything)
        .score_samples(everything),
        "local outlier factor, 20 neighbours": -LocalOutlierFactor(20).fit(deviations).negative_outlier_factor_,
        "10th neighbour's distance": NearestNeighbors(n_neighbors=11).fit(deviations).kneighbors(deviations)[0][:, -1],
        "streak in one band": images["streak"],
        "empty pixels": images["empty"],
    }


def _rank(values: np.ndarray) -> np.ndarray:
    order = np.argsort(np.argsort(values, kind="stable"), kind="stable") / len(values)
    return np.where(values > 0, order, 0)


def _by_quantile(share: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda values: values / max(np.quantile(values, share), 1e-3)


def _robust(values: np.ndarray) -> np.ndarray:
    logs = np.log(np.maximum(values, 1e-3))
    middle = np.median(logs)
    return (logs - middle) / max(1.4826 * np.median(np.abs(logs - middle)), 1e-3)


UNITS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "rank": _rank,
    "99th percentile": _by_quantile(0.99),
    "95th percentile": _by_quantile(0.95),
    "90th percentile": _by_quantile(0.90),
    "robust deviation of the logarithm": _robust,
}


def combinations(scores: Scores) -> Scores:
    """Return the largest of several rules, in units that make them comparable."""
    sets = {
        "Mahalanobis, error": ("mahalanobis", "reconstruction_mse"),
        "Mahalanobis, streak, empty": ("mahalanobis", "streak", "empty"),
        "error, streak, empty": ("reconstruction_mse", "streak", "empty"),
        "all four": ("mahalanobis", "reconstruction_mse", "streak", "empty"),
    }
    return {
        f"{title}; {unit}": np.max([change(scores[name].astype(np.float64)) for name in names], 0)
        for title, names in sets.items()
        for unit, change in UNITS.items()
    }


def main(latents: Path, truth: Path, records: Path, picture: Path | None) -> None:
    table = read_latents(latents)
    known = pq.read_table(truth, columns=["iauname", "defect", "defect_survey"]).to_pydict()
    survey = str(table.survey[0])
    flaws = {
        name: defect if where == survey else ""
        for name, defect, where in zip(known["iauname"], known["defect"], known["defect_survey"], strict=True)
    }
    kind = np.array([flaws[name] for name in table.id.tolist()])
    kinds = sorted(set(kind.tolist()) - {""})
    in_table = set(table.id.tolist())
    rejected = [flaw for name, flaw in flaws.items() if flaw and name not in in_table]
    print(f"{len(table):,} galaxies of {survey}; flawed and rejected before: {_counts(rejected)}")

    scores = outlier_scores(table, find_galaxies([RecordSet.load(records)], table.id, table.survey))
    blind = {name: scores[name] for name in ("mahalanobis", "reconstruction_mse")}
    rules = single_rules(table, scores)
    rules |= combinations(scores)
    rules[OURS_BLIND] = _score_of_command(table, blind)
    rules[OURS] = _score_of_command(table, scores)

    half = np.array([hashlib.sha256(name.encode()).digest()[0] % 2 for name in table.id.tolist()])
    groups = {"chosen on": half == 0, "reported": half == 1}
    for name, rows in groups.items():
        print(f"{name}: {rows.sum():,} galaxies, {_counts(kind[rows & (kind != '')].tolist())}")
    header = ["rule", "AP, chosen on", "AP, reported", *(f"{one}, reported" for one in kinds)]
    lines = []
    for name, values in rules.items():
        line = [name, f"{_precision(kind, values, groups['chosen on']):.3f}"]
        line.append(_interval(kind, values, groups["reported"]))
        line += [f"{_precision(kind, values, groups['reported'] & np.isin(kind, ['', one])):.3f}" for one in kinds]
        lines.append(line)
    print(markdown_table(header, lines))
    fired = rules["largest latent in sigmas (paper)"] > 8
    print(f"8 sigma: {fired.sum()} galaxies, of these {_counts(kind[fired & (kind != '')].tolist())}")
    if picture:
        _draw(picture, kind, rules, groups["reported"])


def _score_of_command(table: LatentTable, scores: Scores) -> np.ndarray:
    from unittest.mock import patch

    with patch("galkeras.discovery.outliers.outlier_scores", lambda *_: scores):
        ranked = outliers(table).columns
    place = {name: row for row, name in enumerate(ranked["id"].tolist())}
    return ranked["score"][[place[name] for name in table.id.tolist()]]


def _precision(kind: np.ndarray, values: np.ndarray, rows: np.ndarray) -> float:
    return float(average_precision_score(kind[rows] != "", values[rows]))


def _interval(kind: np.ndarray, values: np.ndarray, rows: np.ndarray) -> str:
    """Return the average precision and its bootstrap interval over galaxies."""
    flawed, values = kind[rows] != "", values[rows]
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(DRAWS):
        weight = np.bincount(rng.integers(0, len(flawed), len(flawed)), minlength=len(flawed))
        draws.append(average_precision_score(flawed, values, sample_weight=weight))
    low, high = np.percentile(draws, (2.5, 97.5))
    return f"{average_precision_score(flawed, values):.3f} ({low:.3f}–{high:.3f})"


def _counts(names: list[str]) -> str:
    return ", ".join(f"{names.count(name)} {name}" for name in sorted(set(names))) or "none"


def _draw(path: Path, kind: np.ndarray, rules: Scores, rows: np.ndarray) -> None:
    shown = {
        OURS: "#1f5fa8",
        "streak in one band": "#2f9e5b",
        OURS_BLIND: "#d1602a",
        "largest latent in sigmas (paper)": "#333333",
        "reconstruction error": "#b59a2b",
        "empty pixels": "#8a5ca8",
    }
    sheet, axis = figure(1, 1, (6.0, 4.6))
    for name, colour in shown.items():
        precision, recall, _ = precision_recall_curve(kind[rows] != "", rules[name][rows])
        axis.step(recall, precision, where="post", color=colour, lw=1.8, label=name.replace("`", ""))
    axis.set(xlabel="flawed images found", ylabel="of what was named, flawed", xlim=(0, 1.01), ylim=(0, 1.02))
    sheet.legend(fontsize=8, loc="outside lower center", ncols=2)
    save_figure(path, sheet)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("latents", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("records", type=Path)
    parser.add_argument("--figure", type=Path)
    arguments = parser.parse_args()
    main(arguments.latents, arguments.truth, arguments.records, arguments.figure)
