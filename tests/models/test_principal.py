import numpy as np
from sklearn.decomposition import PCA

from galkeras.backend import tf
from galkeras.models.config import PAPER, ModelConfig
from galkeras.models.vae import VAE, focus_window
from galkeras.records.reader import ordered_dataset
from galkeras.records.schema import RecordSet
from galkeras.training.data import measure_stretch


def start(records, **changes):
    records = RecordSet.load(records)
    config = ModelConfig(
        **PAPER
        | {"image_size": 64, "units": "nanomaggy", "surveys": ("decals",), "architecture": "residual", "latent_dim": 8}
        | measure_stretch(records)
        | changes
    )
    model = VAE(config)
    model.architecture.start(model, records, seed=0)
    images = np.concatenate([batch["image"] for batch in ordered_dataset(records, ("train",))])
    return model, images, model.stretch(images).numpy()


def test_it_rebuilds_what_principal_components_rebuild(records):
    model, images, stretched = start(records)
    rebuilt = model.decode_stretched(model.encode(images)[0]).numpy()
    # PCA of the same images, at the linear path's side and in eight orientations.
    small = tf.nn.avg_pool2d(stretched, 2, 2, "VALID").numpy()
    views = [np.rot90(view, turn, (1, 2)) for view in (small, small[:, ::-1]) for turn in range(4)]
    pca = PCA(8, random_state=0).fit(np.concatenate(views).reshape(8 * len(small), -1))
    flat = small.reshape(len(small), -1)
    expected = np.mean((pca.inverse_transform(pca.transform(flat)) - flat) ** 2)
    got = np.mean((tf.nn.avg_pool2d(rebuilt, 2, 2, "VALID").numpy().reshape(flat.shape) - flat) ** 2)
    assert got < 1.25 * expected  # upsampling and averaging again blurs a little
    assert got < 0.5 * flat.var(0).mean()


def test_latents_have_unit_variance_and_the_posterior_is_narrower_where_they_carry_more(records):
    model, images, _ = start(records, kl_weight=0.01)
    mean, log_var = (value.numpy() for value in model.encode(images))
    np.testing.assert_allclose(mean.var(0), 1, atol=0.6)
    assert np.all(np.diff(log_var[0]) >= 0) and log_var[0, 0] < -3


def test_the_focus_decides_which_pixels_matter(records):
    errors = []
    for focus in (None, 0.15):
        model, images, stretched = start(records, focus=focus, latent_dim=4)
        error = np.square(model.decode_stretched(model.encode(images)[0]).numpy() - stretched)
        errors.append(np.sum(error * focus_window(ModelConfig.from_json(model.config.to_json() | {"focus": 0.15}))))
    assert errors[1] < 0.95 * errors[0]


def test_fewer_galaxies_than_latents(records):
    model, images, _ = start(records, latent_dim=1000)
    mean, _ = model.encode(images)
    assert np.isfinite(mean.numpy()).all() and np.all(mean.numpy()[:, 600:] == 0)
