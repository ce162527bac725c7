"""A domain-adaptation model serves one encoder and a decoder for each survey."""

import json

import numpy as np
import pytest
from serving.c_api import CSession
from serving.models import LATENTS, SIDE, sky

from galkeras.models.adapters.domain_adaptation import AdaptationConfig, DomainAdaptationVAE
from galkeras.models.config import PAPER, PAPER_ADAPTATION
from galkeras.models.folder import WEIGHTS_FILE, write_config, write_weights
from galkeras.models.ssim import ssim
from galkeras.serving.export import export


@pytest.fixture(scope="module")
def adapted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapted") / "both"
    config = AdaptationConfig(
        SIDE,
        "nanomaggy",
        ("decals", "bass-mzls", "hsc"),
        (3.0, 4.0, 5.0),
        (0.05, 0.06, 0.07),
        latent_dim=LATENTS,
        **PAPER,
        **PAPER_ADAPTATION,
    )
    model = DomainAdaptationVAE(config)
    write_config(folder, config, {})
    write_weights(folder / WEIGHTS_FILE, model)
    return model, CSession(export(folder).path)


@pytest.mark.parametrize("batch", [1, 32])
def test_answers_as_keras(adapted, batch):
    model, session = adapted
    images = sky(batch, "nanomaggy")
    z = model.encode(images)[0].numpy()
    measured = session.run("measure", images=images)
    np.testing.assert_allclose(measured["z_mean"], z, rtol=1e-4, atol=1e-5)
    pictures = {}
    for domain, survey in model.roles.items():
        wanted = model.decode(z, survey).numpy()
        stretched = model.decode_stretched(z, survey)
        found = session.run(f"reconstruct_{domain}", images=images)
        pictures[domain] = found["images"]
        np.testing.assert_allclose(found["images"], wanted, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(session.run(f"decode_{domain}", z=z)["images"], wanted, rtol=1e-4, atol=1e-4)
        for scores, end in ((found, ""), (measured, f"_{domain}")):
            np.testing.assert_allclose(scores[f"ssim{end}"], ssim(model.stretch(images), stretched), atol=1e-4)
        drawn = session.run(f"generate_{domain}", seed=np.arange(batch))
        np.testing.assert_allclose(drawn["images"], model.decode(drawn["z"], survey), rtol=1e-4, atol=1e-4)
    assert np.abs(pictures["source"] - pictures["target"]).max() > 0.01
    np.testing.assert_allclose(session.run("translate", images=images)["images"], pictures["target"], atol=1e-5)
    np.testing.assert_allclose(session.run("translate_2", images=images)["images"], pictures["target_2"], atol=1e-5)


def test_names_say_which_survey(adapted):
    _, session = adapted
    assert {"decode", "reconstruct", "generate"}.isdisjoint(session.signatures)
    about = json.loads(session.run("describe", anything=[b""])["description"][0])
    assert dict(zip(about["input"]["surveys"], about["domains"], strict=True)) == {
        "decals": "source",
        "bass-mzls": "target",
        "hsc": "target_2",
    }
