import numpy as np
import pytest
from skimage.metrics import structural_similarity

from galkeras.backend import keras, tf
from galkeras.io.errors import GalkerasError
from galkeras.models.architectures import ARCHITECTURES
from galkeras.models.config import PAPER, ModelConfig
from galkeras.models.folder import WEIGHTS_FILE, load_model, write_config, write_weights
from galkeras.models.ssim import ssim
from galkeras.models.vae import VAE, focus_window

IMAGES = np.random.default_rng(1).uniform(0, 255, (4, 64, 64, 3)).astype("f")


def build(**changes) -> VAE:
    keras.utils.set_random_seed(0)
    settings = PAPER | {
        "image_size": 64,
        "units": "picture",
        "surveys": ("decals",),
        "ceiling": (255.0,) * 3,
        "latent_dim": 6,
    }
    return VAE(ModelConfig(**settings | changes))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("size", [64, 128, 192])
def test_shapes(architecture, size):
    model = build(architecture=architecture, image_size=size)
    images = np.zeros((2, size, size, 3), "f")
    mean, log_var = model.encode(images)
    assert mean.shape == log_var.shape == (2, 6)
    assert model.decode(mean).shape == images.shape
    assert model(images).shape == images.shape


def test_the_paper_network_has_the_authors_size():
    # 443,507 parameters at 256 px with 40 latents (read off the authors' public code), whose decoder's last block
    # and heads this reproduces.
    assert build(image_size=256, latent_dim=40).count_params() == 443_507


@pytest.mark.parametrize("loss", ["mse", "mae"])
def test_loss_terms_are_sums_per_image(loss):
    model = build(loss=loss, kl_weight=0.5)
    seed = tf.constant([0, 0])
    terms = {name: value.numpy() for name, value in model.losses_per_image(IMAGES, seed).items()}
    mean, log_var = (value.numpy() for value in model.encode(IMAGES))
    closed_form = 0.5 * np.sum(mean**2 + np.exp(log_var) - 1 - log_var, axis=1)
    np.testing.assert_allclose(terms["kl"], closed_form, rtol=1e-4)
    np.testing.assert_allclose(terms["elbo_loss"], terms["reconstruction"] + 0.5 * closed_form, rtol=1e-5)
    np.testing.assert_allclose(terms["loss"], terms["elbo_loss"] / IMAGES[0].size, rtol=1e-5)
    # One image's terms do not depend on its neighbours.
    again = model.losses_per_image(IMAGES[:2], seed)
    np.testing.assert_allclose(again["reconstruction"], terms["reconstruction"][:2], rtol=1e-5)
    # With no posterior width left, the reconstruction term is the distance of the decoded mean.
    model.encoder.layers[-1].bias.assign(tf.concat([tf.zeros(6), tf.fill([6], -20.0)], 0))
    difference = IMAGES / 255 - model.decode_stretched(model.encode(IMAGES)[0]).numpy()
    expected = (np.square if loss == "mse" else np.abs)(difference).sum((1, 2, 3))
    np.testing.assert_allclose(model.losses_per_image(IMAGES, seed)["reconstruction"], expected, rtol=1e-3)


def test_the_posterior_is_sampled_with_its_mean_and_width():
    model = build()
    images = np.repeat(IMAGES[:1], 4000, axis=0)
    posterior = model.posterior(model.stretch(images))
    noise = model._noise(tf.constant([3, 4]), 4000)
    z = posterior.mean() + posterior.distribution.stddev() * noise
    mean, log_var = model.encode(IMAGES[:1])
    np.testing.assert_allclose(np.mean(z, 0), mean[0], atol=0.08)
    np.testing.assert_allclose(np.std(z, 0), np.exp(0.5 * log_var[0]), rtol=0.06)


def test_focus_weighs_the_centre():
    assert np.all(focus_window(build().config) == 1)
    window = focus_window(build(focus=0.5).config)[..., 0]
    assert window.shape == (64, 64) and window.max() > 0.99
    np.testing.assert_allclose(window, window.T)
    # One width, half of half the side, from the centre.
    np.testing.assert_allclose(np.interp(16, np.arange(0.5, 32), window[32, 32:]), np.exp(-0.5), rtol=2e-2)
    model, edge, centre = build(focus=0.2), np.zeros((1, 64, 64, 3), "f"), np.zeros((1, 64, 64, 3), "f")
    edge[:, 0], centre[:, 32] = 1, 1
    assert (
        model.pixel_loss(edge, 0 * edge, focus_window(model.config))[0]
        < 1e-3
        < 1
        < model.pixel_loss(centre, 0 * centre, focus_window(model.config))[0]
    )


def test_turns_are_the_symmetries_of_the_square():
    model = build()
    images = np.repeat(IMAGES[:1], 400, axis=0)
    turned = model._turn(tf.constant(images), tf.constant([0, 7])).numpy()
    square = [np.rot90(flipped, k) for flipped in (IMAGES[0], IMAGES[0][::-1]) for k in range(4)]
    seen = [next(i for i, view in enumerate(square) if np.array_equal(view, image)) for image in turned]
    assert min(np.bincount(seen, minlength=8)) > 20


def test_training_lowers_the_loss():
    model = build()
    model.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
    data = tf.data.Dataset.from_tensors(IMAGES).repeat()
    history = model.fit(data, steps_per_epoch=10, epochs=4, verbose=0).history["loss"]
    assert history[-1] < 0.9 * history[0]


def test_an_unfinished_model_is_not_loaded(tmp_path):
    write_config(tmp_path, build().config, {})
    with pytest.raises(GalkerasError, match="fit.resume=True"):
        load_model(tmp_path)


def test_the_digest_tells_models_apart():
    model = build()
    other = build(kl_weight=2.0)
    assert model.digest == build().digest != other.digest
    changed = build()
    changed.decoder.layers[-1].bias.assign_add([0.0, 0.0, 1e-6])
    assert changed.digest != model.digest


def test_weights_of_another_model_are_refused(tmp_path):
    write_config(tmp_path, build(latent_dim=5).config, {})
    write_weights(tmp_path / WEIGHTS_FILE, build())
    with pytest.raises(GalkerasError, match="does not hold the weights"):
        load_model(tmp_path)


def test_what_is_no_model_folder_is_refused(tmp_path):
    with pytest.raises(GalkerasError, match="not a model folder"):
        load_model(tmp_path)
    (tmp_path / "config.json").write_text('{"format": 2}')
    with pytest.raises(GalkerasError, match="format"):
        load_model(tmp_path)


def test_ssim_equals_scikit_image():
    a, b = IMAGES[:2] / 255, IMAGES[2:] / 510 + 0.2
    expected = [
        structural_similarity(
            x, y, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0
        )
        for x, y in zip(a, b, strict=True)
    ]
    np.testing.assert_allclose(ssim(a, b), expected, atol=1e-5)
