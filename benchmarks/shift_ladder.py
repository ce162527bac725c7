"""Shifts of one simulated sky, from none to hopeless: what a verdict without labels says of each, and what is true.

    python benchmarks/shift_ladder.py draw MODEL --out ladder [--galaxies 600] [--seed 202]
    python benchmarks/shift_ladder.py score FORESTS ladder > ladder.md

`draw` sees the same galaxies as DECaLS does and under each of `RUNGS`, and writes the latents that MODEL (of mock
DECaLS at 64 pixels of 0.524 arcsec) gives them, one table a rung, and the galaxies' votes. Every galaxy's sky is drawn
once for all rungs, so a rung costs little more than its exposures. `score` prints, rung by rung, by how many points of
accuracy, in the mean over questions, FORESTS fall, and what estimates expect that see no label: the average thresholded
confidence of all galaxies (Garg et al. 2022), that of those galaxies alone that have a label to the question (which a
user does not know), the difference of mean confidences, and what `shift` expects, which moves the source's latents as
the two surveys' latents differ; and the error of the reconstruction over the source's. Estimates see half of the
source's galaxies and the other half of the target's, and the halves change places: they are not the same galaxies.
Then the same where nothing shifts but the target holds other galaxies than the source.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from astropy.table import Table
from scipy.stats import spearmanr
from tqdm import tqdm

from galkeras.evaluation.shift.expected import by_chance, losses
from galkeras.galaxyzoo.labels import labels
from galkeras.galaxyzoo.trees import tree_of
from galkeras.io.processes import cores, in_parallel
from galkeras.io.text import markdown_table
from galkeras.latents.table import LatentTable, read_latents
from galkeras.morphology.forests import Forests
from galkeras.surveys.catalog import read_catalog

SIZE, BINNING = 64, 2
SOURCE = "decals"
NONE = "no shift: other noise"


@dataclass(frozen=True)
class Rung:
    """One way of seeing the sky.

    Attributes:
        survey: Whose exposures they are.
        bands: The three that stand where the model expects g, r and z.
        conditions: How much better or worse than that survey, as `Conditions`.
        zero_points: Magnitudes by which each of the three bands is dimmed beside.
        binning: Pixels of 0.262 arcsec along a pixel.
        truth: What is done to the galaxy before it is drawn.
        image: What is done to the (3, side, side) image afterwards.
    """

    survey: str = SOURCE
    bands: str = "grz"
    conditions: dict[str, float] = field(default_factory=dict)
    zero_points: tuple[float, float, float] = (0.0, 0.0, 0.0)
    binning: int = BINNING
    truth: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    image: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None


def away(size: float, magnitudes: float) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return what makes a galaxy smaller and fainter, as a greater distance does."""

    def moved(truth: dict[str, Any]) -> dict[str, Any]:
        lengths = {name: truth[name] * size for name in ("radius", "bulge_radius", "bar_length")}
        return truth | lengths | {"r_mag": truth["r_mag"] + magnitudes}

    return moved


