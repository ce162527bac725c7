"""A model folder as it is shipped: weights of ten bits of mantissa, packed, and nothing that training left.

    python scripts/release_model.py saved_models/mine saved_models/mine-64

What comes out is another model by its digest, of half the size: encode with it, and fit the forests on those latents
(`saved_models/README.md` has the whole recipe).
"""

import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

from galkeras.io.files import sha256_of
from galkeras.models.folder import load_model
from galkeras.models.stored import WEIGHTS_FILE, StoredModel

# Relative error of at most 2^-11, as float16 has it, without its limits of range.
_BITS = 10


def rounded(values: np.ndarray) -> np.ndarray:
    """Return float32 values to the nearest that `_BITS` of mantissa can say.

    >>> rounded(np.array([1, 1 + 2**-11 + 2**-20, -3e-9, 0], "f4")).tolist()
    [1.0, 1.0009765625, -2.9995135264471173e-09, 0.0]
    """
    dropped = 23 - _BITS
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32) + np.uint32(1 << (dropped - 1))
    return (bits >> dropped << dropped).view(np.float32)


def pack(file: Path) -> None:
    """Rewrite an HDF5 file with its arrays compressed."""
    packed = file.with_suffix(".packed")
    with h5py.File(file) as old, h5py.File(packed, "w") as new:

        def copy(name: str, item: h5py.HLObject) -> None:
            if isinstance(item, h5py.Dataset):
                plain = item.ndim == 0 or item.size == 0
                options = {} if plain else {"compression": "gzip", "compression_opts": 9, "shuffle": True}
                made = new.create_dataset(name, data=item[()], **options)
            else:
                made = new.require_group(name)
            made.attrs.update(item.attrs)

        new.attrs.update(old.attrs)
        old.visititems(copy)
    packed.replace(file)


def main(source: Path, out: Path) -> None:
    model, stored = load_model(source), StoredModel.load(source)
    for weight in model.weights:
        weight.assign(rounded(weight.numpy()).astype(weight.dtype))
    out.mkdir(parents=True)
    model.save_weights(out / WEIGHTS_FILE)
    pack(out / WEIGHTS_FILE)
    # Of how it was trained the settings stay, and the history does not.
    replace(stored, history_sha256=None, weights_sha256=sha256_of(out / WEIGHTS_FILE)).save(out)
    before, after = ((folder / WEIGHTS_FILE).stat().st_size for folder in (source, out))
    print(f"{out}: weights {before:,} -> {after:,} bytes, model {load_model(out).digest[:12]}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
