"""DECaLS: the Legacy Surveys south of declination 32, taken with DECam."""

__all__: list[str] = []

import re

from galkeras.surveys.facts import Band, Survey, add_survey


def _recognises(survey: str, version: str) -> bool:
    # VERSION tells: the cutout service writes SURVEY = DECaLS for both halves of DR9, and ``DR9`` alone for a mixture
    # that changes source with declination. Before DR8 there were no halves.
    return version.endswith("-south") or (survey == "decals" and bool(re.fullmatch(r"(dr[1-7]\b.*)?", version)))


# Seeing and depth after Dey et al. 2019 (AJ 157, 168), to be taken as about right. The truth's fluxes are DECam's.
add_survey(
    Survey(
        name="decals",
        title="DECaLS",
        layer="ls-dr9-south",
        header="DECaLS",
        version="DR9-south",
        bands={"g": Band(1.29, 23.95), "r": Band(1.18, 23.54), "z": Band(1.11, 22.50)},
        number=0,
        recognises=_recognises,
    )
)