def level(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the image with a sky that was subtracted wrongly, by up to half of a pixel's noise."""
    noise = np.median(np.abs(np.diff(image, axis=-1)), (1, 2)) * 1.05
    return image + (noise * rng.uniform(-0.5, 0.5, 3)).astype(np.float32)[:, None, None]


def gradient(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the image with a sky that rises by three times a pixel's noise from side to side."""
    noise = np.median(np.abs(np.diff(image, axis=-1)), (1, 2)) * 1.05
    ramp = np.linspace(-1.5, 1.5, image.shape[-1], dtype=np.float32)
    ramp = ramp[:, None] if rng.random() < 0.5 else ramp[None]
    return image + noise.astype(np.float32)[:, None, None] * ramp


def seeing(scale: float) -> Rung:
    """Return DECaLS under another air."""
    return Rung(conditions={"seeing_scale": scale})


def depth(offset: float) -> Rung:
    """Return DECaLS of another depth."""
    return Rung(conditions={"depth_offset": offset})


RUNGS = {
    NONE: Rung(),
    "BASS+MzLS": Rung("bass-mzls"),
    "BASS+MzLS, seeing x 1.3": Rung("bass-mzls", conditions={"seeing_scale": 1.3}),
    "SDSS": Rung("sdss"),
    "SDSS g, r, i for g, r, z": Rung("sdss", "gri"),
    "HSC": Rung("hsc"),
    "seeing x 0.6": seeing(0.6),
    "seeing x 0.8": seeing(0.8),
    "seeing x 1.25": seeing(1.25),
    "seeing x 1.5": seeing(1.5),
    "seeing x 2": seeing(2.0),
    "depth - 2 mag": depth(-2.0),
    "depth - 1 mag": depth(-1.0),
    "depth + 1 mag": depth(1.0),
    "depth + 2 mag": depth(2.0),
    "seeing x 1.5, depth - 1 mag": Rung(conditions={"seeing_scale": 1.5, "depth_offset": -1.0}),
    "zero point + 0.3 mag": Rung(zero_points=(0.3, 0.3, 0.3)),
    "zero point - 0.3 mag": Rung(zero_points=(-0.3, -0.3, -0.3)),
    "zero points - 0.2, + 0.1, - 0.1 mag": Rung(zero_points=(-0.2, 0.1, -0.1)),
    "zero points + 0.5, 0, - 0.3 mag": Rung(zero_points=(0.5, 0.0, -0.3)),
    "pixels x 1.5": Rung(binning=3),
    "pixels x 0.5": Rung(binning=1),
    "galaxies x 0.7, + 0.8 mag": Rung(truth=away(0.7, 0.8)),
    "galaxies x 0.5, + 1.5 mag": Rung(truth=away(0.5, 1.5)),
    "sky off by half the noise": Rung(image=level),
    "sky with a gradient": Rung(image=gradient),
}


def draw(model: Path, out: Path, galaxies: int, seed: int, workers: int) -> None:
    """Write ``RUNG.parquet`` for each rung and for the source, and ``catalog.parquet``."""
    import pyarrow as pa

    from galkeras.simulation.galaxy import Settings, simulate

    out.mkdir(parents=True, exist_ok=True)
    settings = Settings(seed, (SOURCE,), SIZE, BINNING * 0.262, 0.0)
    names = ["source", *RUNGS]
    images = {name: np.empty((galaxies, SIZE, SIZE, 3), np.float32) for name in names}
    catalog, truths = [], []
    with tqdm(total=galaxies, desc="draw", unit="galaxy", mininterval=5) as bar:
        for index, seen in enumerate(in_parallel(partial(_seen, seed), range(galaxies), workers, bar.update)):
            made = simulate(settings, index, draw=False)
            catalog.append(made.catalog)
            truths.append(made.truth)
            for name, image in seen.items():
                images[name][index] = image
    pq.write_table(pa.Table.from_pylist(catalog), out / "catalog.parquet")
    pq.write_table(pa.Table.from_pylist(truths), out / "truth.parquet")
    ids = np.array([row["iauname"] for row in catalog])
    for number, name in enumerate(names):
        _encoded(model, images[name], ids, f"rung-{number}" if number else SOURCE).save(out / f"{number:02d}.parquet")


def _seen(seed: int, index: int, tick: Callable[[int], object]) -> dict[str, np.ndarray]:
    """Return one galaxy's (side, side, 3) images, the source's first."""
    from scipy import fft

    from galkeras.simulation.fourier import Grid
    from galkeras.simulation.sky import draw_sky
    from galkeras.simulation.telescope import Conditions, draw_exposure, expose
    from galkeras.simulation.truth import draw_truth
    from galkeras.surveys.facts import PIXEL_SCALE, get_survey

    truth = draw_truth(seed, index)
    frame = SIZE * max(rung.binning for rung in RUNGS.values()) * PIXEL_SCALE
    side = max(frame + 32, 12 * truth["radius"])
    grid = Grid(fft.next_fast_len(int(np.ceil(side / PIXEL_SCALE / 2)) * 2, real=True), PIXEL_SCALE)
    skies = {None: draw_sky(truth, seed, index, grid, frame)}
    seen = {}
    for number, (name, rung) in enumerate({"source": Rung(), **RUNGS}.items()):
        survey = get_survey(rung.survey)
        if rung.truth not in skies:
            skies[rung.truth] = draw_sky(rung.truth(truth), seed, index, grid, frame)
        # Rungs of one survey see the same air; each has noise of its own.
        exposures = draw_exposure(survey, seed, index, truth["g_r"])
        exposures = Conditions(**rung.conditions).applied({band: exposures[band] for band in rung.bands})
        exposures = {
            band: replace(one, zero_point=one.zero_point + extra)
            for (band, one), extra in zip(exposures.items(), rung.zero_points, strict=True)
        }
        survey = replace(survey, bands={band: survey.bands[band] for band in rung.bands})
        image, _ = expose(skies[rung.truth], survey, exposures, SIZE, rung.binning, seed + 1000 * number, index)
        if rung.image is not None:
            image = rung.image(image, np.random.default_rng((seed, index)))
        seen[name] = np.moveaxis(image, 0, -1)
    tick(1)
    return seen


def _encoded(model: Path, images: np.ndarray, ids: np.ndarray, survey: str) -> LatentTable:
    from galkeras.models.folder import load_model
    from galkeras.models.measure import measure

    vae = load_model(model)
    parts = [measure(vae, images[start : start + 64]) for start in range(0, len(images), 64)]
    z, log_var, mse, similarity = (
        np.concatenate([np.asarray(getattr(part, name), np.float32) for part in parts])
        for name in ("z", "log_var", "mse", "ssim")
    )
    nowhere = np.full(len(ids), np.nan)
    rows = (ids, nowhere, nowhere, np.full(len(ids), survey), np.full(len(ids), "test"))
    return LatentTable(*rows, z, log_var, mse, similarity, vae.digest, votes=bool(vae.config.questions))


def score(forests: Forests, ladder: Path) -> None:
    catalog = read_catalog(ladder / "catalog.parquet", position=False)
    questions = [name for name in forests.by_question if name in {one.name for one in tree_of(catalog).classes}]
    own = {name: labels(catalog, name) for name in questions}
    source = read_latents(ladder / "00.parquet")
    if source.id.tolist() != [str(name) for name in catalog["id"]]:
        raise SystemExit(f"{ladder}: the galaxies of 00.parquet are not those of catalog.parquet")

    def said(table: LatentTable) -> dict[str, np.ndarray]:
        return {name: forests.by_question[name].probabilities(table.z) for name in questions}

    before, expected, true, rng = said(source), [], [], np.random.default_rng(0)
    first = np.arange(len(source)) < len(source) // 2
    halves = ((first, ~first), (~first, first))
    asked = {name: np.isin(own[name], forests.by_question[name].classes) for name in questions}
    right = {name: _accuracy(forests, name, own[name], before[name], asked[name]) for name in questions}
    chance = np.mean([by_chance(before, source.z, source.z[i], sum(j), forests, rng) for i, j in halves])
    rows = []
    for number, name in enumerate(RUNGS, 1):
        target = read_latents(ladder / f"{number:02d}.parquet")
        after = said(target)
        drop = np.mean([right[one] - _accuracy(forests, one, own[one], after[one], asked[one]) for one in questions])
        sure = [(before[one].max(1), after[one].max(1), asked[one]) for one in questions]
        estimates = (
            np.mean([_thresholded(a[i], b[j]) for a, b, _ in sure for i, j in halves]),
            np.mean([_thresholded(a[known & i], b[known & j]) for a, b, known in sure for i, j in halves]),
            np.mean([a.mean() - b.mean() for a, b, _ in sure]),
            np.mean([losses(before, source.z, source.z[i], target.z[j], forests, rng) for i, j in halves]) - chance,
        )
        error = np.median(target.reconstruction_mse) / np.median(source.reconstruction_mse)
        true.append(drop)
        expected.append((*estimates, error))
        rows.append((name, *(f"{100 * value:.1f}" for value in (drop, *estimates)), f"{error:.2f}"))
    header = ("shift", "true drop", "ATC", "ATC, labelled alone", "confidence", "`shift`", "reconstruction error")
    print(markdown_table(header, rows))
    for name, values in zip(header[2:], np.array(expected).T, strict=True):
        print(f"{name}: rank correlation {spearmanr(values, true)[0]:.2f}", end="")
        print("" if name == header[-1] else f", mean absolute error {100 * np.abs(values - true).mean():.1f} points")

    target = read_latents(ladder / f"{1 + list(RUNGS).index(NONE):02d}.parquet")
    after, rows = said(target), []
    for name, held in populations(catalog, pq.read_table(ladder / "truth.parquet")["r_mag"].to_numpy()).items():
        drops = {}
        for number, one in enumerate(questions):
            there = held[np.isin(held, np.flatnonzero(asked[one]))]
            if len(there):
                seen = (_right(forests, one, own[one][there], tell[one][there]) for tell in (before, after))
                drops[number] = np.subtract(*map(np.mean, seen))
        told = []
        for i, j in halves:
            other = target.z[held[j[held]]]
            lost = losses(before, source.z, source.z[i], other, forests, rng)
            told.append(lost - by_chance(before, source.z, source.z[i], len(other), forests, rng))
        same = np.mean(told, 0)[list(drops)]
        shares = (np.mean(list(drops.values())), same.mean(), np.mean(told))
        rows.append((name, f"{len(drops)}", *(f"{100 * share:.1f}" for share in shares)))
    print()
    header = ("the target holds", "questions it has labels to", "true drop of these", "`shift`, of these", "of all")
    print(markdown_table(header, rows))


def populations(catalog: Table, magnitude: np.ndarray) -> dict[str, np.ndarray]:
    """Return by what it holds the rows of a target, of which some may come several times."""
    rows = np.arange(len(catalog))
    bright = magnitude < np.median(magnitude)
    smooth = np.asarray(catalog["smooth-or-featured_smooth_fraction"]) > 0.5
    merger = labels(catalog, "merging") == "merger"
    return {
        "the same galaxies": rows,
        "the brighter half": rows[bright],
        "the fainter half": rows[~bright],
        "mergers five times as often": np.repeat(rows, np.where(merger, 5, 1)),
        "featured galaxies alone": rows[~smooth],
        "smooth galaxies alone": rows[smooth],
    }


def _right(forests: Forests, name: str, label: np.ndarray, said: np.ndarray) -> np.ndarray:
    return np.array(forests.by_question[name].classes)[said.argmax(1)] == label


def _accuracy(forests: Forests, name: str, label: np.ndarray, said: np.ndarray, asked: np.ndarray) -> float:
    return float(np.mean(_right(forests, name, label[asked], said[asked])))


def _thresholded(before: np.ndarray, after: np.ndarray) -> float:
    """Return the drop that average thresholded confidence expects, the source's accuracy being its mean confidence."""
    accuracy = before.mean()
    return float(accuracy - np.mean(after > np.quantile(before, 1 - accuracy)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(dest="step", required=True)
    step = steps.add_parser("draw")
    step.add_argument("model", type=Path)
    step.add_argument("--out", type=Path, required=True)
    step.add_argument("--galaxies", type=int, default=600)
    step.add_argument("--seed", type=int, default=202)
    step.add_argument("--workers", type=int, default=cores())
    step = steps.add_parser("score")
    step.add_argument("forests", type=Path)
    step.add_argument("ladder", type=Path)
    given = parser.parse_args()
    if given.step == "draw":
        draw(given.model, given.out, given.galaxies, given.seed, given.workers)
    else:
        score(Forests.load(given.forests), given.ladder)


if __name__ == "__main__":
    main()
