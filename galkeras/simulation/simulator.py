"""The one place that imports GalSim, so that a missing one is told in one line."""

__all__ = ["galsim"]

from galkeras.io.errors import missing_extra

try:
    import galsim
except ImportError:
    raise missing_extra("galsim", "mock") from None
