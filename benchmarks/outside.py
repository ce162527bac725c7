"""How far must a target go to lie outside of what a source survey has? The share that `shift` calls outside.

    python benchmarks/outside.py MODEL SOURCE.parquet SOURCE_CATALOG TARGET TARGET_CATALOG

SOURCE.parquet are latents that `galkeras encode MODEL` wrote of one sky, TARGET is a record set of another sky in the
same survey, and catalogs have their votes. First it asks about galaxies of one type alone, and about those of one type
where the source holds the other alone; then about `COUNT` galaxies of TARGET after something was done to their images
that no survey does.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from galkeras.evaluation.shift.support import support
from galkeras.io.text import markdown_table
from galkeras.latents.table import read_latents
from galkeras.models.folder import load_model
from galkeras.models.vae import VAE
from galkeras.records.inspect import read_galaxies
from galkeras.records.schema import RecordSet
from galkeras.surveys.catalog import read_catalog

COUNT = 200
FEATURED = "smooth-or-featured_featured-or-disk_fraction"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("source", type=Path)
    parser.add_argument("source_catalog", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("target_catalog", type=Path)
    given = parser.parse_args()
    vae = load_model(given.model)
    source = read_latents(given.source)
    galaxies = list(read_galaxies(RecordSet.load(given.target)))
    images = np.stack([galaxy.image for galaxy in galaxies])
    z, names = latents(vae, images), [galaxy.id for galaxy in galaxies]
    featured = votes(given.target_catalog, names, FEATURED)
    smooth = votes(given.source_catalog, source.id, FEATURED) < 0.3
    kinds = {
        "the same kinds of galaxies": np.full(len(z), True),
        "smooth galaxies alone": featured < 0.3,
        "featured galaxies alone": featured > 0.7,
        "edge-on galaxies alone": votes(given.target_catalog, names, "disk-edge-on_yes_fraction") > 0.8,
        "mergers alone": votes(given.target_catalog, names, "merging_merger_fraction") > 0.6,
    }
    rows = [(kind, shown(source.z, z[which])) for kind, which in kinds.items()]
    rows.append(("featured galaxies alone, the source smooth ones", shown(source.z[smooth], z[featured > 0.7])))
    rows += [(name, shown(source.z, latents(vae, changed))) for name, changed in changes(images[:COUNT]).items()]
    print(markdown_table(("the target holds", "outside of the source's support"), rows))


def changes(images: np.ndarray) -> dict[str, np.ndarray]:
    """Return (galaxies, side, side, bands) images after what no survey does to them."""
    rng = np.random.default_rng(0)
    count, side, _, bands = images.shape
    noise = np.median(np.abs(np.diff(images, axis=1)), (1, 2), keepdims=True) * 1.05
    sky = rng.normal(size=images.shape) * noise
    far, quarter = sky.copy(), side // 4
    middle = slice((side - quarter) // 2, (side + quarter) // 2)
    far[:, middle, middle] += images.reshape(count, quarter, 4, quarter, 4, bands).sum((2, 4))
    offset = np.arange(side) - (side - 1) / 2
    star = np.exp(-(offset[:, None] ** 2 + offset**2) / 2 / 1.2**2)[..., None]
    return {
        "twice as large": enlarged(images, 2),
        "four times as large": enlarged(images, 4),
        "ten times as bright": images * 10,
        "thirty times as bright": images * 30,
        "a quarter as large, as bright in all": far,
        "bands the other way round": images[..., ::-1],
        "stars in place of galaxies": star * rng.uniform(1, 100, (count, 1, 1, 1)) + sky,
        "a tenth as bright": images / 10 + 0.9 * sky,
        "noise alone": sky,
    }


def enlarged(images: np.ndarray, times: int) -> np.ndarray:
    """Return the middle of images, each pixel ``times`` as wide."""
    side = images.shape[1]
    middle = slice((side - side // times) // 2, (side + side // times) // 2)
    return images[:, middle, middle].repeat(times, 1).repeat(times, 2)


def latents(vae: VAE, images: np.ndarray) -> np.ndarray:
    images = images.astype(np.float32)
    return np.concatenate([np.asarray(vae.encode(images[at : at + 64])[0]) for at in range(0, len(images), 64)])


def votes(catalog: Path, names: Sequence[str], column: str) -> np.ndarray:
    table = read_catalog(catalog, position=False)
    by_id = {str(name): value for name, value in zip(table["id"], table[column], strict=True)}
    return np.array([by_id[name] for name in names])


def shown(source: np.ndarray, target: np.ndarray) -> str:
    found, _ = support(None, source, target, paired=False)
    low, high = found.interval
    return f"{found.outside:.1%} ({100 * low:.1f} to {100 * high:.1f}), of {found.judged:,}"


if __name__ == "__main__":
    main()
