"""How SSIM grows with the number of latents."""

__all__: list[str] = []

from pathlib import Path

from galkeras.evaluation.scan.report import ALL, Scan
from galkeras.reporting.figures import stored_picture
from galkeras.reporting.page import Part, Table
from galkeras.reporting.sections import SECTIONS, Section
from galkeras.reporting.subject import Subject


def _part(subject: Subject) -> Part:
    """Return what `scan` found: how SSIM grows with the number of latents, over all and by type."""
    folder: Path = subject.inputs["scan"]
    part = Part("scan", "How many latents")
    found = Scan.load(folder)
    part.text.append(f"Recommended: {found.recommendation}.")
    part.text.append("The scan fits models of its own, each as the others but for the number of latents and the loss.")
    header = ("latents", "loss", "SSIM", "MSE", "KL [nat]", "active", "epochs")
    of_all = [point for point in found.points if point.type == ALL]
    rows = [
        (
            str(one.latents),
            one.loss,
            f"{one.ssim:.4f} ({one.ssim_low:.4f}–{one.ssim_high:.4f})",
            f"{one.mse:.5f}",
            f"{one.kl:.1f}",
            str(one.active_units),
            str(one.epochs),
        )
        for one in of_all
    ]
    caption = f"All {of_all[0].galaxies:,} galaxies of the {found.split} split, after the paper's Fig. 3."
    part.text.append(
        f"The tables are of the {found.split} galaxies, which chose."
        + (
            " The SSIM to quote is that of the test galaxies."
            if found.test
            else " No others say how good the choice is."
        )
    )
    part.tables.append(Table(header, rows, caption))
    part.tables += _by_type(found)
    alt = "Curves of SSIM against the number of latents by loss and by type, rate and distortion, active units."
    part.pictures += stored_picture(folder / "scan.png", alt, "SSIM by number of latents; rings mark knees.")
    return part


def _by_type(found: Scan) -> list[Table]:
    loss = found.loss
    chosen = {(one.type, one.latents): one for one in found.points if one.loss == loss and one.type != ALL}
    types, latents = list(dict.fromkeys(k for k, _ in chosen)), sorted({n for _, n in chosen})
    if not types:
        return []
    rows = [
        (kind, f"{chosen[kind, latents[0]].galaxies:,}", *(f"{chosen[kind, n].ssim:.4f}" for n in latents))
        for kind in types
    ]
    caption = f"Mean SSIM of the {found.split} split by type and number of latents ({loss}), after the paper's Fig. 4."
    return [Table(("type", "galaxies", *map(str, latents)), rows, caption)]


_MAKES = "galkeras scan RECORDS --out scan/, then --scan scan/"
_WITHOUT = Part("scan", "How many latents", missing=[("SSIM against the number of latents:", _MAKES)])
SECTIONS.add("scan", Section(_part, option="scan", first=True, without=_WITHOUT), order=9)
