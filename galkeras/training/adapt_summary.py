"""What an adapted model looks like: scores in ``summary.json`` and figures in its folder."""

__all__ = ["summarise_adaptation"]

import warnings
from pathlib import Path

import numpy as np

from galkeras.backend import tf
from galkeras.io.figures import figure, save_figure
from galkeras.models.adapted import AdaptedVAE
from galkeras.models.config import named
from galkeras.models.measure import compare, measure, measure_surveys
from galkeras.models.worth import WORTH_IMAGES, worth
from galkeras.records.pairs import Galaxies
from galkeras.surveys.pictures import save_mosaic
from galkeras.training.history import draw_term, read_history
from galkeras.training.pairs import scoring_dataset
from galkeras.training.stored import AdaptSummary, Quantiles
from galkeras.training.summary import common, show

_SHOWN = 12
_BATCH = 64


def summarise_adaptation(model: AdaptedVAE, parts: dict[str, Galaxies], out: Path, paired: bool) -> AdaptSummary:
    """Score ``model`` on galaxies that it did not learn from and draw its figures into ``out``.

    Writes ``summary.json``, ``losses.png`` and ``reconstructions.png``; warns when the latents have collapsed.

    Args:
        model: The model.
        parts: The galaxies of source and target, and of further targets and the source beside them, by the names of
            `AdaptedVAE.train_step`.
        out: Its folder.
        paired: Whether they are the same galaxies.

    Returns:
        What ``summary.json`` holds.
    """
    surveys, own = model.roles, {name: [] for name in model.roles}
    similarity = {name: [] for name in (*surveys, *(named("translated", number) for number in model.targets))}
    shown: dict[int, list[np.ndarray]] = {}
    for batch in scoring_dataset(parts, _BATCH):
        there = {name: batch[f"{name}_weights"] > 0 for name in parts}
        for number in model.targets:
            source, target, translated = (named(name, number) for name in ("source", "target", "translated"))
            seen, as_target = measure_surveys(model, batch[source], (surveys["source"], surveys[target]))
            measured = {source: seen, target: measure(model, batch[target], surveys[target])}
            # The source beside further targets is scored once, beside the first.
            for name in set(measured) & set(own):
                if len(own[name]) * _BATCH < WORTH_IMAGES:
                    own[name].append(tf.boolean_mask(batch[name], there[name]).numpy())
                similarity[name].append(tf.boolean_mask(measured[name].ssim, there[name]))
            _, alike = compare(measured[target].stretched, as_target.rebuilt)
            similarity[translated].append(tf.boolean_mask(alike, there[target]))
            if number not in shown:
                rows = [image for one in measured.values() for image in (one.stretched, one.rebuilt)]
                count = int(min(_SHOWN, *(np.sum(there[name]) for name in measured)))
                shown[number] = [show(model, row[:count]) for row in (*rows, as_target.rebuilt)]
    worths = [worth(model, np.concatenate(own[name])[:WORTH_IMAGES], survey) for name, survey in surveys.items()]
    scored = {name: np.concatenate(values) for name, values in similarity.items()}
    if not paired:
        scored = {name: values for name, values in scored.items() if name in surveys}
    summary = AdaptSummary(
        **common(model, str(parts["source"].split[0]), np.mean(worths, 0)),
        galaxies={name: len(scored[name]) for name in surveys},
        ssim={name: Quantiles.of(values) for name, values in scored.items()},
    )
    summary.save(out)
    fewest = min(len(rows[0]) for rows in shown.values())
    drawn = [row[:fewest] for rows in shown.values() for row in rows]
    save_mosaic(out / "reconstructions.png", np.concatenate(drawn), columns=fewest)
    _draw_losses(out / "losses.png", read_history(out), tuple(model.factors))
    if summary.collapsed:
        warnings.warn(
            f"only {summary.active_units} of {summary.latents} latents are worth what they cost: the model has"
            " collapsed, and a collapsed one mixes surveys without knowing galaxies."
            " Lower `mmd_weight`, if it is not 0, or `pair_weight`",
            stacklevel=2,
        )
    return summary


def _draw_losses(path: Path, history: list[dict[str, float]], more: tuple[str, ...]) -> None:
    terms = ["reconstruction", "kl", *(term for term in more if term in history[0])]
    panels, axes = figure(1, len(terms), (3.6 * len(terms), 3.4))
    for axis, term in zip(axes, terms, strict=True):
        draw_term(axis, history, term, f"{term}, per image")
    save_figure(path, panels)
