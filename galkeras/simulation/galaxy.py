"""One galaxy, from its truth to its cutouts: what a worker does."""

__all__ = ["PAIR", "Settings", "Simulated", "simulate"]

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import fft

from galkeras.simulation.cosmos import draw_seed
from galkeras.simulation.defects import add_defect, draw_defect
from galkeras.simulation.fourier import Grid
from galkeras.simulation.sky import WITH_U, draw_sky
from galkeras.simulation.telescope import Conditions, draw_exposure, expose
from galkeras.simulation.truth import draw_truth, random_of
from galkeras.simulation.volunteers import catalog_row, clarity_of, no_votes, vote
from galkeras.surveys.facts import BANDS, PIXEL_SCALE, get_survey

PAIR = ("decals", "bass-mzls")
"""The surveys that are simulated unless others are asked for. Volunteers looked at the first."""

_MARGIN = 16.0
"""arcsec of sky around the frame: wings of what lies at its edge must not come back on the other side."""
_REACH = 12.0
"""The periodic sky spans at least this many half-light radii of the galaxy."""


@dataclass(frozen=True)
class Settings:
    """What decides the pixels of a mock sample.

    Attributes:
        seed: Of every random number.
        surveys: Names of the surveys, in the order in which they are written.
        size: Side of the cutouts in pixels.
        pixel_scale: A whole multiple of 0.262 arcsec.
        defects: Fraction of galaxies that are spoilt in one survey.
        seeds: Folder of a `galsim.RealGalaxyCatalog` whose galaxies are drawn instead of simulated ones, or None.
        conditions: How all surveys are observed. Volunteers saw the first survey as it is, whatever these are.
    """

    seed: int
    surveys: tuple[str, ...]
    size: int = 256
    pixel_scale: float = PIXEL_SCALE
    defects: float = 0.02
    seeds: str | None = None
    conditions: Conditions = field(default_factory=Conditions)

    @property
    def binning(self) -> int:
        """Pixels of 0.262 arcsec along a delivered pixel."""
        return round(self.pixel_scale / PIXEL_SCALE)


@dataclass(frozen=True)
class Simulated:
    """A galaxy's rows of the two tables and its images by survey, (bands, size, size) float32 nanomaggies.

    Nothing is in ``noise_free`` unless it was asked for.
    """

    catalog: dict[str, Any]
    truth: dict[str, Any]
    images: dict[str, np.ndarray]
    noise_free: dict[str, np.ndarray]


def simulate(settings: Settings, index: int, draw: bool = True, noise_free: bool = False) -> Simulated:
    """Simulate galaxy ``index``.

    With ``draw=False`` only the rows are made: for a galaxy whose cutouts exist already.
    """
    seed = settings.seed
    truth = draw_truth(seed, index)
    real = draw_seed(truth, settings.seeds, seed, index) if settings.seeds else None
    surveys = [get_survey(name) for name in settings.surveys]
    seen = {name: get_survey(name) for name in (PAIR[0], *settings.surveys)}
    exposures = {name: draw_exposure(survey, seed, index, truth["g_r"]) for name, survey in seen.items()}

    seeing = exposures[PAIR[0]]["r"].seeing
    clarity = clarity_of(truth, seeing)
    votes = no_votes() if real else vote(truth, clarity, random_of(seed, index, "votes"))
    catalog = catalog_row(truth, votes)
    exposures = {name: settings.conditions.applied(one) for name, one in exposures.items()}
    # Drawn over the usual pair, so that a galaxy's defect does not depend on which are asked for.
    defect, number = draw_defect(seed, index, settings.defects, len(PAIR))
    spoilt = PAIR[number] if defect else ""
    record = {"index": index, **truth, "clarity": clarity, "defect": defect, "defect_survey": spoilt}
    for name in settings.surveys:
        for band, exposure in exposures[name].items():
            record[f"{name}_{band}_seeing"] = exposure.seeing
            record[f"{name}_{band}_depth"] = exposure.depth
            record[f"{name}_{band}_zero_point"] = exposure.zero_point

    frame = settings.size * settings.pixel_scale
    side = max(frame + 2 * _MARGIN, _REACH * truth["radius"])
    grid = Grid(fft.next_fast_len(int(np.ceil(side / PIXEL_SCALE / 2)) * 2, real=True), PIXEL_SCALE)
    images, clean = {}, {}
    bands = WITH_U if any("u" in survey.bands for survey in surveys) else BANDS
    sky = draw_sky(truth, seed, index, grid, frame, real, bands)
    record |= sky.extra
    if draw:
        for survey in surveys:
            image, clean[survey.name] = expose(
                sky, survey, exposures[survey.name], settings.size, settings.binning, seed, index, noise_free
            )
            if spoilt == survey.name:
                add_defect(image, defect, settings.pixel_scale, seed, index)
            images[survey.name] = image
    return Simulated(catalog, record, images, clean if noise_free else {})
