"""The numbers that say most of the model."""

__all__: list[str] = []


from galkeras.reporting.page import Part
from galkeras.reporting.sections import SECTIONS, Section
from galkeras.reporting.sections._scores import by_domain
from galkeras.reporting.subject import Subject


def _part(subject: Subject) -> Part:
    """Return the numbers that say most."""
    config, summary = subject.config, subject.summary
    model = config["model"]
    side = f"{model['image_size']} px"
    galaxies = summary["galaxies"]
    count = sum(galaxies.values()) if isinstance(galaxies, dict) else galaxies
    facts = [
        ("kind", config["kind"].replace("vae", "VAE").replace("-", " ")),
        ("surveys", ", ".join(model["surveys"])),
        ("images", side),
        ("latents", f"{summary['latents']}"),
        ("of them active", f"{summary['active_units']}"),
        *((f"mean SSIM{name}", f"{value['mean']:.3f}") for name, value in by_domain(summary["ssim"])),
        (f"{summary['split']} galaxies", f"{count:,}"),
    ]
    text = []
    if summary["collapsed"]:
        text.append("This model has collapsed: few of its latents carry information, and no result of it means much.")
    part = Part("overview", "Overview", facts=facts, text=text)
    if not subject.sets:
        part.missing.append(("What the record sets hold:", "galkeras report … --records tfrecords/NAME"))
    return part


SECTIONS.add("overview", Section(_part), order=1)
