import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from devices import run_on_devices
from kills import kill_after_an_epoch
from sky import write_survey

from galkeras.backend import tf
from galkeras.io.calls import Call
from galkeras.io.errors import GalkerasError
from galkeras.io.files import written_for
from galkeras.io.locks import locked
from galkeras.models.architectures import residual
from galkeras.models.folder import finish_folder, load_model, write_config
from galkeras.models.stored import StoredModel
from galkeras.models.vae import VAE
from galkeras.records.inspect import read_galaxies
from galkeras.records.make import make_tfrecords
from galkeras.records.reader import ordered_dataset
from galkeras.records.schema import RecordSet, split_of
from galkeras.training.fit import fit
from galkeras.training.history import read_history
from galkeras.training.run import model_folder
from galkeras.training.stored import read_training

# The paper's network is the quicker to trace.
SMALL = {"latent_dim": 4, "epochs": 4, "batch_size": 16, "architecture": "paper", "loss": "mse", "learning_rate": 1e-3}
FIGURES = {"losses.png", "reconstructions.png", "latents.png", "traversal.png", "samples.png"}


@pytest.fixture(scope="module")
def fitted(records, tmp_path_factory):
    out = tmp_path_factory.mktemp("models") / "vae"
    fit(records, out, **SMALL)
    return out


