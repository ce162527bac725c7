"""What a scan found, as objects, as a table and as a figure."""

__all__ = ["ALL", "SCAN_FILE", "Point", "Scan", "draw_scan"]

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from galkeras.evaluation.scan.knee import RULE, Knee
from galkeras.io.calls import Call
from galkeras.io.figures import figure, save_figure
from galkeras.io.files import write_json
from galkeras.io.text import counted, markdown_table
from galkeras.io.typed import read_typed

ALL = "all"
"""The type of a `Point` that is of all galaxies."""

SCAN_FILE = "scan.json"
_FORMAT = 1


@dataclass(frozen=True)
class Point:
    """One model on the galaxies of one type.

    Attributes:
        loss: A name in `galkeras.models.losses.LOSSES`.
        latents: N_L.
        type: `ALL` or a morphological type.
        galaxies: How many were scored.
        ssim: Mean SSIM of their reconstructions.
        ssim_low: Lower bound of its 95 % interval when the galaxies are drawn again.
        ssim_high: Upper bound.
        mse: Mean squared error a pixel and band of the stretched images: the distortion.
        kl: Mean KL divergence of posterior and prior in nats, summed over latents: the rate.
        active_units: Latents that are worth more to the images than they cost (`galkeras.models.worth`), as the model's
            own ``summary.json`` has it.
        epochs: Epochs of the fit.
    """

    loss: str
    latents: int
    type: str
    galaxies: int
    ssim: float
    ssim_low: float
    ssim_high: float
    mse: float
    kl: float
    active_units: int
    epochs: int


@dataclass(frozen=True)
class _Stored:
    """What ``scan.json`` holds that does not follow from the rest."""

    split: str
    points: tuple[Point, ...]
    knees: dict[str, dict[str, Knee]]
    left_out: dict[str, int]
    ssim_window: str
    data_range: float
    # Scans of before calls were written down have none, nor a test point those that the test split chose.
    call: Call | None = field(default=None, kw_only=True)
    test: Point | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        scored = {(point.loss, point.type, point.latents) for point in self.points}
        if not self.points or not self.knees:
            raise ValueError("`points` and `knees` must not be empty")
        for loss, of in self.knees.items():
            for kind in {ALL, *of}:
                if kind not in of or (loss, kind, of[kind].latents) not in scored:
                    raise ValueError(f"`knees.{loss}.{kind}` must be one of the points")
                if of[kind].kind not in ("knee", "rising", "flat"):
                    raise ValueError(f"`knees.{loss}.{kind}.kind` must be knee, rising or flat")
        if self.test is not None and (self.test.loss, self.test.latents) != self.chosen:
            raise ValueError("`test` must be of the recommended model")

    def curve(self, loss: str, kind: str = ALL) -> list[Point]:
        """Return the points of one loss and type, N_L rising."""
        return [point for point in self.points if (point.loss, point.type) == (loss, kind)]

    @property
    def loss(self) -> str:
        """The loss with the higher SSIM, on average over the N_L."""
        return max(self.knees, key=lambda loss: np.mean([point.ssim for point in self.curve(loss)]))

    @property
    def chosen(self) -> tuple[str, int]:
        """Loss and number of latents to take."""
        return self.loss, self.knees[self.loss][ALL].latents


