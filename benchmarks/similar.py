"""Which distance finds like galaxies, and which library finds them exactly and fast among a million.

    python benchmarks/similar.py metrics latents.parquet mock/catalog.parquet
    python benchmarks/similar.py metrics latents.parquet real.csv --label-column derived_label
    python benchmarks/similar.py speed latents.parquet --galaxies 1000000

The first compares distances by how often a galaxy and its 12 nearest neighbours have the same label of Table 2, and by
how far their vote fractions are apart; with a label column, by how often they have the same label. Galaxies are
divided into two halves by their names: a distance is chosen on the first and reported on the second. Neighbours are
sought among all. The second draws galaxies from the posteriors of a table and times single queries on one thread, in
seconds of processor time, which other work on the machine does not change.
"""

import argparse
import hashlib
import resource
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from astropy.table import Table
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from sklearn.covariance import LedoitWolf
from sklearn.neighbors import NearestNeighbors

from galkeras.discovery.similar import information
from galkeras.galaxyzoo.labels import labels
from galkeras.galaxyzoo.tree import ASKED
from galkeras.galaxyzoo.trees.gzd5 import GZD5
from galkeras.io.text import markdown_table
from galkeras.latents.table import LatentTable, read_latents
from galkeras.surveys.catalog import read_catalog

COUNT = 12
QUERIES = 1000
DRAWS = 500

Distances = Callable[[np.ndarray], np.ndarray]


def metrics_of(table: LatentTable) -> dict[str, Distances]:
    """Return functions from rows to their (rows, galaxies) distances."""
    z, variance = table.z.astype(np.float64), np.exp(table.log_var.astype(np.float64))
    width = np.sqrt(variance.mean(0))
    half_whitened = np.linalg.cholesky(np.linalg.inv(LedoitWolf().fit(z).covariance_))

    def plain(features: np.ndarray, kind: str = "euclidean") -> Distances:
        return lambda rows: cdist(features[rows], features, kind)

    def of_pairs(one: Callable[[int], np.ndarray]) -> Distances:
        return lambda rows: np.stack([one(row).sum(1) for row in rows])

    def bhattacharyya(row: int) -> np.ndarray:
        both = variance[row] + variance
        return (z[row] - z) ** 2 / (4 * both) + 0.5 * np.log(both / (2 * np.sqrt(variance[row] * variance)))

    def symmetric_kl(row: int) -> np.ndarray:
        square = (z[row] - z) ** 2
        return (variance[row] + square) / variance + (variance + square) / variance[row]

    return {
        "random galaxies": lambda rows: np.random.default_rng(0).random((len(rows), len(z))),
        "Euclidean": plain(z),
        "cosine": plain(z, "cosine"),
        "each latent by its standard deviation": plain(z / z.std(0)),
        "Mahalanobis": plain(z @ half_whitened),
        "Wasserstein-2 of the posteriors": plain(np.concatenate([z, np.sqrt(variance)], 1)),
        "Bhattacharyya of the posteriors": of_pairs(bhattacharyya),
        "symmetric KL of the posteriors": of_pairs(symmetric_kl),
        "each latent by its posterior width": plain(z / width),
        "by the root of its posterior width": plain(z / np.sqrt(width)),
        "by its information in nats, cosine": plain(table.z * information(table.log_var), "cosine"),
        "**by its information in nats** (`similar`)": plain(table.z * information(table.log_var)),
    }


