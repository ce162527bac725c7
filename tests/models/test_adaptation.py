import json

import numpy as np
import pytest
from devices import run_on_devices

from galkeras.backend import keras, tf
from galkeras.io.checksums import sealed
from galkeras.io.errors import GalkerasError
from galkeras.models.adapters.domain_adaptation import AdaptationConfig, DomainAdaptationVAE
from galkeras.models.alignment.coral import coral
from galkeras.models.alignment.mmd2 import mmd2
from galkeras.models.config import PAPER, PAPER_ADAPTATION, ModelConfig
from galkeras.models.folder import WEIGHTS_FILE, load_model, write_config, write_weights
from galkeras.models.vae import VAE

IMAGES = np.random.default_rng(1).uniform(0, 255, (8, 64, 64, 3)).astype("f")
SETTINGS = PAPER | {"image_size": 64, "units": "picture", "ceiling": (255.0,) * 3, "latent_dim": 6, "kl_weight": 0.5}
SURVEYS = ("decals", "bass-mzls")


def build(paired=True, **changes) -> DomainAdaptationVAE:
    keras.utils.set_random_seed(0)
    return DomainAdaptationVAE(
        AdaptationConfig(**{"surveys": SURVEYS} | SETTINGS | PAPER_ADAPTATION | changes), paired=paired
    )


def terms_of(model, source, target):
    terms = model._terms({"source": source, "target": target}, tf.constant([0, 0]))
    return {name: np.asarray(term) for name, term in terms.items()}


def test_it_begins_as_the_vae_it_adapts():
    vae = VAE(ModelConfig(surveys=SURVEYS[:1], **SETTINGS))
    model = build()
    model.start_from(vae)
    expected = vae(IMAGES)
    np.testing.assert_array_equal(model(IMAGES), expected)
    np.testing.assert_array_equal(model.translate(IMAGES, "bass-mzls"), expected)
    np.testing.assert_array_equal(model.encode(IMAGES)[1], vae.encode(IMAGES)[1])


def test_each_survey_has_its_decoder():
    model = build()
    z = np.ones((2, 6), "f")
    assert np.abs(model.decode(z, "decals") - model.decode(z, "bass-mzls")).max() > 0
    np.testing.assert_array_equal(model.decode(z), model.decode(z, "decals"))
    assert model.decoder_of("bass-mzls") is model.target_decoder
    assert model.decoder_of("decals") is model.decoder
    with pytest.raises(GalkerasError, match="Did you mean 'bass-mzls'"):
        model.decode(z, "bas-mzls")


@pytest.mark.parametrize("alignment", ["mmd2", "coral"])
def test_the_loss_is_the_sum_of_its_terms_per_image(alignment):
    model = build(alignment=alignment, mmd_weight=3.0, pair_weight=0.7)
    source, target = IMAGES, IMAGES[::-1] * 0.5
    terms = terms_of(model, source, target)
    (s_mean, _), (t_mean, t_log_var) = ([v.numpy() for v in model.encode(x)] for x in (source, target))
    np.testing.assert_allclose(
        terms["kl_target"], 0.5 * np.sum(t_mean**2 + np.exp(t_log_var) - 1 - t_log_var, 1), rtol=1e-4
    )
    expected = mmd2(s_mean, t_mean, paired=True) if alignment == "mmd2" else coral(s_mean, t_mean)
    np.testing.assert_allclose(terms[alignment], expected, rtol=1e-4)
    variance = 0.5 * (s_mean.var(0) + t_mean.var(0)) + 1e-4
    ratio = np.mean((s_mean - t_mean) ** 2 / (2 * variance), 1)
    np.testing.assert_allclose(terms["pair"], 6 * ratio / (1 + ratio), rtol=1e-3)
    means = {name: term.mean() for name, term in terms.items()}
    total = model._total(means)
    elbo = 0.5 * sum(means[f"reconstruction_{d}"] + 0.5 * means[f"kl_{d}"] for d in ("source", "target"))
    np.testing.assert_allclose(total["elbo_loss"], elbo, rtol=1e-5)
    np.testing.assert_allclose(
        total["loss"] * 64 * 64 * 3, elbo + 3 * means[alignment] + 0.7 * means["pair"], rtol=1e-5
    )


def test_the_difference_of_a_pair_cannot_be_shrunk_or_blurred_away():
    model = build()
    kernel, bias = model.encoder.layers[-1].weights
    # Away from the least variance.
    kernel.assign(kernel * np.r_[np.full(6, 20.0), np.ones(6)].astype("f"))
    before = terms_of(model, IMAGES, IMAGES[::-1])["pair"]
    kernel.assign(kernel * np.r_[np.full(6, 0.2), np.ones(6)].astype("f"))
    bias.assign(bias + np.r_[np.zeros(6), np.full(6, 3.0)].astype("f"))
    np.testing.assert_allclose(terms_of(model, IMAGES, IMAGES[::-1])["pair"], before, rtol=1e-2)


