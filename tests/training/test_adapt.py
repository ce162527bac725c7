import io
import json
import logging
import shlex
import shutil
import sys

import numpy as np
import pytest
from kills import kill_after_an_epoch
from sky import survey

from galkeras import cli
from galkeras.io.checksums import sealed
from galkeras.io.errors import GalkerasError
from galkeras.latents.encode import encode
from galkeras.latents.table import read_latents
from galkeras.models.adapters.domain_adaptation import DomainAdaptationVAE
from galkeras.models.config import named
from galkeras.models.folder import load_model
from galkeras.models.stored import StoredModel
from galkeras.records.pairs import index_galaxies, join
from galkeras.records.schema import RecordSet
from galkeras.training.adapt import _listed, _parts, adapt
from galkeras.training.fit import fit
from galkeras.training.history import read_history
from galkeras.training.pairs import adaptation_dataset, adaptation_ids, scoring_dataset
from galkeras.training.stored import AdaptSummary, read_training

SMALL = {"epochs": 3, "batch_size": 8}
COUNT = 60


@pytest.fixture(scope="module")
def decals(tmp_path_factory):
    return survey(tmp_path_factory.mktemp("decals"), "decals", range(COUNT))


@pytest.fixture(scope="module")
def bass(tmp_path_factory):
    # The later two thirds, and some galaxies of its own.
    return survey(tmp_path_factory.mktemp("bass"), "bass-mzls", range(COUNT // 3, COUNT + 10), fade=0.6)


@pytest.fixture(scope="module")
def vae(decals, tmp_path_factory):
    out = tmp_path_factory.mktemp("models") / "vae"
    fit(decals, out, latent_dim=4, epochs=2, batch_size=16, kl_weight=0.01)
    return out


@pytest.fixture(scope="module")
def adapting(vae, decals, bass, tmp_path_factory):
    """A model of pairs, and what was told while it was adapted."""
    out = tmp_path_factory.mktemp("models") / "da"
    told = io.StringIO()
    logger, handler = logging.getLogger("galkeras"), logging.StreamHandler(told)
    logger.addHandler(handler)
    try:
        adapt(vae, decals, bass, out, **SMALL)
    finally:
        logger.removeHandler(handler)
    return out, told.getvalue()


@pytest.fixture(scope="module")
def adapted(adapting):
    return adapting[0]


def test_the_folder_holds_everything(adapted):
    names = {path.name for path in adapted.iterdir()}
    assert {"config.json", "model.weights.h5", "history.csv", "losses.png", "reconstructions.png"} <= names
    model = load_model(adapted)
    assert isinstance(model, DomainAdaptationVAE)
    assert model.config.surveys == ("decals", "bass-mzls")
    summary = json.loads((adapted / "summary.json").read_text())
    assert summary["digest"] == model.digest and set(summary["ssim"]) == {"source", "target", "translated"}
    history = read_history(adapted)
    assert {"mmd2", "pair", "keep", "kl_source", "reconstruction_target", "val_pair", "val_loss"} <= set(history[0])
    assert history[-1]["val_loss"] < history[0]["val_loss"]


def test_each_decoder_learns_its_survey(adapted, vae, decals):
    # Galaxies of the target are fainter.
    model = load_model(adapted)
    images = index_galaxies(RecordSet.load(decals), ("train",)).images()
    assert model.translate(images, "bass-mzls").numpy().sum() < model(images).numpy().sum()


def test_pairs_are_counted_and_why_others_are_left_out_is_said(adapting):
    assert f"{2 * COUNT // 3} pairs; left out: {COUNT // 3 + 10} in one survey alone" in adapting[1]


def test_unpaired_sets_need_no_common_galaxies(vae, decals, tmp_path):
    other = survey(tmp_path, "another", range(100, 150))
    with pytest.raises(GalkerasError, match="no galaxy in common"):
        adapt(vae, decals, other, tmp_path / "da", **SMALL)
    # One epoch, the fewest there are.
    model = adapt(vae, decals, other, tmp_path / "da", epochs=1, batch_size=8, unpaired=True)
    assert model.config.pair_weight == 0
    assert "pair" not in read_history(tmp_path / "da")[0]


def test_a_killed_run_resumes_to_the_weights_of_an_uninterrupted_one(adapted, vae, decals, bass, tmp_path):
    out = tmp_path / "killed"
    command = [sys.executable, "-c", "from galkeras.cli import main; main()", "adapt", vae, decals, bass, "--out", out]
    command += "--epochs 3 --batch-size 8".split()
    kill_after_an_epoch(command, out)
    with pytest.raises(GalkerasError, match="mmd_weight=0.0, not 5"):
        adapt(vae, decals, bass, out, **SMALL, mmd_weight=5.0, resume=True)
    assert adapt(vae, decals, bass, out, **SMALL, resume=True).digest == load_model(adapted).digest


def test_batches_hold_the_same_galaxies_side_by_side_and_every_one(decals):
    galaxies = index_galaxies(RecordSet.load(decals), ("train",))
    everyone = {image.tobytes() for image in galaxies.images()}
    parts = {"source": galaxies, "target": galaxies, "source_only": galaxies}

    def stream(first, count):
        batches = adaptation_dataset(parts, 8, paired=True, seed=1, first_step=first).take(count)
        return [{name: images.numpy() for name, images in batch.items()} for batch in batches]

    straight = stream(0, 2 * len(galaxies) // 8 + 2)
    for batch in straight:
        np.testing.assert_array_equal(batch["source"], batch["target"])
    assert any((batch["source"] != batch["source_only"]).any() for batch in straight)
    seen = [image.tobytes() for batch in straight for image in batch["source"]]
    assert set(seen[: len(galaxies)]) == everyone and len(set(seen[: len(galaxies)])) == len(galaxies)
    assert seen[len(galaxies) : 2 * len(galaxies)] != seen[: len(galaxies)]
    for a, b in zip(stream(3, 4), straight[3:7], strict=True):
        np.testing.assert_array_equal(a["source_only"], b["source_only"])


def test_scoring_takes_every_galaxy_once(decals, bass):
    parts = [index_galaxies(RecordSet.load(records), ("train",)) for records in (decals, bass)]
    weights = {"source": 0.0, "target": 0.0}
    seen = set()
    for batch in scoring_dataset(dict(zip(weights, parts, strict=True)), 8):
        for name in weights:
            weights[name] += batch[f"{name}_weights"].numpy().sum()
        seen |= {image.tobytes() for image in batch["source"].numpy()[batch["source_weights"].numpy() > 0]}
    assert list(weights.values()) == [len(part) for part in parts]
    assert seen == {image.tobytes() for image in parts[0].images()}


def test_bad_input_is_named_and_nothing_is_written(adapted, vae, decals, bass, tmp_path):
    def refused(match, model=vae, source=decals, target=bass, **options):
        with pytest.raises(GalkerasError, match=match):
            adapt(model, source, target, tmp_path / "da", **SMALL | options)
        assert not (tmp_path / "da").exists()

    refused("both of decals", target=decals)
    refused("both of bass-mzls: .* each of several once", target=[bass, bass])
    refused("`target` must be a record set", target=[])
    refused("the first record set", source=bass, target=decals)
    refused("adapted already", model=adapted)
    refused("not a model folder", model=decals)
    refused("estimator", batch_size=1)
    refused("`pair_weight` needs pairs", unpaired=True, pair_weight=1.0)
    refused("alignment", alignment="mmd")
    refused("image size", target=survey(tmp_path / "small", "bass-mzls", range(COUNT), side=48))
    elsewhere = survey(tmp_path / "elsewhere", "bass-mzls", range(COUNT), offset=2 / 3600)
    refused("no galaxy in common", target=elsewhere)


def test_several_surveys_come_to_one_encoder_and_a_decoder_each(decals, bass, tmp_path, monkeypatch):
    # Every other galaxy, and some that only this survey saw.
    other = survey(tmp_path / "other", "other", [*range(0, COUNT, 2), *range(COUNT + 20, COUNT + 25)], fade=1.5)
    fit(decals, tmp_path / "vae", latent_dim=4, epochs=1, batch_size=16, architecture="paper", loss="mse")
    out = tmp_path / "da"
    command = ["galkeras", "adapt", tmp_path / "vae", decals, bass, other, "--out", out, "--epochs", "2"]
    monkeypatch.setattr(sys, "argv", list(map(str, command)))
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    model = load_model(out)
    assert model.config.surveys == ("decals", "bass-mzls", "other")
    sets = [RecordSet.load(records) for records in (decals, bass, other)]
    assert StoredModel.load(out).learned_from == {one.digest for one in sets}
    assert read_training(out).record_sets == dict(
        zip(("source", "target", "target_2"), (one.digest for one in sets), strict=True)
    )
    assert StoredModel.load(out).call.line(out) == shlex.join(map(str, [*command[:-4], "--epochs", "2", "--out", out]))
    summary = AdaptSummary.load(out)
    assert set(summary.ssim) == {"source", "target", "target_2", "translated", "translated_2"}
    assert {"pair_2", "mmd2_2", "val_reconstruction_target_2"} <= set(read_history(out)[0])
    images = index_galaxies(sets[0], ("train",)).images()
    faint, bright = (model.translate(images, name).numpy().sum() for name in ("bass-mzls", "other"))
    assert faint < bright
    assert set(read_latents(encode(out, other, tmp_path / "other.parquet")).survey) == {"other"}
    # A generator is asked once.
    given = tmp_path / "vae", decals, (one for one in (bass, other)), out
    assert adapt(*given, epochs=2, resume=True).digest == model.digest
    # A run of other targets is another.
    with pytest.raises(GalkerasError, match="begun with surveys="):
        adapt(tmp_path / "vae", decals, bass, out, epochs=2, resume=True)


def test_each_target_has_what_it_would_have_alone(decals, bass, tmp_path, caplog):
    other = survey(tmp_path / "other", "other", range(0, COUNT, 2))
    source, *targets = (RecordSet.load(records) for records in (decals, bass, other))
    together = _parts(source, targets, False, False)["train"]
    for number, target in enumerate(targets):
        alone = _parts(source, [target], False, False)["train"]
        assert set(alone) == {"source", "target", "source_only"}
        for name, galaxies in alone.items():
            assert together[named(name, number)].id.tolist() == galaxies.id.tolist()
    # So few would be seen six times as often as the others.
    most = RecordSet.load(survey(tmp_path / "most", "most", range(COUNT - 8)))
    assert "source_only" not in _parts(source, [most], False, False)["train"]
    assert "galaxies of decals without a partner in most are left out: beside" in caplog.messages[-1]
    assert _listed(iter("ab")) == ["a", "b"] and _listed(decals) == [decals]


def test_a_model_from_before_there_were_several_targets_goes_on(adapted, vae, decals, bass, tmp_path):
    out = shutil.copytree(adapted, tmp_path / "da")
    value = json.loads((out / "config.json").read_text())
    del value["training"]["more_targets"]
    (out / "config.json").write_text(json.dumps(sealed(value)))
    assert adapt(vae, decals, bass, out, **SMALL, resume=True).digest == load_model(adapted).digest
    value["model"]["surveys"].append("hsc")
    (out / "config.json").write_text(json.dumps(sealed(value)))
    with pytest.raises(GalkerasError, match="`model.surveys` must be those of 2 record sets"):
        load_model(out)


def test_rows_of_further_targets_stay_beside_their_source(decals, bass):
    galaxies = [index_galaxies(RecordSet.load(records), ("train",)) for records in (decals, bass)]
    pairs = join(*galaxies)
    some = galaxies[0][pairs.source], galaxies[1][pairs.target]
    parts = dict(zip(("source", "target"), some, strict=True))
    parts |= dict(zip(("source_2", "target_2"), (one[np.arange(10)] for one in some), strict=True))
    ids = adaptation_ids(parts, 8, paired=True, seed=0, step=3)
    assert ids["source"] == ids["target"] != ids["source_2"] == ids["target_2"]
    apart = adaptation_ids(parts, 8, paired=False, seed=0, step=3)
    assert apart["source_2"] != apart["target_2"]


def test_the_papers_loss_is_one_flag(vae, decals, bass, tmp_path, monkeypatch):
    import galkeras.training.adapt as module

    given = {}
    monkeypatch.setattr(module, "adapt", lambda *paths, **options: given.update(options))
    command = ["galkeras", "adapt", str(vae), str(decals), str(bass), "--out", str(tmp_path / "da"), "--paper"]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    assert (given["mmd_weight"], given["pair_weight"], given["keep_weight"]) == (0.5, 0, 0)
    monkeypatch.setattr(sys, "argv", [*command, "--mmd-weight", "3"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1
