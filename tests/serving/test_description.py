"""What a served model says of itself comes back, and what another says is refused by its field."""

import json

import pytest

from galkeras.io.errors import GalkerasError
from galkeras.serving.description import Asked, Description, Input

TAKES = Input(64, ("g", "r", "z"), "nanomaggy", 0.262, ("decals",))
ABOUT = Description(
    galkeras="0.1.0",
    name="vae",
    version=3,
    model="a" * 64,
    latent_dim=40,
    input=TAKES,
    stretch={"softening": None, "ceiling": [4.0, 4.0, 4.0], "data_range": 1.0},
    domains=("",),
    views=8,
    questions={"bar": Asked("Bar", ("no", "weak", "strong"))},
    votes=True,
)


def test_a_description_comes_back():
    value = json.loads(json.dumps(ABOUT.to_json()))
    assert value["format"] == 1 and Description.from_text(json.dumps(value)) == ABOUT
    # Of before there were formats, votes and preparations.
    del value["format"], value["votes"], value["input"]["preparation"]
    older = Description.from_text(json.dumps(value))
    assert not older.votes and older.input == TAKES


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": "3"}, "`version` must be a whole number. Received: '3'"),
        ({"input": {"image_size": 64}}, "`input.bands` is missing"),
        ({"domains": []}, "`domains` and `input.surveys` must not be empty"),
        ({"format": 2}, "`format` must be 1. Received: 2"),
    ],
)
def test_a_damaged_description_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        Description.from_text(json.dumps(ABOUT.to_json() | change))


def test_a_foreign_description_is_refused():
    for text in ("[]", '{"name": "vae"}', "<html>"):
        with pytest.raises(ValueError):
            Description.from_text(text)
    strange = ABOUT.to_json()["input"] | {"units": "jansky"}
    with pytest.raises(GalkerasError, match="`units` must be"):
        Description.from_text(json.dumps(ABOUT.to_json() | {"input": strange}))
