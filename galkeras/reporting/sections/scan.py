"""How SSIM grows with the number of latents."""

__all__: list[str] = []

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from galkeras.io.files import read_json
from galkeras.reporting.figures import stored_picture
from galkeras.reporting.page import Part, Table, reading
from galkeras.reporting.sections import SECTIONS, Section
from galkeras.reporting.subject import Subject


def _part(subject: Subject) -> Part:
    """Return what `scan` found: how SSIM grows with the number of latents, over all and by type."""
    folder: Path | None = subject.inputs.get("scan")
    part = Part("scan", "How many latents")
    if folder is None:
        part.missing.append(
            ("SSIM against the number of latents:", "galkeras scan RECORDS --out scan/, then --scan scan/")
        )
        return part
    path = folder / "scan.json"
    stored = read_json(path)
    with reading(path, "scan"):
        part.text.append(f"Recommended: {stored['recommendation']}.")
        part.text.append(
            "The scan fits models of its own, each as the others but for the number of latents and the loss."
        )
        points = stored["points"]
        header = ("latents", "loss", "SSIM", "MSE", "KL [nat]", "active", "epochs")
        rows = [
            (
                str(one["latents"]),
                one["loss"],
                f"{one['ssim']:.4f} ({one['ssim_low']:.4f}–{one['ssim_high']:.4f})",
                f"{one['mse']:.5f}",
                f"{one['kl']:.1f}",
                str(one["active_units"]),
                str(one["epochs"]),
            )
            for one in points
            if one["type"] == "all"
        ]
        count = next(one["galaxies"] for one in points if one["type"] == "all")
        caption = f"All {count:,} galaxies of the {stored['split']} split, after the paper's Fig. 3."
        part.tables.append(Table(header, rows, caption))
        part.tables += _by_type(points, stored["recommended"]["loss"])
    alt = "Curves of SSIM against the number of latents by loss and by type, rate and distortion, active units."
    part.pictures += stored_picture(folder / "scan.png", alt, "SSIM by number of latents; rings mark knees.")
    return part


def _by_type(points: Sequence[dict[str, Any]], loss: str) -> list[Table]:
    chosen = {(one["type"], one["latents"]): one for one in points if one["loss"] == loss and one["type"] != "all"}
    types, latents = list(dict.fromkeys(k for k, _ in chosen)), sorted({n for _, n in chosen})
    if not types:
        return []
    rows = [
        (kind, f"{chosen[kind, latents[0]]['galaxies']:,}", *(f"{chosen[kind, n]['ssim']:.4f}" for n in latents))
        for kind in types
    ]
    caption = f"Mean SSIM by type and number of latents ({loss}), after the paper's Fig. 4."
    return [Table(("type", "galaxies", *map(str, latents)), rows, caption)]


SECTIONS.add("scan", Section(_part, option="scan", first=True), order=9)
