"""What images are: bands by name, and which images a model can be given."""

from dataclasses import replace

import pytest

from galkeras.io.errors import GalkerasError
from galkeras.models.config import PAPER, ModelConfig
from galkeras.surveys.image import ImageSpec, Preparation, band_text, bands_of, in_order

SPEC = ImageSpec(64, "nanomaggy", ("g", "r", "z"), 0.262, Preparation(128, "area"))


@pytest.mark.parametrize(
    ("text", "bands", "written"),
    [
        ("grz", ("g", "r", "z"), "grz"),
        ("GRIZY", ("g", "r", "i", "z", "y"), "grizy"),
        ("VIS", ("vis",), "vis"),
        ("VIS, Y, J, H", ("vis", "y", "j", "h"), "vis,y,j,h"),
        ("r", ("r",), "r"),
        ("g r", ("g", "r"), "gr"),
        ("F606W", ("f606w",), "f606w"),
    ],
)
def test_bands_by_name(text, bands, written):
    assert bands_of(text) == bands and band_text(bands) == written
    assert bands_of(band_text(bands)) == bands


@pytest.mark.parametrize("text", ["", " ,", "ggr", "g,r,../z", "g" * 20, "1r"])
def test_strange_bands_are_refused(text):
    with pytest.raises(GalkerasError, match="`bands` must be"):
        bands_of(text)


def test_bands_are_ordered_by_wavelength():
    assert in_order("zgr") == ("g", "r", "z") and in_order(("h", "vis", "j")) == ("vis", "j", "h")
    assert in_order(("z", "f606w")) == ("z", "f606w")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": 128}, ("image size 128", "takes 64", "image_size=")),
        ({"units": "picture"}, ("units picture", "takes nanomaggy")),
        ({"bands": ("g", "r", "i")}, ("bands gri", "takes grz", "bands=grz")),
        ({"bands": ("vis",)}, ("bands vis", "takes grz")),
        ({"pixel_scale": 0.3}, ("pixel scale 0.3", "takes 0.262")),
        ({"preparation": Preparation(128, "area", "north")}, ("row 0 north", "takes south")),
        ({"preparation": Preparation(256, "area"), "pixel_scale": None}, ("crop of 256", "takes 128", "crop=128")),
    ],
)
def test_what_does_not_fit_is_named_with_both_values_and_the_fix(change, words):
    with pytest.raises(GalkerasError) as caught:
        SPEC.check(replace(SPEC, **change), "tfrecords/x")
    assert all(word in str(caught.value) for word in ("tfrecords/x has", *words))


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"pixel_scale": None},
        {"pixel_scale": 0.2621},
        {"preparation": None},
        {"preparation": Preparation(), "pixel_scale": None},
        {"preparation": Preparation(256, "area")},
    ],
)
def test_what_fits_is_taken(change):
    SPEC.check(replace(SPEC, **change), "tfrecords/x")


def test_bands_of_another_survey_must_agree_in_number():
    SPEC.check(replace(SPEC, bands=("g", "r", "i")), "x", same_survey=False)
    with pytest.raises(GalkerasError, match="has bands griz"):
        SPEC.check(replace(SPEC, bands=("g", "r", "i", "z")), "x", same_survey=False)
    for bands, asked in (("zrg", "grz"), ("irg", "gri"), ("gir", "gri")):
        with pytest.raises(GalkerasError, match=f"x has bands {bands}, and the model takes grz: .*bands={asked}"):
            SPEC.check(replace(SPEC, bands=tuple(bands)), "x", same_survey=False)
    # Of bands that are not known the order is the caller's to get right.
    replace(SPEC, bands=("z", "r", "g")).check(replace(SPEC, bands=("f814w", "f606w", "f435w")), "x", same_survey=False)


def test_settings_from_before_bands_were_written_down_are_of_grz():
    config = ModelConfig(64, "picture", ("decals",), (255.0,) * 3, latent_dim=40, **PAPER)
    old = config.to_json()
    for name in ("bands", "preparation", "questions", "votes_weight"):
        del old[name]
    assert ModelConfig.from_json(old) == config and config.images.bands == ("g", "r", "z")
    # And the digests of such models, which latents and forests hold, stay what they were.
    assert config.identity() == old


def test_preparation_survives_json():
    config = ModelConfig(
        64,
        "picture",
        ("euclid",),
        (255.0,),
        bands=("vis",),
        preparation=Preparation(128, "area"),
        latent_dim=40,
        **PAPER,
    )
    assert ModelConfig.from_json(config.to_json()) == config
    with pytest.raises(GalkerasError, match="`preparation` must be"):
        ModelConfig.from_json(config.to_json() | {"preparation": {"cut": 5}})
    with pytest.raises(GalkerasError, match="`ceiling` must be"):
        ModelConfig.from_json(config.to_json() | {"bands": ["vis", "y"]})
