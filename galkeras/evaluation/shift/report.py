"""What `shift` found, as Markdown and as figures."""

__all__ = ["beyond", "beyond_rows", "draw_shift", "expected_losses", "expected_rows", "markdown"]

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA

from galkeras.evaluation.shift.compared import Compared, best_of
from galkeras.evaluation.shift.conservation import COLUMNS, QuestionRow, Recovery
from galkeras.evaluation.shift.domains import DomainScores, paired_mse
from galkeras.evaluation.shift.expected import Expected
from galkeras.evaluation.shift.residuals import Residuals
from galkeras.evaluation.shift.support import Support
from galkeras.io.figures import figure, save_figure
from galkeras.io.text import markdown_table
from galkeras.latents.table import LatentTable

_LINES = {
    "AUC of telling the surveys apart (aim 0.5)": "{0.auc:.3f} ({0.auc_interval[0]:.3f} to {0.auc_interval[1]:.3f})",
    "– by logistic regression": "{0.auc_linear:.3f}",
    "– by boosted trees": "{0.auc_trees:.3f}",
    "A-distance (0 to 2)": "{0.a_distance:.3f}",
    "MMD² at fixed bandwidth": "{0.mmd2:.5f}",
    "p of equal distributions": "{0.mmd2_p:.3f}",
    "kNN mixing (aim 1)": "{0.mixing:.3f}",
}
_PAIRED_LINES = {
    "MSE of a galaxy's two latents": "{0.paired_mse:.4f}",
    "MSE between galaxies": "{0.between_mse:.4f}",
    "their ratio": "{0.paired_ratio:.4f}",
    "– for the median galaxy": "{0.paired_median:.4f}",
    "survey named within a pair (blind: 50 %)": "{0.within_pair:.1%}",
    "own image is nearest, among at most 1,500": "{0.twin:.1%}",
}
_DRAWN = 600
_COLOURS = {"source": "#1f5fa8", "target": "#d1602a"}


def markdown(
    surveys: tuple[str, str],
    split: str,
    scores: dict[str, DomainScores],
    questions: Sequence[QuestionRow],
    recovery: Recovery | None,
    compared: Sequence[Compared] = (),
) -> str:
    """Return the tables as Markdown."""
    first = next(iter(scores.values()))
    lines = dict(_LINES) if first.paired_mse is None else _LINES | _PAIRED_LINES
    which = "record sets" if split == "all" else f"{split} split"
    parts = [
        f"# {surveys[0]} and {surveys[1]}",
        f"{first.source:,} and {first.target:,} galaxies of the {which}"
        + ("." if first.paired_mse is None else ", the same ones."),
        markdown_table(
            ("", *(stage for stage in scores)),
            [(line, *(_shown(form, score) for score in scores.values())) for line, form in lines.items()],
        ),
    ]
    if compared:
        parts += ["## Beside what needs no network", _comparison(compared), best_of(compared)]
    if questions:
        columns = [column for column in COLUMNS if any(column in row.accuracy for row in questions)]
        parts += [
            "## Balanced accuracy (after the paper's Table 4)",
            markdown_table(
                ("question", "galaxies", *columns),
                [(row.title, f"{row.galaxies:,}", *(_cell(row, column) for column in columns)) for row in questions],
            ),
            "\n".join(f"- *{column}*: {COLUMNS[column]}" for column in columns)
            + "\n\nIn brackets the 95 % interval when the tested galaxies are drawn again.",
        ]
    if recovery:
        shown = {name: _percent(getattr(recovery, name), interval) for name, interval in recovery.interval.items()}
        parts.append(
            f"Over {recovery.questions} questions, adaptation changes the drop of balanced accuracy from source to"
            f" target from {shown['drop']} to {shown['drop_after']} points: {shown['recovered']} % of it is recovered."
            f" On the source {shown['source_lost']} points are lost."
        )
    return "\n\n".join(parts) + "\n"


def beyond(support: Mapping[str, Support], residuals: Mapping[str, Mapping[str, Residuals]]) -> str:
    """Return, as Markdown, what of the target the model has not met."""
    return "\n\n".join(
        [
            "## What the model has not met",
            markdown_table(("", *support), beyond_rows(support, residuals)),
            "`outside.csv` names these galaxies, the farthest first, and `outside.png` shows some. An error of 1 lacks"
            " nothing but noise; one of the target far above that of the source is light that the model does not know.",
        ]
    )


def beyond_rows(
    support: Mapping[str, Support], residuals: Mapping[str, Mapping[str, Residuals]]
) -> list[tuple[str, ...]]:
    """Return rows of a table, a column a stage: galaxies outside of the source's support, and errors over the noise."""
    outside = ("galaxies of the target unlike any of the source (of the source's own 1 %)",) + tuple(
        f"{one.outside:.1%} ({one.interval[0]:.1%} to {one.interval[1]:.1%})" for one in support.values()
    )
    errors = [
        (f"reconstruction error of the {domain} over its noise (quartiles)",)
        + tuple(_over_noise(residuals[stage][domain]) for stage in support)
        for domain in ("source", "target")
    ]
    return [outside, *errors]


def expected_losses(expected: Mapping[str, Expected]) -> str:
    """Return, as Markdown, what each forest is expected to lose."""
    return "\n\n".join(
        [
            "## What forests are expected to lose",
            markdown_table(("points of accuracy", *expected), expected_rows(expected)),
            "In brackets the 95 % interval when galaxies are drawn again. By chance: what would seem to be lost if as"
            " many galaxies of the source were the target. It is taken off already.",
        ]
    )


