"""A network that sees galaxies in their own frame, so that latents do not say which way they are turned."""

__all__ = ["Upright", "UprightEncoder"]

from typing import ClassVar

import numpy as np

from galkeras.backend import keras, tf
from galkeras.models.architectures import ARCHITECTURES, Architecture
from galkeras.models.config import ModelConfig
from galkeras.models.frame import GalaxyFrame, jitter_of
from galkeras.models.layers import PixelShuffle, ResidualBlock, convolution, up_convolution
from galkeras.models.normalization import GroupNormalization
from galkeras.models.pose import feature_count, resample
from galkeras.models.vae import VAE, focus_window
from galkeras.records.reader import ordered_dataset
from galkeras.records.schema import RecordSet

layers = keras.layers

# Side at which the linear paths see and draw an upright image.
_LINEAR_SIDE = 32
# Channels of the encoder's stages, which halve the side, and of the decoder's.
_ENCODER, _DECODER = (32, 64, 128), (64, 48, 24)
_GROUPS = 8
_DROPOUT = 0.2
_LOG_VAR = -3.0
# Training galaxies that the components are of.
_SAMPLE = 10_000
_LEAST = 1e-12
# Standard deviations, in natural logarithms, of what training varies galaxies by.
_SIZE, _LIGHT, _COLOUR = 0.08, 0.12, 0.04


