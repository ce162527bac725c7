"""config.json and summary.json: what fit and adapt write comes back, and what they did not is refused by its field."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from galkeras.io.errors import GalkerasError
from galkeras.io.files import write_json
from galkeras.models.stored import StoredModel
from galkeras.training.stored import (
    AdaptationTraining,
    AdaptSummary,
    FitSummary,
    Quantiles,
    TrainingConfig,
    read_training,
)

COMMON = {
    "split": "test",
    "ssim_window": "Gaussian",
    "data_range": 1.0,
    "latents": 2,
    "active_units": 1,
    "collapsed": False,
    "digest": "a" * 64,
}
SCORES = Quantiles.of(np.linspace(0, 1, 11))
FIT = FitSummary(**COMMON, galaxies=11, ssim=SCORES, mse=SCORES, kl=1.5, kl_per_latent=(1.0, 0.5))
NOISY = replace(FIT, noise={"g": 0.02149, "r": 0.019})
ADAPT = AdaptSummary(**COMMON, galaxies={"source": 4, "target": 7}, ssim={"source": SCORES, "target": SCORES})


@pytest.mark.parametrize("summary", [FIT, NOISY, ADAPT])
def test_a_summary_comes_back(summary, tmp_path):
    summary.save(tmp_path)
    assert type(summary).load(tmp_path) == summary and summary.scored == 11
    assert set(summary.ssim_by_survey.values()) == {SCORES}
    value = json.loads((tmp_path / "summary.json").read_text())
    assert value.pop("format") == 1 and ("noise" in value) == (summary is NOISY)
    write_json(tmp_path / "summary.json", value)
    assert type(summary).load(tmp_path) == summary, "a file of before there were formats"


@pytest.mark.parametrize(
    ("summary", "change", "message"),
    [
        (FIT, {"digest": None}, "`galkeras fit` writes: `digest` must be text. Received: None"),
        (FIT, {"ssim": {"mean": 0.5}}, "`ssim.p5` is missing"),
        (FIT, {"kl_per_latent": [1.0]}, "`kl_per_latent` must be 2 values. Received: 1"),
        (FIT, {"active_units": 1.5}, "`active_units` must be a whole number"),
        (FIT, {"noise": [0.02]}, "`noise` must be an object"),
        (FIT, {"noise": {"g": "0.02"}}, "`noise.g` must be a number"),
        (FIT, {"format": 2}, "`format` must be 1. Received: 2"),
        (ADAPT, {"collapsed": 0}, "`galkeras adapt` writes: `collapsed` must be true or false"),
        (ADAPT, {"galaxies": {"source": 4}}, "`galaxies.target` is missing"),
        (ADAPT, {"ssim": {"source": 1}}, "`ssim.source` must be an object"),
    ],
)
def test_a_damaged_summary_is_named(summary, change, message, tmp_path):
    summary.save(tmp_path)
    write_json(tmp_path / "summary.json", json.loads((tmp_path / "summary.json").read_text()) | change)
    with pytest.raises(GalkerasError, match="summary.json is not what .*" + message):
        type(summary).load(tmp_path)


def test_the_line_tells_the_noise_where_one_was_learned():
    assert FIT.line.endswith("KL 1.5 nats") and NOISY.line == f"{FIT.line}, noise 0.021, 0.019"


def test_a_foreign_summary_is_refused(tmp_path):
    with pytest.raises(GalkerasError, match="summary.json does not exist"):
        FitSummary.load(tmp_path)
    for written, read in ((FIT, AdaptSummary), (ADAPT, FitSummary)):
        written.save(tmp_path)
        with pytest.raises(GalkerasError, match="summary.json is not what .*: `galaxies` must be "):
            read.load(tmp_path)
    write_json(tmp_path / "summary.json", [])
    with pytest.raises(GalkerasError, match="`the whole` must be an object"):
        FitSummary.load(tmp_path)


@pytest.mark.parametrize(
    ("kind", "training"),
    [
        ("vae", TrainingConfig(records="r", epochs=3, learning_rate=1e-3)),
        ("domain-adaptation", AdaptationTraining(records="r", target_records="t", paired=False)),
        ("domain-adaptation", AdaptationTraining(records="r", target_records="t", more_targets=("u", "v"))),
    ],
)
def test_a_model_and_its_training_come_back(kind, training, tmp_path):
    # As JSON has them: lists.
    model, how = json.loads(json.dumps([{"latent_dim": 2, "questions": [["bar", ["yes", "no"]]]}, asdict(training)]))
    stored = StoredModel(kind, model, how)
    stored.save(tmp_path)
    assert StoredModel.load(tmp_path) == stored and stored.questions == {"bar": ("yes", "no")}
    assert stored.adapted == (kind != "vae") and read_training(tmp_path) == training
    # What a later setting was not written down for has its default.
    StoredModel(kind, {}, {"records": "r"}).save(tmp_path)
    assert read_training(tmp_path) == type(training)(records="r")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "gan"}, "config.json is not what .* or `galkeras adapt` writes: `kind` must be one of vae, "),
        ({"model": {"questions": [["bar"]]}}, r"config.json is not .*`model.questions\[0\]` must be 2 values"),
        ({"weights_sha256": 3}, "`weights_sha256` must be text. Received: 3"),
        ({"training": {}}, "config.json: `training.records` is missing"),
        ({"training": {"records": "r", "epochs": "3"}}, "config.json: `training.epochs` must be a whole number"),
        ({"training": {"records": "r", "epochs": 0}}, "config.json: `epochs` must be 1 or more"),
    ],
)
def test_a_damaged_config_is_named(change, message, tmp_path):
    value = {"format": 1, "kind": "vae", "model": {}, "training": {"records": "r"}}
    write_json(tmp_path / "config.json", value | change)
    with pytest.raises(GalkerasError, match=message):
        read_training(tmp_path)
