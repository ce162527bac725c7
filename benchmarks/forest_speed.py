"""How fast do forests learn and answer, and what does it cost that answers are the same bits on any number of cores?

    python benchmarks/forest_speed.py [ROWS …] [--trees 30]

On random latents (40, of five classes that overlap), the forest that `classify` fits for one question. Answers are
those of `predict`, whose rows are shared out over threads, beside `predict_proba` of the same forest, which shares out
trees and adds in the order in which they finish; they take turns. Prints a Markdown table, with the largest resident
size of the process so far. With `--trees` fewer of them: time and memory of a fit go with their number.
"""

import argparse
import resource
import time
from functools import partial

import numpy as np
from turns import turns

from galkeras.io.text import markdown_table
from galkeras.morphology.forests import Forest, fit_forest

CLASSES, LATENTS, ASKED, ROUNDS = 5, 40, 100_000, 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=int, nargs="*", default=[7_000, 70_000])
    parser.add_argument("--trees", type=int, help="default: those of `classify`")
    given, lines = parser.parse_args(), []
    for size in given.rows:
        rng = np.random.default_rng(0)
        kind = rng.integers(CLASSES, size=max(size, ASKED))
        z = rng.normal(size=(len(kind), LATENTS)) + 0.7 * np.eye(CLASSES, LATENTS)[kind]
        z = z.astype(np.float32)
        start = time.perf_counter()
        classifier = fit_forest(z[:size], kind[:size], seed=0, trees=given.trees)
        fitted = time.perf_counter() - start
        forest = Forest("kind", tuple("abcde"), (), classifier)
        asked = z[:ASKED]
        ways = {"ours": partial(forest.probabilities, asked), "sklearn": partial(classifier.predict_proba, asked)}
        took = {way: [] for way in ways}
        for way, seconds, _ in turns(ways, ROUNDS):
            took[way].append(seconds)
        ours, theirs = (float(np.median(took[way])) for way in ways)
        nodes = sum(tree.tree_.node_count for tree in classifier.trees.estimators_)
        cells = f"{fitted:.0f} s", f"{nodes / 1e6:.1f} M", f"{ASKED / ours:,.0f} /s", f"{theirs / ours:.2f}"
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        lines.append((f"{size:,}", *cells, f"{resident:.1f} GB"))
    header = ("latents learned from", "fit", "nodes", "answers", "times scikit-learn's own speed", "resident")
    print(markdown_table(header, lines))


if __name__ == "__main__":
    main()
