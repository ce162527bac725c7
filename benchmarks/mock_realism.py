"""How does the mock compare with real DECaLS galaxies? A mixed mosaic and a table of distributions.

    python benchmarks/mock_realism.py REAL_DATA OUT

REAL_DATA holds `decals_rings/` (Galaxy Zoo DECaLS pictures), `sdss_gz2/` (Galaxy Zoo 2 pictures of SDSS) and `fits/`
(real cutouts). Mock galaxies beside the first are selected by their votes as those were (featured, not edge-on, more
without arms than with), cut to 17 half-light radii and shown in the same colours; those beside the second are of any
kind, with SDSS's pixels, noise and colours. Writes `mock_real_mosaic.jpg`, `mock_pairs.jpg` and `mock_profiles.png` to
OUT and prints Markdown.
"""

import csv
import sys
import warnings
from pathlib import Path

import numpy as np
import statmorph
from astropy.io import fits
from matplotlib.figure import Figure
from PIL import Image
from scipy.ndimage import gaussian_filter, label

from galkeras.simulation.galaxy import Settings, simulate
from galkeras.simulation.truth import draw_truth, random_of
from galkeras.simulation.volunteers import catalog_row, clarity_of, petrosian, vote
from galkeras.surveys.facts import PIXEL_SCALE
from galkeras.surveys.pictures import NANOMAGGY, save_mosaic, to_rgb

SIDE = 424
COUNT = 60
OF_EACH = 9
MOSAIC_SIDE = 128
PAIRS = 8
# By eye and by the mean levels of the real pictures: scale of g, r, z, asinh softening, grey level of the sky.
_SCALE = np.array([0.0068, 0.0105, 0.0165]) * 6.0
_SKY = 0.065
# SDSS: pixels in arcsec and their noise in g, r, i (nanomaggies); by eye, the frame in Petrosian 90 % radii that mock
# galaxies fill as real ones fill Galaxy Zoo 2's, the scale of g, r, i, and the asinh softening.
_SDSS_PIXEL, _SDSS_NOISE, _SDSS_FRAME = 0.396, (0.017, 0.027, 0.042), 5.4
_SDSS_SCALE, _SDSS_SOFTENING = np.array([1.3, 0.9, 0.75]), 3.0


