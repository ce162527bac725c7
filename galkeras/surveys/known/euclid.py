"""The Euclid Wide Survey: VIS, and Y, J and H of NISP."""

__all__: list[str] = []

from galkeras.surveys.facts import Band, Survey, add_survey

_NISP = 0.3

# About right. VIS: 0.16 arcsec, and 25.6 mag at 10 sigma in 1.3 arcsec (Euclid Quick Release Q1, arXiv:2503.15303),
# which is 25.9 at 5 sigma for a small galaxy. NISP: 24.5 mag at 5 sigma for point sources and 0.3 arcsec a pixel
# (arXiv:2405.13493), 0.4 mag brighter for a small galaxy. The sky is zodiacal light.
add_survey(
    Survey(
        name="euclid",
        title="Euclid",
        header="Euclid",
        bands={
            "vis": Band(0.16, 25.9, 0.1, sky=22.3),
            "y": Band(0.33, 24.1, _NISP, sky=22.1),
            "j": Band(0.34, 24.1, _NISP, sky=22.1),
            "h": Band(0.35, 24.1, _NISP, sky=22.2),
        },
        number=4,
        picture_bands=("vis", "y", "h"),
    )
)
