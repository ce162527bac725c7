"""How the model was trained."""

__all__: list[str] = []

from typing import Any

from galkeras.reporting.figures import (
    curves,
)
from galkeras.reporting.page import Part, Table
from galkeras.reporting.sections import SECTIONS, Section
from galkeras.reporting.subject import Subject
from galkeras.training.history import best_epoch
from galkeras.training.stored import FitSummary


def _part(subject: Subject) -> Part:
    """Return settings and loss curves."""
    stored, history = subject.stored, subject.history
    # What each of fit and adapt chooses its best epoch by.
    monitor = "val_loss" if stored.adapted else "val_elbo_loss"
    best = history[best_epoch(history, monitor) - 1]
    minutes = sum(row["seconds"] for row in history) / 60
    part = Part("training", "Training")
    part.facts = [
        ("epochs", f"{len(history)} of {subject.training.epochs}"),
        ("best epoch", f"{best['epoch']:.0f}"),
        ("its validation loss", f"{best[monitor]:.4g}"),
        ("time", f"{minutes:.0f} min" if minutes >= 1 else f"{60 * minutes:.0f} s"),
    ]
    summary = subject.summary
    if isinstance(summary, FitSummary) and summary.noise is not None:
        noise = ", ".join(f"{band} {one:.3f}" for band, one in summary.noise.items())
        part.facts.append(("noise of a stretched pixel", noise))
    part.pictures = curves(history)
    settings = {**stored.model, **stored.training}
    rows = [(name.replace("_", " "), _setting(value)) for name, value in settings.items()]
    part.tables.append(Table(("setting", "value"), rows, "All settings, as config.json has them."))
    return part


def _setting(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_setting, value))
    if isinstance(value, float):
        return f"{value:.6g}"
    return "none" if value is None else str(value)[:12] if _is_digest(value) else str(value)


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64


SECTIONS.add("training", Section(_part), order=3)