class Upright(Architecture):
    """Latents in the galaxy's own frame.

    The position angle, which end is which and the parity come from the azimuthal Fourier modes of the image
    (`galkeras.models.pose`); a bilinear gather turns the image upright. The posterior's mean is a linear map of the
    upright pixels and of those features of the modes that no turn changes, set to principal components and left there,
    and a convolutional correction that starts at zero. The decoder draws the upright galaxy, and the same pose turns it
    back. The features are a second thing observed: latents must account for them too. Compare TARGET-VAE (Nasiri &
    Bepler 2022) and spatial-VAE (Bepler et al. 2019), which learn the pose.

    Attributes:
        features_over_pixels: Of the variance, the features' share over the pixels' in the components that a model
            starts from.
    """

    multiple = 32
    learning_rate = 1.5e-3
    disturbs = True
    features_over_pixels: ClassVar[float] = 4.0

    def encoder(self, config: ModelConfig) -> keras.Model:
        return UprightEncoder(config)

    def decoder(self, config: ModelConfig, name: str = "decoder") -> keras.Model:
        side, bands = config.network_shape[0], config.network_shape[-1]
        z = keras.Input((config.latent_dim,))
        linear = layers.Dense(_LINEAR_SIDE**2 * bands, name="linear", trainable=False)(z)
        linear = layers.Reshape((_LINEAR_SIDE, _LINEAR_SIDE, bands))(linear)
        linear = layers.UpSampling2D(side // _LINEAR_SIDE, interpolation="bilinear")(linear)
        start = side // 8
        x = layers.Reshape((start, start, _DECODER[0]))(layers.Dense(start * start * _DECODER[0])(z))
        for width in _DECODER[1:]:
            x = up_convolution(width)(_block(x))
        x = PixelShuffle()(convolution(4 * bands, zeros=True)(_normal(_block(x))))
        return keras.Model(z, linear + x, name=name)

    def feature_decoder(self, config: ModelConfig) -> keras.Model:
        features = feature_count(config.network_shape[-1])
        z = keras.Input((config.latent_dim,))
        hidden = layers.Dense(256, activation="swish")(layers.Dense(256, activation="swish")(z))
        linear = layers.Dense(features, name="linear", trainable=False)(z)
        correction = layers.Dense(features, kernel_initializer="zeros")(hidden)
        return keras.Model(z, linear + correction, name="feature_decoder")

    def vary(self, images: tf.Tensor, draw) -> tf.Tensor:
        """Return each galaxy a little larger or smaller, brighter or fainter, bluer or redder.

        A galaxy is always seen upright, so that turning its image teaches the encoder nothing: without this it knows
        its training galaxies by heart after a dozen passes.
        """
        bands = images.shape[-1]
        dice = draw(lambda count, seed: tf.random.stateless_normal((count, 2 + bands), seed), 5)
        size = tf.exp(_SIZE * tf.clip_by_value(dice[:, 0], -2.0, 2.0))
        light = tf.exp(_LIGHT * dice[:, 1:2] + _COLOUR * dice[:, 2:])
        pose = tf.stack([size, tf.zeros_like(size), tf.ones_like(size)], -1)
        return resample(images, pose) * light[:, None, None]

    def place(self, images: tf.Tensor, pose: tf.Tensor) -> tf.Tensor:
        return resample(images, pose, back=True)

    def random_pose(self, count: int, rng: np.random.Generator) -> np.ndarray:
        angle, parity = rng.uniform(-np.pi, np.pi, count), rng.choice([-1.0, 1.0], count)
        return np.stack([np.cos(angle), np.sin(angle), parity], -1).astype(np.float32)

    def start(self, model: VAE, records: RecordSet, seed: int) -> None:
        r"""Set the linear paths to principal components of the training galaxies' features and upright pixels.

        Latents are components in units of their standard deviation, as in a linear VAE at its optimum (Lucas et al.
        2019); decoders are the regressions of pixels and features on them; noise is what those leave over.
        """
        from sklearn.decomposition import PCA

        side, window = model.config.network_size, focus_window(model.config)
        factor, bands = side // _LINEAR_SIDE, model.config.network_shape[-1]
        features, pixels = _sample(model, records, factor)
        pixel_weight = _pooled(np.broadcast_to(window, (side, side, bands))[None], factor)[0]
        weight = np.sqrt(pixel_weight)
        spread = np.sqrt(max((pixels * weight).var(0).sum(), _LEAST))
        feature_scale = np.sqrt(self.features_over_pixels / max(features.var(0).sum(), _LEAST))
        scale = np.concatenate([np.full(features.shape[1], feature_scale), weight / spread]).astype(np.float32)
        split = features.shape[1]
        joint = np.concatenate([features, pixels], 1)
        count = min(model.config.latent_dim - model.config.vote_latents, len(joint) - 1)
        pca = PCA(count, svd_solver="randomized", random_state=seed).fit(joint * scale)

        spreads = np.sqrt(np.maximum(pca.explained_variance_, _LEAST))
        encode = (pca.components_ * scale / spreads[:, None]).T
        encode = np.pad(encode, [(0, 0), (0, model.config.latent_dim - count)])
        centre = joint.mean(0)
        latents = (joint - centre) @ encode
        decode = latents.T @ (joint - centre) / len(joint)
        left = np.square(joint - centre - latents @ decode).mean(0)
        of_features = max(left[:split].mean(), _LEAST)
        of_pixels = (left[split:] * pixel_weight).reshape(-1, bands).sum(0) / pixel_weight.reshape(-1, bands).sum(0)
        noise = np.concatenate(
            [np.full(split, of_features), np.tile(of_pixels, _LINEAR_SIDE**2) / (factor**2 * pixel_weight + 1e-9)]
        )
        model.encoder.linear.set_weights([encode, -centre @ encode])
        model.encoder.log_var.bias.assign(-np.log1p((np.square(decode) / (noise + _LEAST)).sum(1)))
        model.feature_decoder.get_layer("linear").set_weights([decode[:, :split], centre[:split]])
        model.decoder.get_layer("linear").set_weights([decode[:, split:], centre[split:]])
        model.feature_noise.variance.assign([of_features])


class UprightEncoder(keras.Model):
    """From stretched images to the moments of the posterior, the pose, and the features of the modes.

    Args:
        config: What to build.
        frame: What finds the pose.
    """

    def __init__(self, config: ModelConfig, frame: type[GalaxyFrame] = GalaxyFrame):
        super().__init__(name="encoder")
        side, bands = config.network_shape[0], config.network_shape[-1]
        self.frame = frame(side, bands)
        self.pool = layers.AveragePooling2D(side // _LINEAR_SIDE)
        self.linear = layers.Dense(config.latent_dim, name="linear", trainable=False, dtype="float32")
        self.trunk = _trunk(side, bands, self.frame.features)
        self.correction = layers.Dense(config.latent_dim, kernel_initializer="zeros", name="correction")
        start = keras.initializers.Constant(_LOG_VAR)
        self.log_var = layers.Dense(
            config.latent_dim, kernel_initializer="zeros", bias_initializer=start, name="log_var"
        )
        hidden = self.trunk.output_shape[-1]
        self.linear.build((None, self.frame.features + _LINEAR_SIDE**2 * bands))
        for head in (self.correction, self.log_var):
            head.build((None, hidden))
        self.built = True

    def call(self, stretched: tf.Tensor, draw=None) -> dict[str, tf.Tensor]:
        """Return ``moments``, ``pose`` and ``features``.

        ``draw`` is given in training alone: it takes a function from a count and a seed to random rows, and gives this
        batch's. The encoder then sees poses that are a little wrong, and drops some of what it has seen.
        """
        jitter = None if draw is None else draw(lambda count, seed: jitter_of(seed, count, self.frame.features), 3)
        seen = self.frame(stretched, jitter)
        hidden = self.trunk([seen.images, seen.features])
        if draw is not None:
            coins = draw(lambda count, seed: tf.random.stateless_uniform((count, hidden.shape[-1]), seed), 4)
            hidden = tf.where(coins < _DROPOUT, tf.zeros_like(hidden), hidden / (1 - _DROPOUT))
        pixels = tf.reshape(self.pool(seen.images), (-1, self.linear.kernel.shape[0] - self.frame.features))
        linear = self.linear(tf.concat([seen.features, tf.cast(pixels, tf.float32)], -1))
        mean = linear + tf.cast(self.correction(hidden), tf.float32)
        moments = tf.concat([mean, tf.cast(self.log_var(hidden), tf.float32)], -1)
        return {"moments": moments, "pose": seen.pose, "features": seen.features}


def _sample(model: VAE, records: RecordSet, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """Return features and block-averaged upright pixels, a row each, of training galaxies."""
    frame = tf.function(
        lambda images: model.encoder.frame(model.stretch(images)), reduce_retracing=True, autograph=False
    )
    features, pixels, seen = [], [], 0
    for batch in ordered_dataset(records, ("train",), 64):
        framed = frame(batch["image"])
        features.append(framed.features.numpy())
        pixels.append(_pooled(framed.images.numpy(), factor))
        seen += len(features[-1])
        if seen >= _SAMPLE:
            break
    return np.concatenate(features), np.concatenate(pixels)


def _pooled(images: np.ndarray, factor: int) -> np.ndarray:
    """Return (rows, pixels and bands) of images that are averaged over blocks."""
    rows, side, _, bands = images.shape
    blocks = images.reshape(rows, side // factor, factor, side // factor, factor, bands)
    return blocks.mean((2, 4)).reshape(rows, -1)


def _trunk(side: int, bands: int, features: int) -> keras.Model:
    """Return the network from upright images and features to what the corrections are read from.

    The first stage is a 5 x 5 convolution of stride 2: a block at full resolution would cost as much as all the rest.
    """
    images, modes = keras.Input((side, side, bands)), keras.Input((features,))
    x = images
    for stage, width in enumerate(_ENCODER):
        x = _block(convolution(width, strides=2, size=3 if stage else 5)(_normal(x) if stage else x))
    x = _normal(x)
    # What is where, in the galaxy's own frame, beside what there is.
    where = layers.Flatten()(_normal(convolution(16, size=1)(x)))
    profile = layers.Dense(128, activation="swish")(layers.LayerNormalization()(layers.Dense(128)(modes)))
    parts = [layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x), where, profile]
    return keras.Model([images, modes], layers.Concatenate()(parts), name="trunk")


def _block(x):
    return ResidualBlock(x.shape[-1], identity=True)(x)


def _normal(x):
    return layers.Activation("swish")(GroupNormalization(_GROUPS)(x))


ARCHITECTURES.add("upright", Upright())
