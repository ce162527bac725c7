import csv
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table
from sky import galaxy, write_csv, write_fits
from typer.testing import CliRunner

from galkeras import cli
from galkeras.evaluation.shift.result import Shift
from galkeras.evaluation.shift.shift import shift
from galkeras.galaxyzoo.trees.gzd5 import GZD5
from galkeras.io.errors import GalkerasError
from galkeras.io.files import write_json
from galkeras.latents.encode import encode
from galkeras.models.adapters.domain_adaptation import AdaptationConfig, DomainAdaptationVAE
from galkeras.models.config import PAPER, PAPER_ADAPTATION, ModelConfig
from galkeras.models.folder import WEIGHTS_FILE, write_config, write_weights
from galkeras.models.vae import VAE
from galkeras.morphology.classify import classify
from galkeras.records.make import make_tfrecords
from galkeras.training.adapt import adapt

IDS = range(150)
SETTINGS = {
    "image_size": 64,
    "units": "nanomaggy",
    "ceiling": (4.0,) * 3,
    "latent_dim": 4,
    "pixel_scale": 0.262,
} | PAPER


def survey(folder, name, ids, scale):
    header = {} if name == "decals" else {"VERSION": "DR9-north"}
    for i in ids:
        write_fits(folder / "cutouts" / f"g{i:03d}.fits", scale * galaxy(64, i), **header)
    columns = {"id": [f"g{i:03d}" for i in ids], "ra": [10 + i / 10 for i in ids], "dec": [33] * len(ids)}
    write_csv(folder / "catalog.csv", columns)
    make_tfrecords(folder / "catalog.csv", folder / "cutouts", folder / "records", survey=name, workers=1)
    return folder / "records"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    sets = {name: survey(folder / name, name, IDS, scale) for name, scale in (("decals", 1.0), ("bass-mzls", 0.5))}
    vae = VAE(ModelConfig(surveys=("decals",), **SETTINGS))
    adapted = DomainAdaptationVAE(AdaptationConfig(surveys=("decals", "bass-mzls"), **SETTINGS, **PAPER_ADAPTATION))
    for name, model in (("vae", vae), ("da", adapted)):
        (folder / name).mkdir()
        write_config(folder / name, model.config, {})
        write_weights(folder / name / WEIGHTS_FILE, model)
    columns = {"id": [f"g{i:03d}" for i in IDS]}
    for question in GZD5.questions.values():
        for number, answer in enumerate(question.answers):
            # All are smooth, every other one round and the rest in between.
            chosen = [float((i % 2 if question.name == "how-rounded" else 0) == number) for i in IDS]
            columns[f"{question.name}_{answer}_fraction"] = chosen
    Table(columns).write(folder / "votes.csv")
    return folder, *sets.values()


@pytest.fixture(scope="module")
def forests(world):
    """Forests of the VAE's latents of half of the galaxies."""
    folder, decals, _ = world
    encode(folder / "vae", decals, folder / "z.parquet")
    classify(folder / "z.parquet", folder / "votes.csv", folder / "forests")
    return folder / "forests"