def test_the_folder_holds_everything(fitted):
    names = {path.name for path in fitted.iterdir()}
    assert FIGURES | {"config.json", "model.weights.h5", "history.csv", "summary.json", "tensorboard"} <= names
    with open(fitted / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    terms = {"loss", "elbo_loss", "reconstruction", "kl"}
    assert terms | {f"val_{term}" for term in terms} | {"epoch", "learning_rate"} <= set(rows[0])
    summary = json.loads((fitted / "summary.json").read_text())
    assert summary["latents"] == 4 and -1 <= summary["ssim"]["median"] <= 1 and summary["data_range"] == 1
    assert "noise" not in summary, "squared errors know no noise"


def test_it_learns(fitted):
    history = read_history(fitted)
    assert history[-1]["val_reconstruction"] < 0.9 * history[0]["val_reconstruction"]


def test_the_residual_network_learns_from_its_linear_start(records, tmp_path, monkeypatch, caplog):
    options = SMALL | {"architecture": "residual", "epochs": 6}
    model = fit(records, tmp_path / "m", **options)
    history = read_history(tmp_path / "m")
    # What was told of it: one scale in all lines, and at the end what came of it.
    said = [line for line in caplog.messages if line.startswith("epoch")]
    assert [f"  elbo_loss {row['elbo_loss']:.4g}  val_elbo_loss {row['val_elbo_loss']:.4g}  " in line
            for row, line in zip(history, said, strict=True)] == [True] * 6  # fmt: skip
    best = min(history, key=lambda row: row["val_elbo_loss"])
    told = f"{tmp_path / 'm'}: best epoch {best['epoch']:.0f} of 6 ({best['val_elbo_loss']:.4g} mse), SSIM 0."
    assert caplog.messages[-1].startswith(told)
    assert re.search(r" of 9 test galaxies, \d of 4 latents active, KL [\d.]+ nats$", caplog.messages[-1])
    assert min(row["val_elbo_loss"] for row in history[1:]) < history[0]["val_elbo_loss"]
    # What a kill after the last epoch leaves behind: from there a run goes on, without looking for the start again.
    (tmp_path / "m" / "model.weights.h5").unlink()
    monkeypatch.delattr(residual, "start_from_principal_components")
    assert fit(records, tmp_path / "m", **options, resume=True).digest == model.digest


def test_the_weights_kept_are_those_of_the_best_epoch(fitted, records):
    model, records = load_model(fitted), RecordSet.load(records)
    best = min(row["val_elbo_loss"] for row in read_history(fitted))
    seed = tf.constant([0, -1])
    losses = [
        model.losses_per_image(batch["image"], seed)["elbo_loss"]
        for batch in ordered_dataset(records, ("validation",), 16)
    ]
    np.testing.assert_allclose(np.mean(np.concatenate(losses)), best, rtol=1e-3)


def test_the_same_seed_gives_the_same_weights_and_another_does_not(fitted, records, tmp_path):
    again = fit(records, tmp_path / "again", **SMALL)
    assert again.digest == load_model(fitted).digest
    assert again.learned_from == load_model(fitted).learned_from == {RecordSet.load(records).digest}
    assert fit(records, tmp_path / "other", **SMALL, seed=1).digest != again.digest


def test_a_killed_run_resumes_to_the_weights_of_an_uninterrupted_one(fitted, records, tmp_path):
    out = tmp_path / "killed"
    options = "--latent 4 --epochs 4 --batch-size 16 --architecture paper --loss mse --learning-rate 1e-3".split()
    command = [sys.executable, "-c", "from galkeras.cli import main; main()", "fit", records, "--out", out, *options]
    kill_after_an_epoch(command, out)
    with pytest.raises(GalkerasError, match="fit.resume=True"):
        load_model(out)
    with pytest.raises(GalkerasError, match="`resume=True` goes on with it, `overwrite=True` replaces it"):
        fit(records, out, **SMALL)
    with pytest.raises(GalkerasError, match="latent_dim=4, not 5"):
        fit(records, out, **SMALL | {"latent_dim": 5}, resume=True)
    assert fit(records, out, **SMALL, resume=True).digest == load_model(fitted).digest


def test_resuming_a_finished_run_changes_nothing(fitted, records):
    before = (fitted / "model.weights.h5").stat().st_mtime_ns
    assert fit(records, fitted, **SMALL, resume=True).digest == load_model(fitted).digest
    assert (fitted / "model.weights.h5").stat().st_mtime_ns == before


def test_a_run_goes_on_to_more_epochs_and_is_replaced_on_demand_alone(records, tmp_path):
    out, longer = tmp_path / "m", SMALL | {"epochs": 2}
    first = fit(records, out, **SMALL | {"epochs": 1})
    second = fit(records, out, **longer, resume=True)
    assert [row["epoch"] for row in read_history(out)] == [1, 2] and second.digest != first.digest
    assert StoredModel.load(out).training["epochs"] == 2 and load_model(out).digest == second.digest
    with pytest.raises(GalkerasError, match="begun with epochs=2, not 1: give no less, to go on"):
        fit(records, out, **SMALL | {"epochs": 1}, resume=True)
    with pytest.raises(GalkerasError, match="`resume=True` goes on with what `overwrite=True` removes"):
        fit(records, out, **longer, resume=True, overwrite=True)
    (out / "1").mkdir()
    # Killed as it began to go on: the folder is unfinished, and the run is not lost.
    (out / "model.weights.h5").unlink()
    assert fit(records, out, **longer, resume=True).digest == second.digest
    again = fit(records, out, **SMALL | {"epochs": 1}, overwrite=True)
    assert len(read_history(out)) == 1 and again.digest == first.digest and (out / "1").is_dir()


def test_a_fit_starts_from_another_model(fitted, records, tmp_path):
    old, out = load_model(fitted), tmp_path / "m"
    less = SMALL | {"epochs": 1, "learning_rate": 1e-6}
    new = fit(records, out, **less | {"loss": "mae"}, warm_start=fitted)
    assert new.config.ceiling == old.config.ceiling and new.config.loss == "mae"
    for mine, its in zip(new.encoder.get_weights(), old.encoder.get_weights(), strict=True):
        np.testing.assert_allclose(mine, its, atol=1e-4)
    assert StoredModel.load(out).training["warm_start"] == old.digest
    with pytest.raises(GalkerasError, match="begun with warm_start="):
        fit(records, out, **less | {"loss": "mae"}, resume=True)
    other = less | {"latent_dim": 5, "architecture": "upright", "image_size": 32}
    with pytest.raises(GalkerasError, match="give `architecture=paper`, `latent_dim=4`, `image_size=64`"):
        fit(records, tmp_path / "n", **other, warm_start=fitted)
    config = replace(old.config, questions=(("ring", ("no", "yes")),))
    write_config(tmp_path / "voted", config, {})
    finish_folder(tmp_path / "voted", VAE(config))
    with pytest.raises(GalkerasError, match=r"voted learned from votes \(ring\), .* give a `catalog`"):
        fit(records, tmp_path / "n", **less, warm_start=tmp_path / "voted")


def test_a_run_that_learns_from_votes_goes_on(fitted, tmp_path):
    config = replace(load_model(fitted).config, questions=(("ring", ("no", "yes")),))
    training, call = read_training(fitted), Call("fit", {})
    with model_folder(tmp_path / "m", config, training, call, resume=False) as unfinished:
        assert unfinished
    with model_folder(tmp_path / "m", config, training, call, resume=True) as unfinished:
        assert unfinished
    other = replace(config, questions=(("ring", ("no", "perhaps")),))
    with (
        pytest.raises(GalkerasError, match="begun with questions="),
        model_folder(tmp_path / "m", other, training, call, resume=True),
    ):
        pass


def test_a_second_run_in_the_folder_is_refused_and_left_overs_of_a_kill_are_not(records, tmp_path):
    out = tmp_path / "m"
    out.mkdir()
    with locked(out, "fit"), pytest.raises(GalkerasError, match="another fit or adapt is writing"):
        fit(records, out, **SMALL | {"epochs": 1})
    assert not list(out.iterdir())
    # Killed while it wrote its config.
    (out / ".config.12345.part.json").write_text("{")
    assert written_for(".config.12345.part.json") == "config.json"
    fit(records, out, **SMALL | {"epochs": 1})
    assert not [path for path in out.iterdir() if "part" in path.name]


def test_a_flipped_byte_in_the_weights_is_seen(fitted, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(fitted, copy)
    weights = copy / "model.weights.h5"
    whole = weights.read_bytes()
    for place in range(0, len(whole), len(whole) // 40):
        weights.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(GalkerasError, match=r"model.weights.h5 is damaged: its SHA-256"):
            load_model(copy)
    weights.write_bytes(whole)
    assert load_model(copy).digest == load_model(fitted).digest


def test_two_devices_do_what_one_does_with_the_whole_batch(fitted, records, tmp_path):
    run_on_devices(
        2,
        f"from galkeras.training.fit import fit\nfit({str(records)!r}, {str(tmp_path / 'two')!r}, **{SMALL!r})",
    )
    one, two = read_history(fitted), read_history(tmp_path / "two")
    for column in ("loss", "reconstruction", "kl", "val_elbo_loss"):
        np.testing.assert_allclose([r[column] for r in two], [r[column] for r in one], rtol=2e-3)


def test_patience_stops_a_run(records, tmp_path):
    fit(records, tmp_path / "m", **SMALL | {"epochs": 40, "learning_rate": 1e-9, "patience": 2})
    assert len(read_history(tmp_path / "m")) < 40


def test_a_collapsed_run_says_what_to_change(records, tmp_path):
    with pytest.warns(UserWarning, match="`kl_weight`"):
        fit(records, tmp_path / "m", **SMALL | {"kl_weight": 1e4})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latent_dim": 0}, "`latent_dim` must be a whole number"),
        ({"image_size": 48}, "network_size"),
        ({"loss": "rmse"}, "loss"),
        ({"epochs": 0}, "epochs"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_settings_are_named_and_nothing_is_written(records, tmp_path, options, message):
    with pytest.raises(GalkerasError, match=message):
        fit(records, tmp_path / "m", **options)
    assert not (tmp_path / "m").exists()


def test_a_folder_that_holds_something_else_is_left_alone(records, tmp_path):
    (tmp_path / "thesis.tex").write_text("do not lose this")
    with pytest.raises(GalkerasError, match="not empty"):
        fit(records, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_in_the_way_is_called_a_file(records, tmp_path):
    (tmp_path / "vae").write_text("do not lose this")
    with pytest.raises(GalkerasError, match="vae is a file"):
        fit(records, tmp_path / "vae", **SMALL)
    assert (tmp_path / "vae").read_text() == "do not lose this"


def test_ctrl_c_says_how_to_go_on(records, tmp_path):
    out = tmp_path / "m"
    command = [sys.executable, "-c", "from galkeras.cli import main; main()", "fit", records, "--out", out]
    command += "--latent 4 --epochs 1000 --batch-size 16 --architecture paper".split()
    process = subprocess.Popen(command, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (out / "checkpoints" / "last.weights.h5").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume" in stdout and stderr.strip().endswith("galkeras: interrupted")
    assert "Traceback" not in stderr


def test_a_set_without_validation_galaxies_is_refused(tmp_path):
    catalog, cutouts = write_survey(tmp_path, 3, 64)
    make_tfrecords(catalog, cutouts, tmp_path / "records", workers=1)
    with pytest.raises(GalkerasError, match="validation"):
        fit(tmp_path / "records", tmp_path / "m", **SMALL)


def test_a_loss_that_is_no_number_names_the_batch_and_keeps_the_last_good_weights(records, tmp_path, monkeypatch):
    galaxies = RecordSet.load(records)
    culprit = next(one for one in read_galaxies(galaxies) if split_of(one.id) == "train")
    steps = galaxies.count("train") // SMALL["batch_size"]
    plain = VAE.losses_per_image

    def poisoned(self, images, seed, *others, **how):
        terms = plain(self, images, seed, *others, **how)
        # What turning an image leaves as it is.
        found = tf.reduce_max(images, (1, 2, 3)) == float(culprit.image.max())
        spoilt = found & (seed[1] >= steps)
        return terms | {"loss": tf.where(spoilt, float("nan"), terms["loss"])}

    monkeypatch.setattr(VAE, "losses_per_image", poisoned)
    with pytest.raises(GalkerasError, match=r"the loss is nan in epoch 2, .*weights of epoch 1 are kept") as told:
        fit(records, tmp_path / "m", **SMALL | {"epochs": 2})
    named = str(told.value).partition("The batch: ")[2].split(", ")
    assert culprit.id in named and len(named) == SMALL["batch_size"] < galaxies.count("train")
    monkeypatch.undo()
    fit(records, tmp_path / "m", **SMALL | {"epochs": 2}, resume=True)
    assert len(read_history(tmp_path / "m")) == 2