def enlarge(plane: np.ndarray) -> np.ndarray:
    """Return a plane with the sides of Galaxy Zoo's pictures and the same surface brightness."""
    return np.array(Image.fromarray(plane).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def galaxy_zoo_picture(image: np.ndarray) -> np.ndarray:
    """Return (band, y, x) nanomaggies a pixel as Galaxy Zoo DECaLS shows them: weak colours, north up."""
    density = image / _SCALE[:, None, None]
    stretched = np.arcsinh(density * 4) / np.arcsinh(4 * 14)
    grey = stretched.mean(0)
    # Colours fade where there is little light, so that noise looks grey.
    strength = np.clip(gaussian_filter(grey, 3) / 0.12, 0.25, 1) * 0.75
    rgb = grey + strength * (stretched - grey)
    return (np.clip(np.moveaxis(rgb[::-1, ::-1], 0, -1) + _SKY, 0, 1) * 255).astype(np.uint8)


def mock_pictures(count: int) -> list[np.ndarray]:
    """Return pictures of mock galaxies that fulfil the selection of the real ones."""
    pictures, index = [], 0
    while len(pictures) < count:
        truth = draw_truth(11, index)
        row = catalog_row(truth, vote(truth, clarity_of(truth, 1.2), random_of(11, index, "votes")))
        width = 17 * row["petro_th50"]
        if (
            row["smooth-or-featured_featured-or-disk_fraction"] > 0.6
            and row["disk-edge-on_no_fraction"] > 0.77
            and row["has-spiral-arms_no_fraction"] > 0.5
            and width < 110
        ):
            size = 2 * (int(width / PIXEL_SCALE) // 2)
            galaxy = simulate(Settings(11, ("decals",), max(size, 16), defects=0.0), index)
            planes = [enlarge(plane) for plane in galaxy.images["decals"]]
            pictures.append(galaxy_zoo_picture(np.array(planes)))
        index += 1
    return pictures


def sdss_picture(image: np.ndarray, width: float, rng: np.random.Generator) -> np.ndarray:
    """Return (band, y, x) nanomaggies a pixel, ``width`` arcsec wide, as SDSS would have shown them, north up."""
    pixels = round(width / _SDSS_PIXEL)
    flux = (image.shape[1] / pixels) ** 2
    g, r, z = (
        np.array(Image.fromarray(plane).resize((pixels, pixels), Image.Resampling.BOX)) * flux for plane in image
    )
    # SDSS's red plane is i, which lies between r and z.
    bands = [
        enlarge((plane + noise * rng.standard_normal(plane.shape)).astype(np.float32))
        for plane, noise in zip((g, r, 0.45 * r + 0.55 * z), _SDSS_NOISE, strict=True)
    ]
    scaled = np.array(bands) * _SDSS_SCALE[:, None, None]
    intensity = np.maximum(scaled.mean(0), 1e-6)
    rgb = scaled * np.arcsinh(_SDSS_SOFTENING * intensity) / (_SDSS_SOFTENING * intensity)
    rgb /= np.maximum(rgb.max(0), 1)
    return (np.clip(np.moveaxis(rgb[::-1, ::-1], 0, -1), 0, 1) * 255).astype(np.uint8)


def mock_sdss_pictures(count: int) -> list[np.ndarray]:
    """Return pictures of mock galaxies as SDSS would have shown them, a third each smooth, edge-on and face-on."""
    pictures, index, wanted = [], 0, ["smooth", "edge-on", "face-on"] * (count // 3)
    while wanted:
        truth = draw_truth(12, index)
        width = _SDSS_FRAME * petrosian(truth, 1.3)[1]
        if truth["kind"] in wanted and width < 110:
            wanted.remove(truth["kind"])
            size = 2 * (int(width / PIXEL_SCALE) // 2)
            image = simulate(Settings(12, ("decals",), max(size, 16), defects=0.0), index).images["decals"]
            pictures.append(sdss_picture(image, size * PIXEL_SCALE, np.random.default_rng(index)))
        index += 1
    return pictures


def real_sdss_pictures(folder: Path, count: int) -> list[np.ndarray]:
    """Return Galaxy Zoo 2 pictures, a third each elliptical, edge-on and spiral."""
    with open(folder / "catalog.csv") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["objid"][-4:])
    chosen = [
        row["file"]
        for kind in ("elliptical", "edge-on", "spiral")
        for row in [row for row in rows if row["derived_label"] == kind][: count // 3]
    ]
    return [np.array(Image.open(folder / file).convert("RGB").resize((SIDE, SIDE))) for file in chosen]


def real_pictures(folder: Path, count: int) -> list[np.ndarray]:
    """Return real pictures, half of them ringed."""
    with open(folder / "catalog.csv") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["id"][-4:])
    return [np.array(Image.open(folder / row["file"]).convert("RGB")) for row in rows[:count]]


def measure(picture: np.ndarray) -> dict[str, float]:
    """Return statmorph's numbers of a picture's grey levels, in pixels of a 106th of its side."""
    grey = np.array(Image.fromarray(picture.mean(-1).astype(np.float32)).resize((106, 106), Image.Resampling.BOX))
    edge = np.concatenate([grey[:10].ravel(), grey[-10:].ravel()])
    grey = grey - np.median(edge)
    noise = 1.4826 * np.median(np.abs(edge - np.median(edge)))
    parts, _ = label(gaussian_filter(grey, 1) > 1.5 * noise)
    own = (parts == parts[53, 53]).astype(np.int32)
    if parts[53, 53] == 0:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = statmorph.source_morphology(grey, own, weightmap=np.full_like(grey, noise))[0]
    if found.flag > 1:
        return {}
    spectrum = np.abs(np.fft.rfft2(grey)) ** 2
    k = np.hypot(np.fft.fftfreq(106)[:, None], np.fft.rfftfreq(106))
    slope = np.polyfit(
        np.log([0.04, 0.08, 0.16]),
        np.log([spectrum[(k > x * 0.8) & (k < x * 1.2)].mean() for x in (0.04, 0.08, 0.16)]),
        1,
    )[0]
    return {
        "concentration (statmorph C)": found.concentration,
        "asymmetry (A)": found.asymmetry,
        "smoothness (S)": found.smoothness,
        "Gini": found.gini,
        "M20": found.m20,
        "ellipticity": found.ellipticity_asymmetry,
        "half-light radius / side": found.rhalf_circ / 106,
        "sky noise (grey levels)": float(noise),
        "sky level (grey levels)": float(np.median(edge)),
        "slope of the power spectrum": slope,
        "redness (R - B)": float(np.subtract(*picture[182:242, 182:242].mean((0, 1))[[0, 2]])),
    }


def profile(picture: np.ndarray) -> np.ndarray:
    """Return the median grey level in 40 rings."""
    y, x = np.indices(picture.shape[:2]) - (SIDE - 1) / 2
    ring = np.minimum((np.hypot(x, y) / (SIDE / 2) * 40).astype(int), 40)
    grey = picture.mean(-1)
    return np.array([np.median(grey[ring == i]) for i in range(40)])


def main(real: Path, out: Path) -> None:
    """Write the figures and print the table."""
    out.mkdir(parents=True, exist_ok=True)
    sets = {"mock": mock_pictures(COUNT), "real": real_pictures(real / "decals_rings", COUNT)}

    order = np.random.default_rng(4).permutation(36)
    mixed = sets["mock"][:OF_EACH] + mock_sdss_pictures(OF_EACH)
    mixed += sets["real"][:OF_EACH] + real_sdss_pictures(real / "sdss_gz2", OF_EACH)
    small = (MOSAIC_SIDE, MOSAIC_SIDE)
    tiles = [np.array(Image.fromarray(mixed[i]).resize(small, Image.Resampling.BOX)) for i in order]
    save_mosaic(out / "mock_real_mosaic.jpg", np.array(tiles))
    places = np.flatnonzero(order < 18) + 1
    print("The mock galaxies of the mosaic, counted row by row from 1:", ", ".join(map(str, places)))

    numbers = {name: [found for found in map(measure, pictures) if found] for name, pictures in sets.items()}
    print(f"\n| | mock ({len(numbers['mock'])}) | real ({len(numbers['real'])}) |\n|---|---|---|")
    for key in numbers["mock"][0]:
        cells = []
        for name in sets:
            low, middle, high = np.percentile([found[key] for found in numbers[name]], (16, 50, 84))
            cells.append(f"{middle:.2f} ({low:.2f} to {high:.2f})")
        print(f"| {key} | {' | '.join(cells)} |")

    figure = Figure(figsize=(5, 3.4), layout="constrained")
    axes = figure.subplots()
    for name, colour in (("mock", "tab:blue"), ("real", "tab:orange")):
        low, middle, high = np.percentile([profile(picture) for picture in sets[name]], (16, 50, 84), axis=0)
        radius = (np.arange(40) + 0.5) / 40 * 8.5
        axes.plot(radius, middle, color=colour, label=name)
        axes.fill_between(radius, low, high, color=colour, alpha=0.2, lw=0)
    axes.set(xlabel="radius / half-light radius", ylabel="grey level")
    axes.legend(frameon=False)
    figure.savefig(out / "mock_profiles.png", dpi=110)

    both = Settings(1, ("decals", "bass-mzls"), 128, defects=0.0)
    pairs = [simulate(both, index).images for index in range(PAIRS)]
    views = [to_rgb(np.moveaxis(pair[name], 0, -1), NANOMAGGY) for name in both.surveys for pair in pairs]
    save_mosaic(out / "mock_pairs.jpg", np.array(views), columns=PAIRS)

    sky = fits.getdata(real / "fits" / "mw_b.fits")
    galaxy = simulate(Settings(11, ("decals", "bass-mzls"), 162, defects=0.0), 0)
    print("\n| sky noise (nanomaggies a pixel) | g | r | z | correlation of neighbouring pixels in r |")
    print("|---" * 5 + "|")
    for name, image in {"real (mw_b, deep)": sky, **{f"mock {k}": v for k, v in galaxy.images.items()}}.items():
        edge = np.concatenate([image[:, :24], image[:, -24:]], axis=1).astype(float)
        spread = [1.4826 * np.median(np.abs(plane - np.median(plane))) for plane in edge]
        faint = np.clip(edge[1], -4 * spread[1], 4 * spread[1])
        faint -= faint.mean()
        neighbours = (faint[:, 1:] * faint[:, :-1]).mean() / (faint**2).mean()
        print(f"| {name} | " + " | ".join(f"{x:.4f}" for x in spread) + f" | {neighbours:.2f} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