def test_before_and_after_are_scored_and_written(world, tmp_path):
    folder, decals, bass = world
    out = tmp_path / "shift"
    words = f"{folder / 'da'} {decals} {bass} --before {folder / 'vae'} --catalog {folder / 'votes.csv'} --split all"
    done = CliRunner().invoke(cli.app, ["shift", *words.split(), "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0
    found = Shift.load(out)
    assert found.call.line(out) == f"galkeras shift {words} --out {out}"
    assert set(found.scores) == {"before", "after"} and found.paired
    assert found.scores["before"].source == found.scores["before"].target == 150
    # Half the light is a shift that an untrained encoder sees at once.
    assert found.scores["before"].auc > 0.7
    names = {path.name for path in out.iterdir()}
    assert {"shift.json", "shift.md", "shift.png", "alike.png", "different.png", "outside.csv"} <= names
    assert json.loads((out / "shift.json").read_text())["scores"]["after"]["auc"] == found.scores["after"].auc
    assert "refitted" in found.markdown() and found.questions
    titles = [one.title for one in found.compared]
    assert titles[:4] == ["before", "before, median and MAD a latent", "before, CORAL", "before, ridge regression"]
    assert titles[4] == "after" and len(titles) == 8
    # Nothing is left to fit forests on, and none were given.
    assert all(one.drop is None and one.within_pair is not None for one in found.compared)
    assert "Beside what needs no network" in found.markdown()
    assert Shift.load(out).compared == found.compared and Shift.load(out).recovery == found.recovery
    assert found.support.keys() == found.residuals.keys() == {"before", "after"}
    # Without a training split one half of the pairs is what the other is judged by.
    assert all(one.reference == one.judged == 75 for one in found.support.values())
    assert all(one.galaxies == 150 for both in found.residuals.values() for one in both.values())
    with open(out / "outside.csv", newline="") as file:
        outside = [(row["id"], float(row["distance"])) for row in csv.DictReader(file)]
    assert len(outside) == round(75 * found.support["after"].outside)
    assert outside == sorted(outside, key=lambda row: -row[1]) and all(distance > 1 for _, distance in outside)
    assert (out / "outside.png").exists() == bool(outside)
    assert "reconstruction error of the target over its noise" in (out / "shift.md").read_text()


def test_only_held_out_galaxies_are_scored(world, tmp_path):
    folder, decals, bass = world
    with pytest.raises(GalkerasError, match="too few galaxies .* in pairs"):
        shift(folder / "da", decals, bass, tmp_path)


def test_forests_of_either_model_are_told_by_their_digest(world, forests, tmp_path):
    folder, decals, bass = world
    found = shift(
        folder / "da",
        decals,
        bass,
        tmp_path / "shift",
        before=folder / "vae",
        catalog=folder / "votes.csv",
        forests=[forests],
        split="all",
    )
    # Forests for the adapted model were not given, and all its galaxies are tested.
    assert "target before" in found.questions[0].accuracy and "target after" not in found.questions[0].accuracy
    assert all((one.drop is None) == (one.stage == "after") for one in found.compared)
    # They learned from most of the source galaxies, and what the others show is too little.
    assert set(found.expected) == {"before"} and found.verdict
    assert f"Does it hold?\n\n{found.verdict}" in (tmp_path / "shift" / "shift.md").read_text()
    assert Shift.load(tmp_path / "shift").expected == found.expected
    told = found.expected["before"]
    (low, high), drop = told.intervals["how-rounded"], told.by_question["how-rounded"]
    assert f"| how-rounded | {100 * drop:.1f} ({100 * low:.1f} to {100 * high:.1f}) |" in found.markdown()
    # Files of before each forest had an interval.
    value = found.to_json()
    del value["expected"]["before"]["intervals"]
    write_json(tmp_path / "shift" / "shift.json", value)
    older = Shift.load(tmp_path / "shift")
    assert older.verdict == found.verdict and f"| how-rounded | {100 * drop:.1f} |" in older.markdown()
    # Neither pairs nor labels are needed.
    blind = shift(
        folder / "vae",
        decals,
        bass,
        tmp_path / "blind",
        forests=[forests],
        split="all",
        unpaired=True,
    )
    assert blind.expected.keys() == {"before"} and not blind.questions
    far = replace(blind, support={"before": replace(blind.support["before"], outside=0.6)})
    assert "60 % of the galaxies of bass-mzls lie where decals has none" in far.markdown().split("Does it hold?")[1]
    with pytest.raises(GalkerasError, match="was fitted on latents of model"):
        shift(
            folder / "da",
            decals,
            bass,
            tmp_path / "other",
            catalog=folder / "votes.csv",
            forests=[forests],
        )


def test_of_a_target_of_20_galaxies_it_cannot_tell(world, forests, tmp_path):
    folder, decals, _ = world
    few = survey(tmp_path, "bass-mzls", range(200, 220), 0.9)
    words = f"{folder / 'vae'} {decals} {few} --forests {forests} --split all --unpaired --out {tmp_path / 'shift'}"
    done = CliRunner().invoke(cli.app, ["shift", *words.split()], catch_exceptions=False)
    assert done.exit_code == 0
    found = Shift.load(tmp_path / "shift")
    assert found.expected["before"].target == 20 and found.verdict in done.stdout
    assert found.verdict.startswith("**Cannot tell.** 45 galaxies and 20 are too few")
    assert np.ptp(found.support["before"].interval) > 0.05 and np.ptp(found.scores["before"].auc_interval) > 0.05


def test_record_sets_of_other_bands_are_refused_with_both_named(world, tmp_path):
    folder, decals, _ = world
    ids = [f"g{i:03d}" for i in range(20)]
    for i, name in enumerate(ids):
        image = galaxy(64, i)
        four = np.concatenate([image, image[..., -1:]], axis=-1)
        write_fits(tmp_path / "cutouts" / f"{name}.fits", four, "griz", SURVEY="toy", VERSION="")
    catalog = write_csv(tmp_path / "c.csv", {"id": ids, "ra": [180.0] * 20, "dec": [0.5] * 20})
    other = make_tfrecords(catalog, tmp_path / "cutouts", tmp_path / "griz", survey="toy", workers=1).path
    said = f"{other} has bands griz, and the model takes grz: see `make_tfrecords(bands=grz)`"
    for call in (
        lambda: shift(folder / "vae", decals, other, tmp_path / "shift", unpaired=True),
        lambda: shift(folder / "vae", other, decals, tmp_path / "shift", unpaired=True),
        lambda: adapt(folder / "vae", decals, other, tmp_path / "da", unpaired=True),
    ):
        with pytest.raises(GalkerasError, match=re.escape(said)):
            call()
    assert not (tmp_path / "shift").exists() and not (tmp_path / "da").exists()


def test_bad_input_is_named(world, tmp_path):
    folder, decals, bass = world
    with pytest.raises(GalkerasError, match="both of decals"):
        shift(folder / "da", decals, decals, tmp_path)
    with pytest.raises(GalkerasError, match="`split`"):
        shift(folder / "da", decals, bass, tmp_path, split="train")