@dataclass(frozen=True)
class Scan(_Stored):
    """What `scan` found.

    Attributes:
        split: Whose galaxies chose and are those of ``points``: ``validation``; of older scans ``test``.
        points: By loss, type and N_L.
        knees: By loss, then type (`ALL` first): how many latents are enough.
        left_out: Types of too few galaxies, with their number.
        ssim_window: The window that SSIM is measured in, as in a model's ``summary.json``.
        data_range: The range of stretched images that SSIM takes for granted, likewise.
        call: How it was called, None where that was not written down yet.
        test: What the chosen model scores on the test galaxies, which chose nothing: the figure to quote. None where
            there are none, and where it was they that chose.
        out: The folder that it wrote.
    """

    out: Path

    @classmethod
    def load(cls, folder: str | Path) -> "Scan":
        """Read what `save` wrote; a file that is damaged or foreign is a `GalkerasError` that names the field."""
        stored = read_typed(Path(folder) / SCAN_FILE, _Stored, "scan", _FORMAT)
        return cls(**vars(stored), out=Path(folder))

    def save(self, folder: str | Path) -> None:
        """Write ``scan.json``."""
        write_json(Path(folder) / SCAN_FILE, self.to_json())

    @property
    def recommendation(self) -> str:
        """One line: loss and number of latents to take, why, and the SSIM on galaxies that had no say in it."""
        curve, knee = self.curve(self.loss), self.knees[self.loss][ALL]
        fewest = curve[0].latents
        point = next(point for point in curve if point.latents == knee.latents)
        why = {
            "knee": f"its knee in {knee.share:.0%} of resamples, {knee.rise:.0%} of the rise from {fewest} latents",
            "rising": f"no knee, SSIM rises throughout from {fewest}",
            "flat": "more latents do not raise SSIM" if len(curve) > 1 else "the only ones fitted",
        }[knee.kind]
        told = self.test or point
        by = counted(point.galaxies, f"{self.split} galaxy", f"{self.split} galaxies")
        of = counted(told.galaxies, "test galaxy", "test galaxies") if self.test else "the same"
        return (
            f"--latent {knee.latents} --loss {self.loss}, chosen by {by} ({why}):"
            f" SSIM {told.ssim:.4f} ({told.ssim_low:.4f}–{told.ssim_high:.4f}) of {of}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return {
            "format": _FORMAT,
            "split": self.split,
            "ssim_window": self.ssim_window,
            "data_range": self.data_range,
            "rule": RULE,
            "recommended": dict(zip(("loss", "latents"), self.chosen, strict=True)),
            "recommendation": self.recommendation,
            "knees": {loss: {kind: asdict(knee) for kind, knee in of.items()} for loss, of in self.knees.items()},
            "left_out": self.left_out,
            **({} if self.call is None else {"call": asdict(self.call)}),
            **({} if self.test is None else {"test": asdict(self.test)}),
            "points": [asdict(point) for point in self.points],
        }

    def markdown(self) -> str:
        """Return the table of all galaxies as Markdown, the knees marked."""
        header = ("loss", "N_L", f"{self.split} SSIM", "MSE", "KL [nat]", "active")
        rows = [
            (
                point.loss,
                f"{point.latents}" + (" *" if point.latents == self.knees[point.loss][ALL].latents else ""),
                f"{point.ssim:.4f} ({point.ssim_low:.4f}–{point.ssim_high:.4f})",
                f"{point.mse:.5f}",
                f"{point.kl:.1f}",
                f"{point.active_units}",
            )
            for point in self.points
            if point.type == ALL
        ]
        return markdown_table(header, rows)


_COLOURS = ("#1f5fa8", "#d1602a", "#2f9e5b", "#8a4fa3", "#b8860b", "#5b6770", "#c23b63")


def draw_scan(path: Path, scan: Scan) -> None:
    """Draw SSIM against N_L by loss (paper, Fig. 3) and by type (Fig. 4), rate and distortion, active units."""
    losses = list(scan.knees)
    kinds = [kind for kind in scan.knees[scan.loss] if kind != ALL]
    sheet, row = figure(1, 4 if kinds else 3, (16.5 if kinds else 12.5, 3.9))
    axes = iter(row)
    axis = next(axes)
    for loss, colour in zip(losses, _COLOURS, strict=False):
        _draw_curve(axis, scan, loss, ALL, colour, loss)
    axis.set(title=f"all {scan.points[0].galaxies:,} galaxies of the {scan.split} split", ylabel="mean SSIM")
    axis.legend(fontsize=8)
    if kinds:
        axis = next(axes)
        for kind, colour in zip(kinds, _COLOURS, strict=False):
            _draw_curve(axis, scan, scan.loss, kind, colour, f"{kind} ({scan.curve(scan.loss, kind)[0].galaxies:,})")
        axis.set(title=f"by type, {scan.loss}", ylabel="mean SSIM")
        axis.legend(fontsize=8)
    rate, active = axes
    for loss, colour in zip(losses, _COLOURS, strict=False):
        curve = scan.curve(loss)
        rate.plot([p.kl for p in curve], [p.mse for p in curve], "o-", ms=4, color=colour, label=loss)
        for p in curve:
            rate.annotate(f"{p.latents}", (p.kl, p.mse), fontsize=7, xytext=(4, 3), textcoords="offset points")
        active.plot([p.latents for p in curve], [p.active_units for p in curve], "o-", ms=4, color=colour, label=loss)
    rate.set(title="rate and distortion by $N_L$", xlabel="KL [nat]", ylabel="MSE a pixel, stretched")
    most = max(point.latents for point in scan.points)
    active.plot([0, most], [0, most], color="k", lw=0.8, ls=":", label="all")
    active.set(title="active units", xlabel="number of latents $N_L$", ylabel="latents worth their cost")
    active.legend(fontsize=8)
    save_figure(path, sheet)


def _draw_curve(axis, scan: Scan, loss: str, kind: str, colour: str, label: str) -> None:
    """Draw one curve with its intervals; a ring about its knee."""
    curve, knee = scan.curve(loss, kind), scan.knees[loss][kind]
    latents = [p.latents for p in curve]
    low, high = ([getattr(p, name) for p in curve] for name in ("ssim_low", "ssim_high"))
    axis.fill_between(latents, low, high, color=colour, alpha=0.15, lw=0)
    axis.plot(latents, [p.ssim for p in curve], "o-", ms=4, color=colour, label=label)
    if knee.kind == "knee":
        chosen = next(point for point in curve if point.latents == knee.latents)
        axis.plot(chosen.latents, chosen.ssim, "o", ms=11, mfc="none", mec=colour)
    axis.set(xlabel="number of latents $N_L$ (ring: knee)")
