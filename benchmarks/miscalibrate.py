"""A survey whose zero points are wrong, to see what adapting wins back when no information is lost.

    python benchmarks/miscalibrate.py CUTOUTS OUT

Copies a folder of FITS cutouts with bands g, r, z multiplied by `FACTORS`: a shift of colours that an encoder can undo.
"""

import argparse
from pathlib import Path

import numpy as np
from astropy.io import fits
from tqdm import tqdm

from galkeras.io.files import atomic_path

# Zero points off by -0.2, +0.1 and -0.1 mag in g, r and z: ten times what surveys are calibrated to.
FACTORS = 10 ** (-0.4 * np.array([-0.2, 0.1, -0.1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cutouts", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for path in tqdm(sorted(given.cutouts.glob("*.fits"))):
        with fits.open(path) as cutout, atomic_path(given.out / path.name) as temporary:
            data = (cutout[0].data * FACTORS[:, None, None]).astype(">f4")
            fits.PrimaryHDU(data, cutout[0].header).writeto(temporary)


if __name__ == "__main__":
    main()
