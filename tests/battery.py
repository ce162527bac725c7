"""What every model must do, whatever it is built of: `check_model` for one, `losses_on_devices` for several at once."""

import json
from pathlib import Path

import numpy as np
from devices import run_on_devices

from galkeras.backend import keras, tf
from galkeras.models.adapters import ADAPTERS
from galkeras.models.architectures import ARCHITECTURES
from galkeras.models.config import PAPER, PAPER_ADAPTATION, AdapterConfig, ModelConfig
from galkeras.models.folder import WEIGHTS_FILE, load_model, write_config, write_weights
from galkeras.models.vae import VAE

SIDE, LATENTS = 64, 6
SURVEYS = ("decals", "bass-mzls")
IMAGES = np.random.default_rng(1).uniform(0, 255, (4, SIDE, SIDE, 3)).astype("f")

KINDS = {
    **{architecture: (None, {"architecture": architecture}) for architecture in ARCHITECTURES},
    "upright": (None, {"architecture": "upright", "loss": "gaussian", "focus": 0.4}),
    **{adapter: (adapter, PAPER_ADAPTATION | {"mmd_weight": 1e3, "pair_weight": 10.0}) for adapter in ADAPTERS},
}
"""What is checked: names, each with an adapter or None, and settings."""


def build(adapter: str | None = None, **settings) -> VAE:
    """Return a model of two surveys if an adapter is named, else of one, the same one each time."""
    keras.utils.set_random_seed(0)
    common = {"image_size": SIDE, "units": "picture", "ceiling": (255.0,) * 3, "latent_dim": LATENTS} | PAPER
    if adapter is None:
        return VAE(ModelConfig(surveys=SURVEYS[:1], **common | settings))
    return ADAPTERS[adapter](ADAPTERS[adapter].config_class(surveys=SURVEYS, **common | settings))


def batch_of(model: VAE, images: np.ndarray) -> np.ndarray | dict[str, np.ndarray]:
    """Return what a step of the model takes: images, or those of two surveys."""
    if isinstance(model.config, AdapterConfig):
        return {"source": images, "target": images[:, ::-1] / 2}
    return images


def check_model(adapter: str | None, settings: dict, folder: Path) -> None:
    """Assert what holds of every model: it learns, it is the same after loading, as a graph and in half precision."""
    model = build(adapter, **settings)
    for policy in ("mixed_bfloat16", "mixed_float16"):
        _check_half_precision(model, adapter, settings, policy)
    # oneDNN's fused kernels, which only graphs use, have had a LeakyReLU of another slope. With the zero biases and
    # corrections of a new model that would not show, nor would weights that were not saved.
    _disturb(model)
    _check_saving(model, folder)
    _check_graph(model)
    _check_a_step(_compile(build(adapter, **settings)))


def _compile(model: VAE) -> VAE:
    model.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
    return model


def _step(model: VAE, images: np.ndarray, steps: int = 1) -> dict[str, list[float]]:
    data = tf.data.Dataset.from_tensors(batch_of(model, images)).repeat()
    return model.fit(data, steps_per_epoch=steps, verbose=0).history


def _check_a_step(model: VAE) -> None:
    before = [np.array(weight) for weight in model.trainable_weights]
    # The second reaches what lies behind a correction that begins at zero, the third what such a correction holds.
    losses = _step(model, IMAGES, steps=3)
    assert all(np.isfinite(values).all() for values in losses.values()), losses
    changed = [np.any(old != new) for old, new in zip(before, model.trainable_weights, strict=True)]
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    still = [one.path for one, moved in zip(model.trainable_weights, changed, strict=True) if not moved]
    assert not still, f"{still} did not move"


def _check_saving(model: VAE, folder: Path) -> None:
    write_config(folder, model.config, {})
    write_weights(folder / WEIGHTS_FILE, model)
    loaded = load_model(folder)
    assert type(loaded) is type(model) and loaded.digest == model.digest
    for survey in model.config.surveys:
        np.testing.assert_array_equal(loaded.translate(IMAGES, survey), model.translate(IMAGES, survey))
    assert not [path for path in folder.iterdir() if "part" in path.name]


def _check_graph(model: VAE) -> None:
    z = np.random.default_rng(2).normal(size=(len(IMAGES), LATENTS)).astype("f")
    decoders = [model.decoder_of(survey) for survey in model.config.surveys]
    for network, inputs in ((model.encoder, IMAGES / 255), *((decoder, z) for decoder in decoders)):
        eager, graph = (tf.nest.flatten(call(inputs)) for call in (network, tf.function(network)))
        for one, other in zip(eager, graph, strict=True):
            assert np.ptp(one) > 0.1
            np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-4 * np.abs(one).max())


def _check_half_precision(model: VAE, adapter: str | None, settings: dict, policy: str) -> None:
    try:
        keras.mixed_precision.set_dtype_policy(policy)
        half = build(adapter, **settings)
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    half.set_weights(model.get_weights())
    exact, nearly = (one.losses_per_image(IMAGES, tf.constant([0, 0])) for one in (model, half))
    for name, values in nearly.items():
        assert values.dtype == tf.float32
        np.testing.assert_allclose(values, exact[name], rtol=0.1, err_msg=f"{name} in {policy}")
    _step(_compile(half), IMAGES)
    assert all(np.isfinite(weight).all() for weight in half.get_weights())


def _disturb(model: VAE) -> None:
    rng = np.random.default_rng(2)
    for weight in model.weights:
        weight.assign(weight + 0.1 * rng.normal(size=weight.shape))


def losses_on_devices(count: int) -> dict[str, dict[str, list[float]]]:
    """Return what each of `KINDS` logs in three steps on so many devices, from a process of its own."""
    said = run_on_devices(count, "from battery import say_losses\nsay_losses(strategy)\n")
    return json.loads(said.rpartition("|")[2])


def say_losses(strategy: tf.distribute.Strategy) -> None:
    """Print what `losses_on_devices` returns."""
    images = np.concatenate([IMAGES, IMAGES[:, :, ::-1]])
    logged = {}
    for name, (adapter, settings) in KINDS.items():
        with strategy.scope():
            model = _compile(build(adapter, **settings))
        logged[name] = _step(model, images, steps=3)
    print("|", json.dumps(logged))
