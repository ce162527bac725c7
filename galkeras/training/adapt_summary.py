"""What an adapted model looks like: scores in ``summary.json`` and figures in its folder."""

__all__ = ["summarise_adaptation"]

import warnings
from pathlib import Path

import numpy as np

from galkeras.backend import tf
from galkeras.io.figures import figure, save_figure
from galkeras.models.measure import compare, measure, measure_surveys
from galkeras.models.two_surveys import DOMAINS, TwoSurveyVAE
from galkeras.models.worth import WORTH_IMAGES, worth
from galkeras.records.pairs import Galaxies
from galkeras.surveys.pictures import save_mosaic
from galkeras.training.history import draw_term, read_history
from galkeras.training.pairs import scoring_dataset
from galkeras.training.stored import AdaptSummary, Quantiles
from galkeras.training.summary import common, show

_SHOWN = 12
_BATCH = 64


def summarise_adaptation(
    model: TwoSurveyVAE, source: Galaxies, target: Galaxies, out: Path, paired: bool
) -> AdaptSummary:
    """Score ``model`` on galaxies that it did not learn from and draw its figures into ``out``.

    Writes ``summary.json``, ``losses.png`` and ``reconstructions.png``; warns when the latents have collapsed.

    Returns:
        What ``summary.json`` holds.
    """
    images: dict[str, list[np.ndarray]] = {domain: [] for domain in DOMAINS}
    similarity = {domain: [] for domain in (*DOMAINS, "translated")}
    shown = None
    for batch in scoring_dataset(source, target, _BATCH):
        own, as_target = measure_surveys(model, batch["source"], tuple(model.roles.values()))
        measured = {"source": own, "target": measure(model, batch["target"], model.roles["target"])}
        translated = as_target.rebuilt
        there = {domain: batch[f"{domain}_weights"] > 0 for domain in DOMAINS}
        for domain in DOMAINS:
            if len(images[domain]) * _BATCH < WORTH_IMAGES:
                images[domain].append(tf.boolean_mask(batch[domain], there[domain]).numpy())
            similarity[domain].append(tf.boolean_mask(measured[domain].ssim, there[domain]))
        _, alike = compare(measured["target"].stretched, translated)
        similarity["translated"].append(tf.boolean_mask(alike, there["target"]))
        if shown is None:
            rows = [image for one in measured.values() for image in (one.stretched, one.rebuilt)] + [translated]
            count = int(min(_SHOWN, *(np.sum(there[domain]) for domain in DOMAINS)))
            shown = [show(model, row[:count]) for row in rows]
    worths = [
        worth(model, np.concatenate(images[domain])[:WORTH_IMAGES], survey) for domain, survey in model.roles.items()
    ]
    scored = {name: np.concatenate(values) for name, values in similarity.items()}
    if not paired:
        del scored["translated"]
    summary = AdaptSummary(
        **common(model, str(source.split[0]), np.mean(worths, 0)),
        galaxies={domain: len(scored[domain]) for domain in DOMAINS},
        ssim={name: Quantiles.of(values) for name, values in scored.items()},
    )
    summary.save(out)
    save_mosaic(out / "reconstructions.png", np.concatenate(shown), columns=len(shown[0]))
    _draw_losses(out / "losses.png", read_history(out), tuple(model.factors))
    if summary.collapsed:
        warnings.warn(
            f"only {summary.active_units} of {summary.latents} latents are worth what they cost: the model has"
            " collapsed, and a collapsed one mixes surveys without knowing galaxies."
            " Lower `mmd_weight` or `pair_weight`",
            stacklevel=2,
        )
    return summary


def _draw_losses(path: Path, history: list[dict[str, float]], more: tuple[str, ...]) -> None:
    terms = ["reconstruction", "kl", *(term for term in more if term in history[0])]
    panels, axes = figure(1, len(terms), (3.6 * len(terms), 3.4))
    for axis, term in zip(axes, terms, strict=True):
        draw_term(axis, history, term, f"{term}, per image")
    save_figure(path, panels)
