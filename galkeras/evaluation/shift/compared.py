"""A model beside what needs no network: the same scores of the latents as they are and of those that were mapped."""

__all__ = ["Compared", "best_of", "compare", "mapped_latents"]

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from galkeras.evaluation.shift.baselines import BASELINES, aligned
from galkeras.evaluation.shift.conservation import QuestionRow, mean_drop
from galkeras.evaluation.shift.domains import DomainScores, between_mse, paired_mse, tell_apart
from galkeras.latents.table import LatentTable
from galkeras.records.pairs import join

Tables = Mapping[str, LatentTable]
"""Latents by ``source before``, ``target after`` and the like."""


@dataclass(frozen=True)
class Compared:
    """One row of the comparison.

    Attributes:
        stage: ``before``, the VAE as fitted, or ``after``, an adapted model.
        baseline: What maps the target's latents beside, a name of `BASELINES`; empty for the latents as they are.
        title: As people read it.
        auc: Of telling the surveys apart.
        auc_interval: Its 95 % interval.
        paired_ratio: With pairs, the mean squared difference of a galaxy's two latents over that of two galaxies'.
        within_pair: With pairs, the share of them in which the target image is ranked above its partner.
        drop: With votes, the mean over questions of the balanced accuracy on the source as the VAE sees it less that on
            the target, of forests that know the source.
        drop_interval: Its 95 % interval.
        lost: What the adapted model loses on the source, likewise; nothing without one, as the source is not mapped.
        lost_interval: Its 95 % interval.
    """

    stage: str
    baseline: str
    title: str
    auc: float
    auc_interval: tuple[float, float]
    paired_ratio: float | None = None
    within_pair: float | None = None
    drop: float | None = None
    drop_interval: tuple[float, float] = (0.0, 0.0)
    lost: float | None = None
    lost_interval: tuple[float, float] = (0.0, 0.0)


def mapped_latents(tested: Tables, learned: Tables, paired: bool, seed: int) -> dict[str, LatentTable]:
    """Return the tested latents of the target as each baseline maps them, by ``target STAGE, BASELINE``.

    Args:
        tested: Latents of the galaxies that are scored, row by row of the same ones where ``paired``.
        learned: Latents of the training split, to fit the maps on; may be empty.
        paired: Whether the surveys have the same galaxies. Maps that need pairs are left out otherwise.
        seed: Of the folds, where there is nothing else to fit on.
    """
    made = {}
    for name, target in tested.items():
        domain, stage = name.split()
        if domain != "target":
            continue
        source = tested[f"source {stage}"]
        known = _known(learned, stage, paired)
        for baseline, one in BASELINES.items():
            if paired or not one.pairs:
                z = aligned(one, known, source.z, target.z, seed)
                made[f"{name}, {baseline}"] = replace(target, z=z)
    return made


def _known(learned: Tables, stage: str, paired: bool) -> tuple[np.ndarray, np.ndarray] | None:
    if f"source {stage}" not in learned:
        return None
    source, target = learned[f"source {stage}"], learned[f"target {stage}"]
    if not paired:
        return source.z, target.z
    pairs = join(source, target)
    return source.z[pairs.source], target.z[pairs.target]


def compare(
    scores: Mapping[str, DomainScores],
    tested: Tables,
    mapped: Tables,
    questions: list[QuestionRow],
    paired: bool,
    seed: int,
) -> tuple[Compared, ...]:
    """Return the rows: each model, and under it each baseline.

    Args:
        scores: Of the latents as they are, by stage.
        tested: Their latents.
        mapped: What `mapped_latents` made of them.
        questions: What `table_4` says of both; may be empty.
        paired: Whether the surveys have the same galaxies.
        seed: Of folds and bootstrap.
    """
    rows = []
    for stage, score in scores.items():
        interval = score.auc_interval or (score.auc, score.auc)
        told = {"auc": score.auc, "auc_interval": interval, "within_pair": score.within_pair}
        rows.append(Compared(stage, "", stage, **told, paired_ratio=score.paired_ratio, **_drops(stage, "", questions)))
        source = tested[f"source {stage}"].z
        for baseline, one in BASELINES.items():
            if f"target {stage}, {baseline}" not in mapped:
                continue
            target = mapped[f"target {stage}, {baseline}"].z
            best = max(tell_apart(source, target, paired, seed), key=lambda classifier: classifier.auc)
            # The source alone says how far galaxies are from each other: a map that shrinks all gains nothing.
            ratio = float(paired_mse(source, target).mean()) / between_mse(source) if paired else None
            rows.append(
                Compared(
                    stage,
                    baseline,
                    f"{stage}, {one.title}",
                    auc=best.auc,
                    auc_interval=best.interval(paired, seed),
                    within_pair=best.within_pair() if paired else None,
                    paired_ratio=ratio,
                    **_drops(stage, baseline, questions),
                )
            )
    return tuple(rows)


def _drops(stage: str, baseline: str, questions: list[QuestionRow]) -> dict[str, Any]:
    first = "source before" if any("source before" in row.accuracy for row in questions) else f"source {stage}"
    drop = mean_drop(questions, first, f"target {stage}" + (f", {baseline}" if baseline else ""))
    lost = mean_drop(questions, first, f"source {stage}")
    return ({} if drop is None else {"drop": drop[0], "drop_interval": drop[1]}) | (
        {} if lost is None else {"lost": lost[0], "lost_interval": lost[1]}
    )


def best_of(compared: tuple[Compared, ...] | list[Compared]) -> str:
    """Return the sentence that says which row to use: of least drop, or without votes of the AUC nearest to a half."""
    if all(one.drop is not None for one in compared):
        best = min(compared, key=lambda one: one.drop)
        what = f"the least drop, {100 * best.drop:.1f} points"
    else:
        best = min(compared, key=lambda one: abs(one.auc - 0.5))
        what = f"the AUC nearest to 0.5, {best.auc:.3f}"
    adapted = next((one for one in compared if one.stage == "after" and not one.baseline), None)
    if adapted is None or best is adapted:
        return f"*{best.title}* has {what}."
    own = (
        f"{100 * adapted.drop:.1f} points"
        if best.drop is not None and adapted.drop is not None
        else f"{adapted.auc:.3f}"
    )
    return f"*{best.title}* has {what}, and the adapted model alone {own}: the network does not win here."
