"""What a fitted model looks like: scores in ``summary.json`` and figures in its folder."""

__all__ = ["common", "show", "summarise"]

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from galkeras.backend import tf
from galkeras.io.figures import figure, save_figure
from galkeras.models.measure import measure
from galkeras.models.stretch import Stretch
from galkeras.models.vae import VAE
from galkeras.models.worth import WORTH_IMAGES, active_units, worth
from galkeras.records.reader import ordered_dataset
from galkeras.records.schema import RecordSet
from galkeras.surveys.pictures import save_mosaic, shown_planes, to_rgb
from galkeras.training.history import draw_term, read_history
from galkeras.training.stored import FitSummary, Quantiles

_SHOWN = 12
_SAMPLES = 36
_TRAVERSED = 12
# Below this share of active latents a run is called collapsed.
_COLLAPSED = 0.1


def summarise(model: VAE, records: RecordSet, out: Path) -> FitSummary:
    """Score ``model`` on the test galaxies (validation where there are none) and draw its figures into ``out``.

    Writes ``summary.json``, ``losses.png``, ``reconstructions.png``, ``latents.png``, ``traversal.png`` and
    ``samples.png``; warns when the latents have collapsed.

    Returns:
        What ``summary.json`` holds.
    """
    split = "test" if records.count("test") else "validation"
    images, originals, rebuilt, means, log_vars, scores = [], [], [], [], [], []
    for batch in ordered_dataset(records, (split,), 64):
        measured = measure(model, batch["image"])
        scores.append(np.stack([measured.ssim, measured.mse], axis=1))
        means.append(measured.z.numpy())
        log_vars.append(measured.log_var.numpy())
        if len(images) * 64 < WORTH_IMAGES:
            images.append(batch["image"].numpy())
        if len(originals) * 64 < _SHOWN:
            originals.append(measured.stretched.numpy())
            rebuilt.append(measured.rebuilt.numpy())
    means, log_vars = np.concatenate(means), np.concatenate(log_vars)
    similarity, mse = np.concatenate(scores).T
    worths = worth(model, np.concatenate(images)[:WORTH_IMAGES])
    kl = 0.5 * (means**2 + np.exp(log_vars) - 1 - log_vars).mean(0)
    summary = FitSummary(
        **common(model, split, worths),
        galaxies=len(means),
        ssim=Quantiles.of(similarity),
        mse=Quantiles.of(mse),
        kl=float(kl.sum()),
        kl_per_latent=tuple(kl.round(4).tolist()),
        noise=_noise(model),
    )
    summary.save(out)
    _draw_losses(out / "losses.png", read_history(out), model.config.loss)
    _draw_latents(out / "latents.png", kl, worths)
    _draw_reconstructions(
        out / "reconstructions.png", model, np.concatenate(originals)[:_SHOWN], np.concatenate(rebuilt)[:_SHOWN]
    )
    _draw_traversal(out / "traversal.png", model, means, kl)
    noise = tf.random.stateless_normal((_SAMPLES, model.config.latent_dim), (0, 0))
    save_mosaic(out / "samples.png", show(model, model.decode_stretched(noise)))
    if summary.collapsed:
        warnings.warn(
            f"only {summary.active_units} of {summary.latents} latents are worth what they cost: the model has"
            f" collapsed. Lower `kl_weight` (now {model.config.kl_weight:g}), or train for more epochs",
            stacklevel=2,
        )
    return summary


def common(model: VAE, split: str, worths: np.ndarray) -> dict[str, Any]:
    """Return what a `Summary` says of any model: of the (latent_dim,) ``worths`` of its latents."""
    active = active_units(worths)
    return {
        "split": split,
        "ssim_window": "Gaussian, 11 pixels, sigma 1.5",
        "data_range": Stretch.DATA_RANGE,
        "latents": model.config.latent_dim,
        "active_units": active,
        "collapsed": active < max(1, _COLLAPSED * model.config.latent_dim),
        "digest": model.digest,
    }


def _noise(model: VAE) -> dict[str, float] | None:
    """Return the noise of a pixel by band that the loss has learned, None where it learns none."""
    learned = model.pixel_loss.noise
    return None if learned is None else dict(zip(model.config.bands, learned.numpy().tolist(), strict=True))


def show(model: VAE, stretched) -> np.ndarray:
    """Return stretched images as display pictures."""
    config = model.config
    images = model.stretch.inverse(tf.convert_to_tensor(stretched)).numpy()
    return to_rgb(images, config.units, config.network_pixel_scale, config.bands)


def _draw_reconstructions(path: Path, model: VAE, originals: np.ndarray, rebuilt: np.ndarray) -> None:
    """Three rows: originals, reconstructions of the posterior means, residuals (grey is none, in stretched units)."""
    residuals = np.clip(0.5 + 2 * (originals - rebuilt), 0, 1)[:, ::-1]
    residuals = shown_planes(residuals, model.config.bands)[..., ::-1]
    rows = [show(model, originals), show(model, rebuilt), (255 * residuals).astype(np.uint8)]
    save_mosaic(path, np.concatenate(rows), columns=len(originals))


def _draw_traversal(path: Path, model: VAE, means: np.ndarray, kl: np.ndarray) -> None:
    """One row for each of the latents that carry most, moved from -3 to 3 standard deviations about the mean galaxy."""
    centre, spread = means.mean(0), means.std(0)
    steps = np.linspace(-3, 3, 9)
    z = np.repeat(centre[None], _TRAVERSED * len(steps), axis=0).reshape(_TRAVERSED, len(steps), -1)
    for row, latent in enumerate(np.argsort(-kl)[:_TRAVERSED]):
        z[row, :, latent] += steps * spread[latent]
    pictures = show(model, model.decode_stretched(z.reshape(-1, z.shape[-1]).astype(np.float32)))
    save_mosaic(path, pictures, columns=len(steps))


def _draw_losses(path: Path, history: list[dict[str, float]], loss: str) -> None:
    titles = {
        "elbo_loss": "ELBO loss per image",
        "reconstruction": f"reconstruction ({loss}, of pixels)",
        "kl": "KL of latents",
        "features": "features",
        "votes": "votes",
    }
    terms = [term for term in titles if term in history[0]]
    panels, axes = figure(1, len(terms), (4 * len(terms), 3.5))
    for axis, term in zip(axes, terms, strict=True):
        draw_term(axis, history, term, titles[term])
    save_figure(path, panels)


def _draw_latents(path: Path, kl: np.ndarray, worths: np.ndarray) -> None:
    panels, (left, right) = figure(1, 2, (10, 3.5))
    order = np.argsort(-kl)
    left.bar(range(len(kl)), kl[order])
    left.set(title="information by latent", xlabel="latent, sorted", ylabel="mean KL [nat]")
    right.bar(range(len(kl)), worths[order])
    right.axhline(0, color="k", lw=0.8, ls="--")
    right.set(title=f"{active_units(worths)} active units", xlabel="latent, sorted", ylabel="worth less cost")
    right.set_yscale("symlog", linthresh=1)
    save_figure(path, panels)