def expected_rows(expected: Mapping[str, Expected]) -> list[tuple[str, ...]]:
    """Return rows of a table, a column a stage: points that each forest is expected to lose, their mean, and chance."""
    names = dict.fromkeys(name for one in expected.values() for name in one.by_question)
    return [
        *((name, *(_lost(one, name) for one in expected.values())) for name in names),
        ("mean over questions", *(_percent(one.drop, one.interval) for one in expected.values())),
        ("– by chance", *(f"{100 * one.by_chance:.1f}" for one in expected.values())),
    ]


def _lost(expected: Expected, name: str) -> str:
    if name not in expected.by_question:
        return "–"
    drop, interval = expected.by_question[name], expected.intervals.get(name)
    return _percent(drop, interval) if interval else f"{100 * drop:.1f}"


def _over_noise(left: Residuals) -> str:
    if left.median is None or left.quartiles is None:
        return "– (the sky is cut to black)"
    return f"{left.median:.2f} ({left.quartiles[0]:.2f} to {left.quartiles[1]:.2f})"


def draw_shift(
    path: Path,
    surveys: tuple[str, str],
    latents: dict[str, LatentTable],
    scores: dict[str, DomainScores],
    questions: Sequence[QuestionRow],
    *,
    paired: bool,
) -> None:
    """Draw it at a glance: latents of both surveys by model, differences of pairs, accuracies by question."""
    panels = len(scores) + paired + bool(questions)
    widths = [1.0] * (len(scores) + paired) + [1.7] * bool(questions)
    sheet, row = figure(1, panels, (4.2 * sum(widths), 4.0), width_ratios=widths)
    axes = iter(np.atleast_1d(row))
    for stage, score in scores.items():
        axis = next(axes)
        tables = {domain: latents[f"{domain} {stage}"] for domain in _COLOURS}
        plane = PCA(2, random_state=0).fit(tables["source"].z)
        for (domain, table), survey in zip(tables.items(), surveys, strict=True):
            points = plane.transform(table.z[:_DRAWN])
            axis.scatter(*points.T, s=7, alpha=0.5, lw=0, color=_COLOURS[domain], label=survey)
        axis.set(title=f"{stage}: AUC {score.auc:.2f}", xlabel="first principal latent", ylabel="second")
        axis.legend(fontsize=8)
    if paired:
        axis = next(axes)
        ratios = {
            stage: paired_mse(latents[f"source {stage}"].z, latents[f"target {stage}"].z) / score.between_mse
            for stage, score in scores.items()
        }
        low = max(min(values.min() for values in ratios.values()), 1e-6)
        bins = np.geomspace(low, max(low, *(values.max() for values in ratios.values())) * 1.01, 40)
        for stage, values in ratios.items():
            axis.hist(values, bins, histtype="step", lw=1.8, label=f"{stage}: mean {values.mean():.3f}")
        axis.axvline(1, color="k", lw=0.8, ls=":")
        axis.set(
            xscale="log",
            title="two images of a galaxy",
            xlabel="MSE of latents / MSE between galaxies",
            ylabel="galaxies",
        )
        axis.legend(fontsize=8)
    if questions:
        _draw_questions(next(axes), questions)
    save_figure(path, sheet)


def _draw_questions(axis, questions: Sequence[QuestionRow]) -> None:
    columns = [c for c in list(COLUMNS)[:4] if all(c in row.accuracy for row in questions)]
    colours = dict(zip(COLUMNS, ("#1f5fa8", "#d1602a", "#2f9e5b", "#7d9dc9"), strict=False))
    width = 0.8 / max(1, len(columns))
    for number, column in enumerate(columns):
        x = np.arange(len(questions)) + (number - (len(columns) - 1) / 2) * width
        values = np.array([row.accuracy[column] for row in questions])
        bounds = np.array([row.interval[column] for row in questions]).T
        errors = np.clip([values - bounds[0], bounds[1] - values], 0, None)
        axis.bar(x, values, width, color=colours[column], label=column, yerr=errors, error_kw={"lw": 0.8})
    axis.set_xticks(range(len(questions)), [row.title for row in questions], rotation=30, ha="right", fontsize=8)
    axis.set(title="forests fitted on source latents", ylabel="balanced accuracy", ylim=(0, 1))
    if columns:
        axis.legend(fontsize=7, ncols=2, loc="lower right")


def _shown(form: str, score: DomainScores) -> str:
    # Files of before there were these have none.
    if "auc_interval" in form and score.auc_interval is None:
        return f"{score.auc:.3f}"
    return "–" if "within_pair" in form and score.within_pair is None else form.format(score)


def _comparison(compared: Sequence[Compared]) -> str:
    header = (
        "",
        "AUC",
        "paired / between",
        "survey named within a pair",
        "drop (points)",
        "lost on the source (points)",
    )
    return markdown_table(
        header,
        [
            (
                one.title,
                f"{one.auc:.3f} ({one.auc_interval[0]:.3f} to {one.auc_interval[1]:.3f})",
                "–" if one.paired_ratio is None else f"{one.paired_ratio:.3f}",
                "–" if one.within_pair is None else f"{one.within_pair:.1%}",
                "–" if one.drop is None else _percent(one.drop, one.drop_interval),
                "–" if one.lost is None else _percent(one.lost, one.lost_interval),
            )
            for one in compared
        ],
    )


def _cell(row: QuestionRow, column: str) -> str:
    if column not in row.accuracy:
        return "–"
    low, high = row.interval[column]
    return f"{row.accuracy[column]:.1%} ({100 * low:.0f}–{100 * high:.0f})"


def _percent(value: float, interval: Sequence[float]) -> str:
    return f"{100 * value:.1f} ({100 * interval[0]:.1f} to {100 * interval[1]:.1f})"
