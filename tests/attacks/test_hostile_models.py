"""Model folders made to do harm: each is one line."""

import json
import os

import pytest
from attacks import hostile

from galkeras.io.errors import GalkerasError
from galkeras.models.config import ModelConfig
from galkeras.models.folder import CONFIG_FILE, WEIGHTS_FILE, load_model, write_config
from galkeras.models.stored import StoredModel

CONFIG = ModelConfig(
    image_size=64,
    units="nanomaggy",
    surveys=("decals",),
    ceiling=(1.0, 1.0, 1.0),
    latent_dim=4,
    architecture="paper",
    loss="mse",
    kl_weight=1.0,
    focus=None,
)


@pytest.mark.parametrize("name", hostile.CONFIGS)
def test_a_config_is_told_in_one_line(tmp_path, name):
    write_config(tmp_path, CONFIG, {})
    text = json.dumps({k: v for k, v in json.loads((tmp_path / CONFIG_FILE).read_text()).items() if k != "sha256"})
    hostile_text = hostile.CONFIGS[name](text)
    assert hostile_text != text
    (tmp_path / CONFIG_FILE).write_text(hostile_text)
    (tmp_path / WEIGHTS_FILE).write_bytes(b"")
    with pytest.raises(GalkerasError, match=r"config\.json|model setting|`pixel_scale`") as told:
        load_model(tmp_path)
    assert "\n" not in str(told.value)


def test_pipes_are_not_waited_for(tmp_path):
    write_config(tmp_path, CONFIG, {})
    os.mkfifo(tmp_path / WEIGHTS_FILE)
    with pytest.raises(GalkerasError, match="model.weights.h5 is missing"):
        load_model(tmp_path)
    (tmp_path / CONFIG_FILE).unlink()
    os.mkfifo(tmp_path / CONFIG_FILE)
    with pytest.raises(GalkerasError, match="config.json is no file"):
        StoredModel.load(tmp_path)
