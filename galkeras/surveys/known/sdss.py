"""The imaging of the Sloan Digital Sky Survey, whose pictures show g, r and i."""

__all__: list[str] = []

from galkeras.surveys.facts import Band, Survey, add_survey

_PIXELS = 0.396

# Median seeing in r from https://www.sdss.org/dr7/products/general/seeing.html (1.43 arcsec of effective width; 1.32 of
# FWHM), a little more in u and g and less in i and z. Depths are the limiting magnitudes of the survey's own constants,
# 22.3, 23.3, 23.1, 22.3 and 20.8, where those are of point sources, and 0.4 mag brighter for a small galaxy: about
# right. The sky is 20.9 in r by the same page.
add_survey(
    Survey(
        name="sdss",
        title="SDSS",
        header="SDSS",
        bands={
            "u": Band(1.53, 21.9, _PIXELS, sky=22.1),
            "g": Band(1.44, 22.9, _PIXELS, sky=21.9),
            "r": Band(1.32, 22.5, _PIXELS, sky=20.9),
            "i": Band(1.26, 21.9, _PIXELS, sky=20.3),
            "z": Band(1.29, 20.4, _PIXELS, sky=19.0),
        },
        layer="sdss",
        number=2,
        picture_bands=("g", "r", "i"),
        # The cutout service writes SDSS; images of the survey's own archive call it so too, some with the release.
        recognises=lambda survey, version: survey == "sdss" or survey.startswith("sdss "),
    )
)
