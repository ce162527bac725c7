"""BASS and MzLS: the Legacy Surveys north of declination 32, g and r with 90prime and z with Mosaic-3."""

__all__: list[str] = []

from galkeras.surveys.facts import Band, Survey, add_survey


def _recognises(survey: str, version: str) -> bool:
    # The cutout service writes SURVEY = DECaLS for both halves of DR9: VERSION tells.
    return version.endswith("-north") or (not version.endswith("-south") and ("bass" in survey or "mzls" in survey))


# Seeing and depth after Dey et al. 2019 (AJ 157, 168), to be taken as about right. The filters differ a little from
# DECam's: zero points and colour terms are of the size of the terms there, not their values. 90prime has the widest
# wings, and observed through worse nights and better ones.
add_survey(
    Survey(
        name="bass-mzls",
        title="BASS+MzLS",
        layer="ls-dr9-north",
        header="DECaLS",
        version="DR9-north",
        bands={
            "g": Band(1.61, 23.65, 0.454, zero_point=0.045, colour_term=0.07, beta=2.8, seeing_scatter=0.14),
            "r": Band(1.47, 23.08, 0.454, zero_point=0.015, colour_term=0.02, beta=2.8, seeing_scatter=0.14),
            "z": Band(1.01, 22.60, zero_point=-0.015, colour_term=-0.01),
        },
        number=1,
        recognises=_recognises,
    )
)