def test_what_is_kept_are_the_latents_of_the_vae_for_all_source_images():
    vae = VAE(ModelConfig(surveys=SURVEYS[:1], **SETTINGS))
    model = build(mmd_weight=0.0, keep_weight=2.0)
    model.start_from(vae)
    weights = [w.shape for w in build().weights]
    assert [w.shape for w in model.weights] == weights  # the VAE is no part of the model
    batch = {"source": IMAGES, "target": IMAGES, "source_only": IMAGES[::-1] * 0.5}
    terms = model._terms(batch, tf.constant([0, 0]))
    np.testing.assert_allclose(terms["keep"], np.zeros(16), atol=1e-6)
    kernel = model.encoder.layers[-1].weights[0]
    kernel.assign(kernel * 1.5)
    terms = {name: np.asarray(term) for name, term in model._terms(batch, tf.constant([0, 0])).items()}
    images = np.concatenate([IMAGES, IMAGES[::-1] * 0.5])
    now, then = (m.encode(images)[0].numpy() for m in (model, vae))
    variance = 0.5 * (now.var(0) + then.var(0)) + 1e-4
    ratio = np.mean((now - then) ** 2 / (2 * variance), 1)
    assert ratio.min() > 0
    np.testing.assert_allclose(terms["keep"], 6 * ratio / (1 + ratio), rtol=1e-3)
    means = {name: term.mean() for name, term in terms.items()}
    total = model._total(means)
    np.testing.assert_allclose(total["loss"] * 64 * 64 * 3, total["elbo_loss"] + 2 * means["keep"], rtol=1e-4)


def test_both_images_of_a_galaxy_are_turned_alike():
    model = build()
    seen = {}
    turn = model._turn
    model._turn = lambda images, seed: seen.setdefault(len(seen), turn(images, seed))
    model.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
    batch = {"source": IMAGES, "target": -IMAGES, "source_only": IMAGES}
    model.train_step({name: tf.constant(images) for name, images in batch.items()})
    seen = dict(zip(batch, seen.values(), strict=True))
    np.testing.assert_array_equal(seen["source"], -seen["target"])
    assert np.abs(seen["source"] - IMAGES).max() > 0
    assert np.abs(seen["source"] - seen["source_only"]).max() > 0


def test_a_loaded_model_is_scored_without_the_vae_that_it_started_from(tmp_path):
    model = build(keep_weight=2.0)
    model.start_from(VAE(ModelConfig(surveys=SURVEYS[:1], **SETTINGS)))
    write_config(tmp_path, model.config, {})
    write_weights(tmp_path / WEIGHTS_FILE, model)
    batch = {"source": IMAGES, "target": IMAGES[::-1]} | {f"{d}_weights": np.ones(8, "f") for d in ("source", "target")}
    scores = []
    for one in (model, load_model(tmp_path)):
        one.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
        scores.append(one.evaluate(tf.data.Dataset.from_tensors(batch), return_dict=True, verbose=0))
    assert "keep" in scores[0] and "keep" not in scores[1]
    np.testing.assert_allclose(scores[1]["elbo_loss"], scores[0]["elbo_loss"], rtol=1e-5)


@pytest.mark.parametrize("paired", [True, False])
def test_training_lowers_the_loss_and_padding_is_not_scored(paired):
    model = build(paired, pair_weight=0.1, keep_weight=0.1)
    model.start_from(VAE(ModelConfig(surveys=SURVEYS[:1], **SETTINGS)))
    model.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
    batch = {"source": IMAGES, "target": 0.5 * IMAGES, "source_only": IMAGES[::-1]}
    data = tf.data.Dataset.from_tensors(batch).repeat()
    history = model.fit(data, steps_per_epoch=8, epochs=3, verbose=0).history
    assert history["elbo_loss"][-1] < 0.9 * history["elbo_loss"][0]
    assert ("pair" in history) == paired

    def scores(blanks):
        pad = np.zeros((blanks, 64, 64, 3), "f")
        weights = np.r_[np.ones(8), np.zeros(blanks)].astype("f")
        batch = {"source": np.concatenate([IMAGES, pad]), "target": np.concatenate([IMAGES[::-1], pad])}
        batch |= {"source_weights": weights, "target_weights": weights}
        return model.evaluate(tf.data.Dataset.from_tensors(batch), return_dict=True, verbose=0)

    padded, whole = scores(8), scores(0)
    for name in ("kl_source", "kl_target", "mmd2"):
        np.testing.assert_allclose(padded[name], whole[name], rtol=1e-4)


def test_a_kind_that_is_not_known_is_refused(tmp_path):
    write_config(tmp_path, build().config, {})
    value = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(sealed(value | {"kind": "gan"})))
    with pytest.raises(GalkerasError, match="`kind`"):
        load_model(tmp_path)


