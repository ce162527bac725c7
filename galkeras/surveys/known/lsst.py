"""The Legacy Survey of Space and Time of the Rubin Observatory, after its ten years."""

__all__: list[str] = []

from galkeras.surveys.facts import Band, Survey, add_survey

_PIXELS = 0.2
_SCATTER = 0.03
"""A stack of 56 to 184 visits a band has hardly better or worse air than the next."""

# About right, after Table 2 of Ivezic et al. 2019 (ApJ 873, 111). The seeing is their effective width at the zenith,
# which is about the FWHM at a typical airmass of 1.2. Depths are those of the stack of ten years (26.1, 27.4, 27.5,
# 26.8, 26.1 and 24.9 at 5 sigma for point sources), 0.4 mag brighter for a small galaxy. The sky is that of a dark
# night.
add_survey(
    Survey(
        name="lsst",
        title="Rubin LSST",
        header="LSST",
        bands={
            "u": Band(0.92, 25.7, _PIXELS, seeing_scatter=_SCATTER, sky=23.0),
            "g": Band(0.87, 27.0, _PIXELS, seeing_scatter=_SCATTER, sky=22.3),
            "r": Band(0.83, 27.1, _PIXELS, seeing_scatter=_SCATTER, sky=21.2),
            "i": Band(0.80, 26.4, _PIXELS, seeing_scatter=_SCATTER, sky=20.5),
            "z": Band(0.78, 25.7, _PIXELS, seeing_scatter=_SCATTER, sky=19.6),
            "y": Band(0.76, 24.5, _PIXELS, seeing_scatter=_SCATTER, sky=18.6),
        },
        number=5,
        picture_bands=("g", "r", "i"),
        recognises=lambda survey, version: survey == "lsst" or survey.startswith("lsst "),
    )
)
