import pytest

from galkeras.io.errors import GalkerasError
from galkeras.models.config import PAPER, ModelConfig

GOOD = {
    "image_size": 64,
    "units": "picture",
    "surveys": ("decals",),
    "ceiling": (255.0, 255.0, 255.0),
    "latent_dim": 40,
} | PAPER


def test_json_round_trip():
    config = ModelConfig(**GOOD | {"softening": (1.0, 2.0, 3.0), "units": "nanomaggy", "latent_dim": 7})
    assert ModelConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("image_size", 0),
        ("image_size", 100),
        ("image_size", 64.0),
        ("image_size", True),
        ("image_size", 10**9),
        ("network_size", 48),
        ("network_size", 128),
        ("units", "counts"),
        ("latent_dim", 0),
        ("architecture", "../paper"),
        ("loss", "rmse"),
        ("kl_weight", -1.0),
        ("kl_weight", float("nan")),
        ("surveys", ()),
        ("ceiling", (1.0, 2.0)),
        ("ceiling", (1.0, 2.0, 0.0)),
        ("softening", (1.0, 2.0, float("inf"))),
    ],
)
def test_a_bad_value_is_named(name, value):
    with pytest.raises(GalkerasError, match="must be") as caught:
        ModelConfig(**GOOD | {name: value})
    assert "Received" in str(caught.value)


@pytest.mark.parametrize("change", [{"extra": 1}, {"surveys": 5}, {"kl_weight": "1"}, {"latent_dim": None}])
def test_a_config_from_a_file_is_validated(change):
    with pytest.raises(GalkerasError):
        ModelConfig.from_json(ModelConfig(**GOOD).to_json() | change)


@pytest.mark.parametrize("value", [None, [], "x", {}])
def test_what_is_no_config_is_refused(value):
    with pytest.raises(GalkerasError):
        ModelConfig.from_json(value)
