r"""Does a decoder that draws galaxies without the seeing, which a fixed layer then puts on, earn its place?

    python benchmarks/psf_decoder.py fit tfrecords/decals --psf --epochs 12 --out saved_models/psf
    python benchmarks/psf_decoder.py fit tfrecords/decals --epochs 12 --out saved_models/plain
    python benchmarks/psf_decoder.py encode saved_models/psf tfrecords/decals --psf --out psf.parquet
    python benchmarks/psf_decoder.py judge saved_models/psf tfrecords/decals mock/noise-free/decals \
        sharp/noise-free/decals --psf

What the decoder draws is taken for the galaxy as it would be without seeing (Lanusse et al. 2021, MNRAS 504, 5543); in
flux, before the stretch, it is convolved with the mean point-spread function of the survey, a Moffat profile by band.
The decoder's fixed linear path draws galaxies as they are seen, so two steps of van Cittert's deconvolution come
before. `judge` compares with the noise-free image, with seeing and nearly without (``mock --noise-free``, and with
``--seeing-scale 0.2``), the central half of test galaxies: SSIM of stretched images.
"""

import argparse
from pathlib import Path

import galsim
import numpy as np

from galkeras.backend import tf
from galkeras.latents.encode import encode
from galkeras.models.folder import load_model
from galkeras.models.measure import measure
from galkeras.models.ssim import ssim
from galkeras.models.vae import VAE
from galkeras.records.reader import ordered_dataset
from galkeras.records.schema import RecordSet
from galkeras.surveys.cutouts import read_cutout
from galkeras.surveys.facts import SURVEYS
from galkeras.training.fit import fit

SIDE, STEPS = 11, 2
plain_draw = VAE.draw


def kernel(vae: VAE) -> np.ndarray:
    """Return the (side, side, band, 1) mean point-spread function of the model's survey."""
    bands = SURVEYS[vae.config.surveys[0]].bands
    planes = []
    for band in vae.config.bands:
        moffat = galsim.Moffat(beta=bands[band].beta, fwhm=bands[band].seeing)
        drawn = moffat.drawImage(nx=SIDE, ny=SIDE, scale=vae.config.network_pixel_scale, method="no_pixel").array
        planes.append(drawn / drawn.sum())
    return np.stack(planes, -1)[..., None].astype(np.float32)


def draw_sharp(vae: VAE, z: tf.Tensor, pose: tf.Tensor | None = None, survey: str | None = None) -> tf.Tensor:
    """Return the galaxies without seeing, in flux."""
    flux = seen = vae.stretch.inverse(plain_draw(vae, z, pose, survey))
    for _ in range(STEPS):
        flux += seen - blurred(vae, flux)
    return flux


def blurred(vae: VAE, flux: tf.Tensor) -> tf.Tensor:
    edge = SIDE // 2
    padded = tf.pad(flux, [(0, 0), (edge, edge), (edge, edge), (0, 0)], "SYMMETRIC")
    return tf.nn.depthwise_conv2d(padded, kernel(vae), (1, 1, 1, 1), "VALID")


def draw_seen(vae: VAE, z: tf.Tensor, pose: tf.Tensor | None = None, survey: str | None = None) -> tf.Tensor:
    return vae.stretch(blurred(vae, draw_sharp(vae, z, pose, survey)))


def judge(vae: VAE, records: RecordSet, seen: Path, sharp: Path, psf: bool) -> None:
    half = slice(records.image_size // 4, 3 * records.image_size // 4)
    scores: dict[str, list[np.ndarray]] = {}
    for batch in ordered_dataset(records, ("test",), 64):
        names = [name.decode() for name in batch["id"].numpy()]
        kept = [row for row, name in enumerate(names) if (sharp / f"{name}.fits").exists()]
        if not kept:
            continue
        names, images = [names[row] for row in kept], tf.gather(batch["image"], kept)
        measured = measure(vae, images)
        truth = {
            where: vae.stretch(np.stack([read_cutout(folder / f"{name}.fits").image for name in names]))
            for where, folder in (("seen", seen), ("sharp", sharp))
        }
        without = vae.stretch(draw_sharp(vae, measured.z, measured.pose)) if psf else measured.rebuilt
        pairs = {
            "reconstruction, truth as seen": (measured.rebuilt, truth["seen"]),
            "galaxy drawn, truth without seeing": (without, truth["sharp"]),
            "truth as seen, truth without seeing": (truth["seen"], truth["sharp"]),
        }
        for name, (a, b) in pairs.items():
            scores.setdefault(name, []).append(ssim(a[:, half, half], b[:, half, half]).numpy())
    for name, values in scores.items():
        values = np.concatenate(values)
        print(f"{name}: SSIM {values.mean():.4f} of {len(values)} galaxies")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("fit", "encode", "judge"):
        one = commands.add_parser(name)
        if name != "fit":
            one.add_argument("model", type=Path)
        one.add_argument("records", type=Path)
        one.add_argument("--psf", action="store_true")
        if name == "judge":
            one.add_argument("seen", type=Path)
            one.add_argument("sharp", type=Path)
        else:
            one.add_argument("--out", type=Path, required=True)
    commands.choices["fit"].add_argument("--epochs", type=int, default=12)
    commands.choices["fit"].add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.psf:
        VAE.draw = draw_seen
    if given.command == "fit":
        fit(given.records, given.out, epochs=given.epochs, seed=given.seed)
    elif given.command == "encode":
        encode(given.model, given.records, given.out, scores="none")
    else:
        judge(load_model(given.model), RecordSet.load(given.records), given.seen, given.sharp, given.psf)


if __name__ == "__main__":
    main()