def nearest(distances: Distances, rows: np.ndarray) -> np.ndarray:
    """Return (rows, COUNT) nearest others."""
    found = []
    for part in np.array_split(rows, max(1, len(rows) // 250)):
        values = distances(part)
        values[np.arange(len(part)), part] = np.inf
        best = np.argpartition(values, COUNT, axis=1)[:, :COUNT]
        found.append(np.take_along_axis(best, np.take_along_axis(values, best, 1).argsort(1), 1))
    return np.concatenate(found)


def interval(per_query: np.ndarray) -> str:
    """Return the mean over queries (rows) and then questions (columns), and its bootstrap interval over queries."""
    draws = np.random.default_rng(0).integers(0, len(per_query), (DRAWS, len(per_query)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a question that no drawn galaxy answers
        means = [np.nanmean(np.nanmean(per_query[rows], 0)) for rows in draws]
        value = np.nanmean(np.nanmean(per_query, 0))
    low, high = np.percentile(means, (2.5, 97.5))
    return f"{value:.3f} ({low:.3f}–{high:.3f})"


def agreement(label: np.ndarray, rows: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Return (rows,) the share of labelled neighbours with the label of the galaxy, NaN where it has none."""
    mine, theirs = label[rows][:, None], label[near]
    known = (mine != "") & (theirs != "")
    with np.errstate(invalid="ignore"):
        return ((mine == theirs) & known).sum(1) / known.sum(1)


def compare_metrics(path: Path, catalog: Path, label_column: str | None) -> None:
    table = read_latents(path)
    if label_column:
        votes, label = Table.read(catalog), {}
        for name, value, hidden in zip(
            votes["id"].astype(str), votes[label_column], np.ma.getmaskarray(votes[label_column]), strict=True
        ):
            label |= {} if hidden or not str(value) else {name: str(value)}
        table = table[np.array([name in label for name in table.id.tolist()])]
        by_question = {label_column: np.array([label[name] for name in table.id.tolist()])}
        fractions = {}
    else:
        votes = read_catalog(catalog, position=False)
        place = {name: row for row, name in enumerate(votes["id"].astype(str).tolist())}
        votes = votes[[place[name] for name in table.id.tolist()]]
        by_question = {question: labels(votes, question) for question in GZD5.label_questions}
        fractions = {
            question: np.where(
                (GZD5.asked(votes, question) > ASKED)[:, None], GZD5.answer_fractions(votes, question), np.nan
            )
            for question in GZD5.questions
        }
    half = np.array([hashlib.sha256(name.encode()).digest()[0] % 2 for name in table.id.tolist()])
    rng = np.random.default_rng(1)
    halves = [rng.permutation(np.flatnonzero(half == which))[:QUERIES] for which in (0, 1)]
    # So few real galaxies have labels that all are queries.
    groups = {"chosen on": halves[0], "reported": halves[1]} if fractions else {"reported": np.arange(len(table))}
    lines = []
    for name, distances in metrics_of(table).items():
        line = [name]
        for rows in groups.values():
            near = nearest(distances, rows)
            line.append(interval(np.stack([agreement(label, rows, near) for label in by_question.values()], 1)))
            if fractions:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    apart = [np.nanmean(np.abs(f[rows][:, None] - f[near]), (1, 2)) for f in fractions.values()]
                line.append(interval(np.stack(apart, 1)))
        lines.append(line)
        print(line, flush=True)
    header = ["distance"]
    for name, rows in groups.items():
        header.append(f"same label, {name} ({len(rows):,} queries)")
        header += [f"vote fractions apart, {name}"] * bool(fractions)
    print(f"{len(table):,} galaxies, {COUNT} neighbours\n\n{markdown_table(header, lines)}")


def time_libraries(path: Path, galaxies: int) -> None:
    table = read_latents(path)
    rng = np.random.default_rng(0)
    rows = rng.integers(0, len(table), galaxies)
    # A galaxy like a real one: one of the table's, drawn again from its posterior.
    z = table.z[rows] + rng.standard_normal((galaxies, table.latent_dim), np.float32) * np.exp(table.log_var[rows] / 2)
    points = (z * information(table.log_var[rows])).astype(np.float32)
    queries = points[rng.choice(galaxies, 20, replace=False)]
    exact = [np.sort(((points.astype(np.float64) - query) ** 2).sum(1))[: COUNT + 1] ** 0.5 for query in queries[:3]]

    def sklearn(algorithm: str) -> Callable:
        def build() -> Callable:
            index = NearestNeighbors(n_neighbors=COUNT + 1, algorithm=algorithm, n_jobs=1).fit(points)
            return lambda query: index.kneighbors(query[None])[0][0]

        return build

    def tree() -> Callable:
        index = cKDTree(points)
        return lambda query: index.query(query, COUNT + 1)[0]

    def faiss() -> Callable:
        import faiss

        faiss.omp_set_num_threads(1)
        index = faiss.IndexFlatL2(points.shape[1])
        index.add(points)
        return lambda query: np.sqrt(np.maximum(index.search(query[None], COUNT + 1)[0][0], 0))

    libraries = {
        "scikit-learn brute": sklearn("brute"),
        "faiss IndexFlatL2": faiss,
        "scikit-learn KD-tree": sklearn("kd_tree"),
        "scipy cKDTree": tree,
    }
    lines = []
    for name, build in libraries.items():
        before, start = _memory(), time.process_time()
        try:
            ask = build()
        except ImportError:
            print(f"{name}: not installed")
            continue
        built, grown = time.process_time() - start, _memory() - before
        times, worst = [], 0.0
        for number, query in enumerate(queries):
            start = time.process_time()
            found = ask(query)
            times.append(time.process_time() - start)
            if number < len(exact):
                # The query itself is at distance 0, whose root is all rounding.
                worst = max(worst, float(np.max(np.abs(found[1:] / exact[number][1:] - 1))))
        lines.append(
            [name, f"{built:.1f}", f"{grown:.0f}", f"{np.median(times):.3f}", f"{max(times):.3f}", f"{worst:.0e}"]
        )
        print(lines[-1], flush=True)
        del ask
    header = ["library", "index, CPU s", "memory, MB", "query, median CPU s", "worst CPU s", "error of distances"]
    print(f"\n{galaxies:,} galaxies, {table.latent_dim} latents, one thread\n\n{markdown_table(header, lines)}")


def _memory() -> float:
    """Return the resident memory of this process in MB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("metrics")
    command.add_argument("latents", type=Path)
    command.add_argument("catalog", type=Path)
    command.add_argument("--label-column")
    command = commands.add_parser("speed")
    command.add_argument("latents", type=Path)
    command.add_argument("--galaxies", type=int, default=1_000_000)
    arguments = parser.parse_args()
    if arguments.command == "metrics":
        compare_metrics(arguments.latents, arguments.catalog, arguments.label_column)
    else:
        time_libraries(arguments.latents, arguments.galaxies)
