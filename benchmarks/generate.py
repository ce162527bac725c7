r"""How much are generated galaxies like galaxies? The tables and figures of docs/generate.md.

    OMP_NUM_THREADS=1 python benchmarks/generate.py saved_models/vae40 tfrecords/decals latents.parquet forests/gzd5 \
        --out generated

Images of seven kinds, COUNT each: training images, as many other training images (how far two samples are apart that do
not differ), reconstructions of the first (from posterior means), decoded draws from their posteriors, draws between
training galaxies and their nearest, from the mixture fitted to posterior draws of all training galaxies, and from the
prior. Of each image the power spectrum, colours in a central aperture, concentration, magnitude, negative light and the
darkest pixel of the central half. How well boosted trees tell each kind by these from reconstructions of galaxies
outside the training split, and each kind of draw by its latents from posterior draws of those galaxies; how far draws
lie from the nearest training galaxy, over how far other galaxies do. Last, whether galaxies generated of a class are
still of that class when their images are encoded again.

Writes spectra.png, distributions.png, kinds.jpg and classes.jpg, and prints Markdown. Of pictures, whose sky is cut to
black, distances of negative light mean nothing, and without forests of the GZD-5 tree no class is asked for.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from lobes import LOBE, darkest
from scipy.stats import ks_2samp, wasserstein_distance
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import NearestNeighbors

from galkeras.discovery.generate import draw_accepted
from galkeras.io.figures import figure, save_figure
from galkeras.io.text import markdown_table
from galkeras.latents.mixture import fit_aggregate_posterior
from galkeras.latents.neighbourhoods import galaxy_neighbourhoods
from galkeras.latents.table import LatentTable, read_latents
from galkeras.models.folder import load_model
from galkeras.models.vae import VAE
from galkeras.morphology.forests import Forests
from galkeras.records.reader import ordered_dataset
from galkeras.records.schema import RecordSet
from galkeras.surveys.pictures import save_mosaic, to_rgb

APERTURE = 3.0
"""Radius in pixels of the aperture for colours."""
RADIUS = 24.0
"""Radius in pixels of all light, for concentration."""
DARK = 0.05
"""Share of negative light above which an image without noise has dark lobes to see."""
SHOWN = 24
CONDITIONS = (
    {"disk-edge-on": "yes"},
    {"disk-edge-on": "no", "has-spiral-arms": "yes"},
    {"disk-edge-on": "no", "bar": "strong"},
    {"how-rounded": "round"},
    {"how-rounded": "cigar-shaped"},
    {"merging": "merger"},
)


def measured(images: np.ndarray) -> dict[str, np.ndarray]:
    """Return numbers of (count, side, side, 3) nanomaggies; NaN where an aperture holds no light."""
    side = images.shape[1]
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    radius = np.hypot(x, y)
    g, r, z = np.moveaxis(images[:, radius < APERTURE].sum(1), -1, 0)
    order = np.argsort(radius, axis=None)
    order = order[radius.ravel()[order] < RADIUS]
    growth = np.cumsum(images[..., 1].reshape(len(images), -1)[:, order], 1)
    total = growth[:, -1:]
    r20, r80 = (np.array([_reached(one, share) for one in growth]) for share in (0.2, 0.8))
    with np.errstate(invalid="ignore", divide="ignore"):
        magnitude = 22.5 - 2.5 * np.log10(total[:, 0])
        values = {
            "g - r": -2.5 * np.log10(g / r),
            "r - z": -2.5 * np.log10(r / z),
            "concentration": np.where(total[:, 0] > 0, 5 * np.log10(r80 / r20), np.nan),
            "r magnitude": magnitude,
        }
    values["negative light"] = -np.minimum(images[..., 1], 0).sum((1, 2)) / np.abs(images[..., 1]).sum((1, 2))
    return {name: np.where(np.isfinite(value), value, np.nan) for name, value in values.items()}


def _reached(growth: np.ndarray, share: float) -> float:
    """Return the radius that holds a share of the light, between pixels."""
    edges = np.sqrt(np.arange(1, len(growth) + 1) / np.pi)  # of a disc of as many pixels
    first = int(np.argmax(growth >= share * growth[-1]))
    if first == 0:
        return float(edges[0] * np.sqrt(share * growth[-1] / growth[0])) if min(growth[0], growth[-1]) > 0 else np.nan
    part = (share * growth[-1] - growth[first - 1]) / (growth[first] - growth[first - 1])
    return float(edges[first - 1] + part * (edges[first] - edges[first - 1]))


def spectrum(images: np.ndarray, band: int = 1) -> np.ndarray:
    """Return the (count, side / 2) azimuthally averaged power of a band, by cycles a side."""
    side = images.shape[1]
    power = np.abs(np.fft.fft2(images[..., band])) ** 2
    frequency = np.fft.fftfreq(side, 1 / side)
    ring = np.rint(np.hypot(*np.meshgrid(frequency, frequency))).astype(int)
    counts = np.bincount(ring.ravel())[: side // 2]
    return np.stack([np.bincount(ring.ravel(), one.ravel())[: side // 2] / counts for one in power])


def decoded(vae: VAE, z: np.ndarray) -> np.ndarray:
    return np.concatenate([vae.decode(z[start : start + 64]).numpy() for start in range(0, len(z), 64)])


def encoded(vae: VAE, images: np.ndarray) -> np.ndarray:
    return np.concatenate([vae.encode(images[start : start + 64])[0].numpy() for start in range(0, len(images), 64)])


def draws_of(table: LatentTable, rng: np.random.Generator) -> np.ndarray:
    return (table.z + np.exp(0.5 * table.log_var) * rng.standard_normal(table.z.shape)).astype(np.float32)


def features(vae: VAE, images: np.ndarray) -> np.ndarray:
    """Return (count, features) numbers to tell kinds of images by."""
    spectra = [np.log10(spectrum(images, band) + 1e-12) for band in range(images.shape[-1])]
    return np.column_stack([*measured(images).values(), *spectra, darkest(vae.stretch(images))])


def told_apart(real: np.ndarray, drawn: np.ndarray) -> float:
    """Return the area under the ROC curve of trees told to tell what was drawn from what is of galaxies."""
    z, is_drawn = np.concatenate([real, drawn]), np.repeat([0, 1], [len(real), len(drawn)])
    order = np.random.default_rng(0).permutation(len(z))
    trees = HistGradientBoostingClassifier(max_iter=200, random_state=0)
    said = cross_val_predict(trees, z[order], is_drawn[order], cv=5, method="predict_proba")[:, 1]
    return float(roc_auc_score(is_drawn[order], said))


def apart(kinds: dict[str, dict[str, np.ndarray]], reference: str) -> str:
    rows = []
    for kind, values in kinds.items():
        if kind == reference:
            continue
        row = [kind]
        for name, value in values.items():
            own, theirs = (v[np.isfinite(v)] for v in (value, kinds[reference][name]))
            scale = np.subtract(*np.percentile(theirs, (84, 16))) / 2
            distance = wasserstein_distance(own, theirs) / scale
            row.append(f"{ks_2samp(own, theirs).statistic:.2f} / {distance:.2f}")
        rows.append(row)
    return markdown_table((f"against {reference}", *next(iter(kinds.values()))), rows)


def draw_spectra(path: Path, spectra: dict[str, np.ndarray], side: int) -> None:
    panels, (left, right) = figure(1, 2, (10, 3.8))
    cycles = np.arange(1, side // 2)
    middle = {kind: np.median(values[:, 1:], 0) for kind, values in spectra.items()}
    for kind, values in middle.items():
        left.plot(cycles, values, label=kind)
        right.plot(cycles, values / middle["reconstructions"], label=kind)
    left.set(xscale="log", yscale="log", xlabel="cycles a side", ylabel="power, r band, median of galaxies")
    right.set(xscale="log", yscale="log", xlabel="cycles a side", ylabel="over that of reconstructions")
    left.legend(fontsize=8)
    save_figure(path, panels)


def draw_distributions(path: Path, kinds: dict[str, dict[str, np.ndarray]]) -> None:
    names = list(next(iter(kinds.values())))
    panels, grid = figure(1, len(names), (3.2 * len(names), 3.2))
    for axes, name in zip(grid, names, strict=True):
        low, high = np.nanpercentile(np.concatenate([values[name] for values in kinds.values()]), (1, 99))
        for kind, values in kinds.items():
            axes.hist(values[name], np.linspace(low, high, 30), histtype="step", density=True, label=kind)
        axes.set(xlabel=name, yticks=[])
    grid[0].legend(fontsize=7)
    save_figure(path, panels)


def conditions(
    vae: VAE, forests: Forests, draw: Callable, count: int, show: Callable, path: Path, rng: np.random.Generator
) -> str:
    """Generate of each class and of none; return how the forests name them before and after a round through images."""
    plain = draw(count, rng)
    again = encoded(vae, decoded(vae, plain))
    rows, pictures = [], []
    for asked in CONDITIONS:
        z, tried = draw_accepted(draw, forests, asked, count, rng)
        images = decoded(vae, z)
        pictures.append(show(images[:12]))
        z = {"drawn": z, "encoded again": encoded(vae, images)}
        for question, answer in asked.items():
            forest = forests.by_question[question]
            column = forest.classes.index(answer)
            row = [f"{question}={answer}", f"{count / tried:.1%}"]
            for latents in (plain, z["drawn"], again, z["encoded again"]):
                probability = forest.probabilities(latents)
                row.append(f"{np.mean(probability.argmax(1) == column):.0%} ({probability[:, column].mean():.2f})")
            rows.append(row)
    save_mosaic(path, np.concatenate(pictures), columns=12)
    header = ("class", "accepted", "any: drawn", "asked for: drawn", "any: encoded again", "asked for: encoded again")
    return markdown_table(header, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("model", "records", "latents", "forests"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(given.seed)
    count = given.count

    vae, records, table = load_model(given.model), RecordSet.load(given.records), read_latents(given.latents)
    train, test = table[table.split == "train"], table[table.split != "train"][: given.count]
    images, names = [], []
    for batch in ordered_dataset(records, ["train"], 64):
        images.append(batch["image"].numpy().astype(np.float32))
        names += [name.decode() for name in batch["id"].numpy()]
        if len(names) >= 2 * count:
            break
    images = np.concatenate(images)[: 2 * count]
    place = {name: row for row, name in enumerate(train.id.tolist())}
    rows = np.array([place[name] for name in names[:count]])

    mixture = fit_aggregate_posterior(train, seed=given.seed)
    places = galaxy_neighbourhoods(train)
    print("mixture", mixture.to_json())

    def prior(size: int, rng: np.random.Generator) -> np.ndarray:
        return rng.standard_normal((size, vae.config.latent_dim), np.float32)

    latents = {
        "reconstructions": train.z[rows],
        "posterior draws": draws_of(train[rows], rng),
        "neighbours": places.sample(count, rng),
        "mixture": mixture.sample(count, rng),
        "prior": prior(count, rng),
    }
    kinds = {"training": images[:count], "other training": images[count:]}
    kinds |= {kind: decoded(vae, z) for kind, z in latents.items()}
    values = {kind: measured(one) for kind, one in kinds.items()}
    for reference in ("training", "reconstructions"):
        print("\n" + apart(values, reference))
    medians = [[kind, *(f"{np.nanmedian(value):.2f}" for value in one.values())] for kind, one in values.items()]
    print("\n" + markdown_table(("median", *values["training"]), medians))
    dark = ", ".join(f"{kind} {np.mean(one['negative light'] > DARK):.1%}" for kind, one in values.items())
    print(f"\nmore than {DARK:.0%} negative light: {dark}")
    others = features(vae, decoded(vae, test.z))
    for kind, one in kinds.items():
        lobes, auc = np.mean(darkest(vae.stretch(one)) < LOBE), told_apart(others, features(vae, one))
        print(f"- {kind}: dark lobes {lobes:.1%}, AUC against reconstructions of other galaxies {auc:.3f}")
    nearest = NearestNeighbors(n_neighbors=1).fit(train.z)
    usual = np.median(nearest.kneighbors(test.z)[0])
    far = {kind: np.median(nearest.kneighbors(latents[kind])[0]) / usual for kind in ("neighbours", "mixture", "prior")}
    print("distance to the nearest training galaxy, over that of others:", {k: f"{v:.2f}" for k, v in far.items()})
    spectra = {kind: spectrum(one) for kind, one in kinds.items()}
    bands = {"2-4": slice(2, 5), "5-8": slice(5, 9), "9-16": slice(9, 17), "17-31": slice(17, 32)}
    reference = np.log10(spectra["reconstructions"])
    power = []
    for kind, one in spectra.items():
        log = np.log10(one)
        power.append([kind])
        for band in bands.values():
            own, theirs = log[:, band].mean(1), reference[:, band].mean(1)
            power[-1].append(f"{np.median(own) - np.median(theirs):+.2f} / {ks_2samp(own, theirs).statistic:.2f}")
    print("\n" + markdown_table(("log power at cycles a side", *bands), power))
    draw_spectra(given.out / "spectra.png", spectra, images.shape[1])
    draw_distributions(given.out / "distributions.png", values)

    def show(pixels: np.ndarray) -> np.ndarray:
        return to_rgb(pixels, records.units, records.pixel_scale)

    shown = ("training", "reconstructions", "neighbours", "mixture", "prior")
    save_mosaic(given.out / "kinds.jpg", np.concatenate([show(kinds[kind][:SHOWN]) for kind in shown]), columns=12)

    real = draws_of(test, rng)
    others = {"posterior draws of training galaxies": draws_of(train[rng.permutation(len(train))[: len(test)]], rng)}
    others |= {"neighbours": places.sample(len(test), rng), "mixture": mixture.sample(len(test), rng)}
    others["prior"] = prior(len(test), rng)
    print(f"\nTold from posterior draws of {len(test)} other galaxies (AUC):")
    for kind, z in others.items():
        print(f"- {kind}: {told_apart(real, z):.3f}")
    forests = Forests.load(given.forests)
    if any(question not in forests.by_question for asked in CONDITIONS for question in asked):
        print("\nthe forests are not of the GZD-5 tree: no classes are asked for")
        return
    print("\n" + conditions(vae, forests, places.sample, 300, show, given.out / "classes.jpg", rng))


if __name__ == "__main__":
    main()