def test_two_devices_do_what_one_does_with_the_whole_batch():
    settings = SETTINGS | PAPER_ADAPTATION | {"mmd_weight": 1e4, "pair_weight": 10.0}
    code = (
        "import numpy as np\n"
        "from galkeras.models.adapters.domain_adaptation import AdaptationConfig, DomainAdaptationVAE\n"
        f"config = AdaptationConfig(surveys={SURVEYS!r}, **{settings!r})\n"
        "keras.utils.set_random_seed(0)\n"
        "with strategy.scope():\n"
        "    model = DomainAdaptationVAE(config)\n"
        "    model.compile(keras.optimizers.Adam(1e-3), jit_compile=False)\n"
        "x = np.random.default_rng(0).uniform(0, 255, (8, 64, 64, 3)).astype('f')\n"
        "data = tf.data.Dataset.from_tensors({'source': x, 'target': x[::-1] / 2}).repeat()\n"
        "weights = np.r_[np.ones(7), 0].astype('f')\n"
        "scored = {'source': x, 'target': x[::-1], 'source_weights': weights, 'target_weights': weights}\n"
        "history = model.fit(data, steps_per_epoch=3, epochs=2, verbose=0,\n"
        "    validation_data=tf.data.Dataset.from_tensors(scored)).history\n"
        "print('|', ' '.join(f'{name}={values[-1]}' for name, values in sorted(history.items())))\n"
    )
    one, two = (run_on_devices(count, code).split("|")[1] for count in (1, 2))
    one, two = (dict(item.split("=") for item in line.split()) for line in (one, two))
    assert one.keys() == two.keys() and "val_mmd2" in one
    for name in one:
        np.testing.assert_allclose(float(two[name]), float(one[name]), rtol=2e-3, err_msg=name)


@pytest.mark.parametrize(
    "changes",
    [
        {"alignment": "mmd"},
        {"mmd_weight": -1.0},
        {"pair_weight": float("nan")},
        {"surveys": ("a", "a")},
        {"surveys": ("a", "b", "a")},
    ],
)
def test_bad_settings_are_named(changes):
    with pytest.raises(GalkerasError, match=next(iter(changes))):
        AdaptationConfig(**{"surveys": SURVEYS} | SETTINGS | PAPER_ADAPTATION | changes)


def test_the_loss_of_several_targets_is_the_mean_of_each_with_the_source():
    together = build(surveys=(*SURVEYS, "hsc"), mmd_weight=3.0, pair_weight=0.7)
    keras.utils.set_random_seed(1)
    # Decoders that draw each survey otherwise.
    together.target_decoder_2.set_weights([w + 0.01 for w in together.target_decoder_2.get_weights()])
    assert together.roles == {"source": "decals", "target": "bass-mzls", "target_2": "hsc"}
    assert together.decoder_of("hsc") is together.target_decoder_2
    batch = {"source": IMAGES, "target": IMAGES[::-1] * 0.5, "source_2": IMAGES[:6], "target_2": IMAGES[2:] * 0.8}
    weights = {"source": np.ones(8, "f"), "source_2": np.r_[np.ones(5, "f"), 0].astype("f")}
    weights |= {name.replace("source", "target"): values for name, values in weights.items()}
    together.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
    scored = batch | {f"{name}_weights": values for name, values in weights.items()}
    found = {name: float(value) for name, value in together.test_step(scored).items()}
    losses = []
    for number, end in enumerate(("", "_2")):
        alone = build(surveys=("decals", together.config.surveys[1 + number]), mmd_weight=3.0, pair_weight=0.7)
        for name in ("encoder", "decoder"):
            getattr(alone, name).set_weights(getattr(together, name).get_weights())
        alone.target_decoder.set_weights(getattr(together, f"target_decoder{end}").get_weights())
        alone._seeds = lambda step, number=number: [together._seeds(step)[number]]
        alone.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
        its = {
            f"{domain}{of}": scored[f"{domain}{end}{of}"] for domain in ("source", "target") for of in ("", "_weights")
        }
        one = {name: float(value) for name, value in alone.test_step(its).items()}
        losses.append(one.pop("loss"))
        for name in one.keys() - {"elbo_loss"}:
            np.testing.assert_allclose(found[f"{name}{end}"], one[name], rtol=1e-4, err_msg=f"{name}{end}")
    np.testing.assert_allclose(found["loss"], np.mean(losses), rtol=1e-4)
    before = [w.numpy().copy() for w in (together.target_decoder.weights[0], together.target_decoder_2.weights[0])]
    together.train_step({name: tf.constant(images) for name, images in batch.items()})
    after = [w.numpy() for w in (together.target_decoder.weights[0], together.target_decoder_2.weights[0])]
    assert all(np.abs(a - b).max() > 0 for a, b in zip(before, after, strict=True))
