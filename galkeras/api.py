"""Every command as a function of the same name, loaded when first used: ``from galkeras.api import fit``.

>>> from galkeras.api import make_tfrecords, fit, encode, classify  # doctest: +SKIP
"""

from importlib import import_module
from typing import Any

_HOME: dict[str, str] = {
    "mock": "galkeras.simulation.survey_pair",
    "make_tfrecords": "galkeras.records.make",
    "inspect": "galkeras.records.inspect",
    "fit": "galkeras.training.fit",
    "scan": "galkeras.evaluation.scan.scan",
    "adapt": "galkeras.training.adapt",
    "encode": "galkeras.latents.encode",
    "classify": "galkeras.morphology.classify",
    "predict": "galkeras.morphology.predict",
    "generate": "galkeras.discovery.generate",
    "shift": "galkeras.evaluation.shift.shift",
    "outliers": "galkeras.discovery.outliers",
    "similar": "galkeras.discovery.similar",
    "explore": "galkeras.discovery.explore",
    "report": "galkeras.reporting.report",
    "export": "galkeras.serving.export",
    "request": "galkeras.serving.request",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
