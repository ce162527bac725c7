"""Galaxy images to features: VAE latents, domain adaptation and Galaxy Zoo morphology.

Every command is a function of the same name here, beside what reads their outputs. Importing galkeras is cheap: a
function's module, and with it TensorFlow, is loaded when the function is first used.

>>> import galkeras as gk
>>> records = gk.make_tfrecords("catalog.parquet", "cutouts", "tfrecords/decals")  # doctest: +SKIP
>>> model = gk.fit("tfrecords/decals", "saved_models/vae40", latent_dim=40)  # doctest: +SKIP
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

COMMANDS: dict[str, str] = {
    "mock": "galkeras.simulation.survey_pair",
    "download": "galkeras.surveys.download.download",
    "make_tfrecords": "galkeras.records.make",
    "inspect": "galkeras.records.inspect",
    "fit": "galkeras.training.fit",
    "scan": "galkeras.evaluation.scan.scan",
    "adapt": "galkeras.training.adapt",
    "encode": "galkeras.latents.encode",
    "align": "galkeras.evaluation.align",
    "classify": "galkeras.morphology.classify",
    "predict": "galkeras.morphology.predict",
    "measure": "galkeras.morphology.measure",
    "generate": "galkeras.discovery.generate",
    "shift": "galkeras.evaluation.shift.shift",
    "outliers": "galkeras.discovery.outliers",
    "similar": "galkeras.discovery.similar",
    "explore": "galkeras.discovery.explore",
    "report": "galkeras.reporting.report",
    "export": "galkeras.serving.export",
    "request": "galkeras.serving.request",
}
"""Where the function of each command lives, in the order in which the data flows. `__init__.pyi` says it to editors."""

_HOME: dict[str, str] = {
    **COMMANDS,
    "download_file": "galkeras.surveys.download.published",
    "load_model": "galkeras.models.folder",
    "read_latents": "galkeras.latents.table",
    "LatentTable": "galkeras.latents.table",
    "RecordSet": "galkeras.records.schema",
    "FitOptions": "galkeras.training.options",
    "AdaptOptions": "galkeras.training.options",
    "GalkerasError": "galkeras.io.errors",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    thing = getattr(import_module(_HOME[name]), name)
    if isinstance(thing, type):
        return thing
    from galkeras.io.arguments import checked

    return checked(thing)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
