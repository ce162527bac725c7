"""The numbers that say most of the model."""

__all__: list[str] = []


from galkeras.reporting.page import Part
from galkeras.reporting.sections import SECTIONS, Section
from galkeras.reporting.sections._scores import ssim_rows
from galkeras.reporting.subject import Subject


def _part(subject: Subject) -> Part:
    """Return the numbers that say most."""
    summary = subject.summary
    facts = [
        ("kind", subject.stored.kind.replace("vae", "VAE").replace("-", " ")),
        ("surveys", ", ".join(subject.surveys)),
        ("images", f"{subject.images.size} px"),
        ("latents", f"{summary.latents}"),
        ("of them active", f"{summary.active_units}"),
        *((f"mean {title}", f"{value.mean:.3f}") for title, value in ssim_rows(summary)),
        (f"{summary.split} galaxies", f"{summary.scored:,}"),
    ]
    text = []
    if summary.collapsed:
        text.append("This model has collapsed: few of its latents carry information, and no result of it means much.")
    part = Part("overview", "Overview", facts=facts, text=text)
    if not subject.sets:
        part.missing.append(("What the record sets hold:", "galkeras report … --records tfrecords/NAME"))
    return part


SECTIONS.add("overview", Section(_part), order=1)
