"""The Wide layer of the Hyper Suprime-Cam Subaru Strategic Program."""

__all__: list[str] = []

from galkeras.surveys.facts import Band, Survey, add_survey

_PIXELS = 0.168

# About right: seeing and 5-sigma depths of point sources after the second data release (Aihara et al. 2019, PASJ 71,
# 114: 0.6 arcsec in i, about 26 mag), depths 0.5 mag brighter for a small galaxy. The sky is that of a dark night.
add_survey(
    Survey(
        name="hsc",
        title="HSC-SSP Wide",
        header="HSC",
        bands={
            "g": Band(0.77, 26.1, _PIXELS, sky=22.1),
            "r": Band(0.76, 25.7, _PIXELS, sky=21.1),
            "i": Band(0.58, 25.7, _PIXELS, sky=20.1),
            "z": Band(0.68, 24.8, _PIXELS, sky=19.3),
            "y": Band(0.68, 24.0, _PIXELS, sky=18.2),
        },
        layer="hsc-dr2",
        number=3,
        recognises=lambda survey, version: survey.startswith("hsc"),
    )
)
