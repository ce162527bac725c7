"""Small survey files for tests, with galaxies that are easy to tell apart."""

import csv
from pathlib import Path

import numpy as np
from astropy.io import fits
from PIL import Image

from galkeras.records.make import make_tfrecords


def galaxy(side: int = 48, seed: int = 0) -> np.ndarray:
    """Return (side, side, 3) float32 nanomaggies: an off-centre blob on noise, brighter in redder bands."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    centre = side * rng.uniform(0.3, 0.7, 2)
    blob = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (side / 6) ** 2)
    image = blob[..., None] * np.array([1.0, 2.0, 4.0]) + rng.normal(0, 0.02, (side, side, 3))
    return image.astype(np.float32)


def write_fits(path: Path, image: np.ndarray, bands: str = "grz", scale: float = 0.262, **header) -> Path:
    """Write a cutout as the Legacy Surveys' service does."""
    hdu = fits.PrimaryHDU(np.moveaxis(image, -1, 0).astype(">f4"))
    degrees = scale / 3600
    wcs = {"CD1_1": -degrees, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": degrees}
    hdu.header.update({"SURVEY": "DECaLS", "VERSION": "DR9-south", "BANDS": bands, **wcs, **header})
    path.parent.mkdir(parents=True, exist_ok=True)
    hdu.writeto(path, overwrite=True)
    return path


def write_png(path: Path, rgb: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgb).save(path)
    return path


def write_csv(path: Path, columns: dict[str, list]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def write_survey(folder: Path, count: int = 60, side: int = 48) -> tuple[Path, Path]:
    """Write ``count`` FITS cutouts and their catalog; return the paths of catalog and cutouts."""
    ids = [f"g{index:04d}" for index in range(count)]
    for index, name in enumerate(ids):
        write_fits(folder / "cutouts" / f"{name}.fits", galaxy(side, index))
    # A right ascension that single precision would change.
    ra = [180 + 1e-6 * index for index in range(count)]
    return write_csv(folder / "catalog.csv", {"id": ids, "ra": ra, "dec": [-5.5] * count}), folder / "cutouts"


def survey(folder, name, ids, offset=0.0, fade=1.0, side=64):
    """Write a record set of the galaxies with these numbers, as survey ``name`` sees them, and return its folder."""
    for i in ids:
        header = {} if name == "decals" else {"VERSION": "DR9-north"}
        write_fits(folder / "cutouts" / f"g{i:03d}.fits", fade * galaxy(side, i), **header)
    columns = {"id": [f"g{i:03d}" for i in ids], "ra": [10 + i / 10 for i in ids], "dec": [33 + offset] * len(ids)}
    write_csv(folder / "catalog.csv", columns)
    make_tfrecords(folder / "catalog.csv", folder / "cutouts", folder / "records", survey=name, workers=1)
    return folder / "records"
