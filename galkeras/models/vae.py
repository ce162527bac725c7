"""The variational auto-encoder: a subclassed Keras model whose distributions are TensorFlow Probability's."""

__all__ = ["LOSS_TERMS", "VAE", "focus_window", "for_keras", "my_part"]

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from galkeras.backend import keras, tf, tfd
from galkeras.io.errors import GalkerasError, did_you_mean
from galkeras.models.architectures import ARCHITECTURES
from galkeras.models.config import ModelConfig
from galkeras.models.losses import LOSSES
from galkeras.models.stretch import Stretch
from galkeras.models.variance import LearnedVariance
from galkeras.models.votes import vote_log_likelihood
from galkeras.records.schema import RecordSet

if TYPE_CHECKING:
    from galkeras.models.pictures import Picture

LOSS_TERMS = ("loss", "elbo_loss", "reconstruction", "kl")
"""The terms that every model logs; those that observe more have ``features`` and ``votes`` beside them."""

# Of features, before anything is known.
_FEATURE_NOISE = 0.03**2
_VOTE_UNITS = 64
# Bounds of the posterior's log variance: wide enough never to matter in a healthy run, tight enough for float32.
_LOG_VAR_BOUNDS = (-20.0, 10.0)


class VAE(keras.Model):
    r"""Compresses cutouts to latents with a diagonal Gaussian posterior and rebuilds them (paper, eq. 1 and 2).

    .. math:: \mathcal{L} = \|x - \hat x\| + k\,D_{KL}(q_\phi(z|x)\,\|\,\mathcal{N}(0, 1))

    Per image: the reconstruction term is summed over the pixels and bands of the stretched image (weighted by
    `focus_window`), the KL over the latents. Adam minimises the mean over the batch of their sum: in nats for a pixel
    loss in nats, else divided by the number of pixels and bands. A model may observe more of a galaxy than its pixels,
    each with a term of its own: features of the image that its architecture finds, and people's votes.

    Args:
        config: What to build.
        seed: Seed of the posterior noise and of the augmentation. Both are derived from it and the optimizer's step
            alone, so that a resumed run draws what an uninterrupted one would.

    >>> from galkeras.models.config import PAPER
    >>> model = VAE(ModelConfig(64, "picture", ("decals",), (255.0,) * 3, latent_dim=8, **PAPER))
    >>> z_mean, z_log_var = model.encode(np.zeros((2, 64, 64, 3), np.float32))
    >>> z_mean.shape
    TensorShape([2, 8])
    """

    config_class: ClassVar[type[ModelConfig]] = ModelConfig
    # The loss term whose lowest validation value marks the best epoch.
    monitor: ClassVar[str] = "elbo_loss"
    # The folder that it is in, or None.
    path: Path | None = None
    # Digests of the record sets that it learned from; none where that is not known.
    learned_from: frozenset[str] = frozenset()

    def __init__(self, config: ModelConfig, *, seed: int = 0, **kwargs):
        # Networks may compute in half precision, pixels and losses may not.
        super().__init__(dtype="float32", **kwargs)
        self.config = config
        self.base_seed = seed
        self.stretch = Stretch(config)
        self.architecture = ARCHITECTURES[config.architecture]
        self.encoder = self.architecture.encoder(config)
        self.decoder = self.architecture.decoder(config)
        self.pixel_loss = LOSSES[config.loss](config)
        self.feature_decoder = self.architecture.feature_decoder(config)
        if self.feature_decoder is not None:
            self.feature_noise = LearnedVariance(1, _FEATURE_NOISE, "feature_noise")
        self.vote_head = _vote_head(config) if config.questions else None
        observed = {"features": self.feature_decoder, "votes": self.vote_head}
        terms = (*LOSS_TERMS, *(name for name, network in observed.items() if network is not None))
        self._means = {name: keras.metrics.Mean(name=name) for name in terms}
        self._extend()
        self.build((None, *config.images.shape))

    def __repr__(self) -> str:
        config = self.config
        where = "" if self.path is None else f" {self.path}"
        images = " x ".join(map(str, config.images.shape))
        return f"<{type(self).__name__}{where}: {config.architecture}, {config.latent_dim} latents of {images} images>"

    def __str__(self) -> str:
        return repr(self) if self.path is None else str(self.path)

    def __fspath__(self) -> str:
        if self.path is None:
            raise GalkerasError("the model is in no folder: it was neither fitted nor loaded")
        return str(self.path)

    def _extend(self) -> None:
        """Add what a subclass has beside encoder and decoder, before Keras takes the model for built."""

    def build(self, input_shape):
        # Encoder and decoder are built by their own input shapes.
        self.stretch.build(input_shape)
        self.built = True

    # What users call: survey pixels in, survey pixels out.

    def encode(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the posterior's means and log variances, each (batch, latent_dim), of images in survey units."""
        posterior = self.posterior(self.stretch(images))
        return posterior.mean(), 2 * tf.math.log(posterior.stddev())

    def encode_images(
        self, images: "Picture | Iterable[Picture]", *, crop: int | None = None, batch_size: int = 64
    ) -> np.ndarray:
        """Return (images, latent_dim) posterior means of ordinary pictures, prepared as the model was trained.

        Args:
            images: One or many: (height, width, 3) uint8 arrays of red, green and blue with the top row first, as
                cameras and PIL have them; PIL images; or names of files that `make_tfrecords` takes, FITS too.
            crop: Take the central ``crop`` x ``crop`` pixels; by default as the model's own images were prepared.
            batch_size: Images at a time.

        Raises:
            GalkerasError: An image cannot be read or does not fit the model; its number or name is said.
        """
        # Readers of cutouts and catalogs, which take a second to load.
        from galkeras.models.pictures import batches_of, prepared_images

        prepared = prepared_images(images, self.config, crop)
        return np.concatenate([self.encode(batch)[0].numpy() for batch in batches_of(prepared, batch_size)])

    def decode(self, z: tf.Tensor, survey: str | None = None, pose: tf.Tensor | None = None) -> tf.Tensor:
        """Return images in survey units of (batch, latent_dim) latents, as ``survey`` would have taken them.

        Args:
            z: The latents.
            survey: One of ``config.surveys``; the first if None.
            pose: How the galaxies lie in their images, as `look` says it; in the decoder's own pose if None.
        """
        return self.stretch.inverse(self.draw(z, pose, survey))

    def decode_stretched(self, z: tf.Tensor, survey: str | None = None) -> tf.Tensor:
        """Return stretched images of (batch, latent_dim) latents; ``survey`` as in `decode`."""
        return self.draw(z, survey=survey)

    def translate(self, images: tf.Tensor, survey: str | None = None) -> tf.Tensor:
        """Return what ``survey`` would have seen of galaxies whose images, in survey units, are of any of the surveys.

        They are the reconstructions of the posterior means; ``survey`` as in `decode`.
        """
        posterior, pose = self.look(self.stretch(images))
        return self.stretch.inverse(self.draw(posterior.mean(), pose, survey))

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the reconstructions, in survey units, of the posterior means."""
        return self.translate(images)

    @property
    def roles(self) -> dict[str, str]:
        """Return what each survey is to the model, where it has a decoder for each: role to name."""
        return {}

    def decoder_of(self, survey: str | None) -> keras.Model:
        """Return the network that draws as ``survey`` sees, the first of ``config.surveys`` if None."""
        if survey is not None and survey not in self.config.surveys:
            raise GalkerasError(
                f"`survey` must be one of the model's: {', '.join(self.config.surveys)}."
                f"{did_you_mean(survey, self.config.surveys)} Received: survey={survey!r}"
            )
        return self.decoder

    def check_records(self, records: RecordSet, *, any_survey: bool = False) -> None:
        """Raise a `GalkerasError` unless the images of ``records`` are what the model takes.

        They must fit as `ImageSpec.check` says, and be of a survey that the model has seen, unless ``any_survey`` says
        that images of another are meant.
        """
        takes = self.config
        # Of the surveys that a model knows, its bands are those of the first.
        takes.images.check(records.images, records.path, same_survey=records.survey == takes.surveys[0])
        if not any_survey and records.survey not in takes.surveys:
            raise GalkerasError(
                f"{records.path} has survey {records.survey}, and the model takes {', '.join(takes.surveys)}:"
                " say `any_survey=True` to see what it makes of it"
            )

    # The distributions. Encoder and decoders are called here alone.

    def look(
        self, stretched: tf.Tensor, encoder: keras.Model | None = None
    ) -> tuple[tfd.Distribution, tf.Tensor | None]:
        """Return q(z|x), eq. 1, of stretched images, and the pose of each where the architecture finds one.

        ``encoder`` is another encoder of the same architecture in place of the model's.
        """
        posterior, found = self.see(stretched, encoder or self.encoder)
        return posterior, found.get("pose")

    def see(
        self, stretched: tf.Tensor, encoder: keras.Model, seed: tf.Tensor | None = None
    ) -> tuple[tfd.Distribution, dict[str, tf.Tensor]]:
        """Return q(z|x) and what else the encoder finds; with a ``seed``, as in training."""
        disturbed = seed is not None and self.architecture.disturbs
        draw = _source_of_rows(seed, tf.shape(stretched)[0]) if disturbed else None
        found = encoder(stretched, draw=draw) if disturbed else encoder(stretched)
        found = found if isinstance(found, dict) else {"moments": found}
        mean, log_var = tf.split(tf.cast(found["moments"], tf.float32), 2, axis=-1)
        log_var = tf.clip_by_value(log_var, *_LOG_VAR_BOUNDS)
        return tfd.Independent(tfd.Normal(mean, tf.exp(0.5 * log_var)), 1), found

    def draw(self, z: tf.Tensor, pose: tf.Tensor | None = None, survey: str | None = None) -> tf.Tensor:
        """Return stretched images of (batch, latent_dim) latents, in a ``pose`` that `look` found if one is given."""
        images = tf.cast(self.decoder_of(survey)(z), tf.float32)
        return images if pose is None else self.architecture.place(images, pose)

    def posterior(self, stretched: tf.Tensor) -> tfd.Distribution:
        """Return q(z|x), eq. 1, of stretched images."""
        return self.look(stretched)[0]

    def prior(self) -> tfd.Distribution:
        """Return p(z), the standard normal."""
        zeros = tf.zeros(self.config.latent_dim)
        return tfd.Independent(tfd.Normal(zeros, tf.ones_like(zeros)), 1)

    def losses_per_image(
        self, images: tf.Tensor, seed: tf.Tensor, votes: tf.Tensor | None = None, *, training: bool = False
    ) -> dict[str, tf.Tensor]:
        """Return every loss term as a (batch,) tensor.

        ``reconstruction`` and ``kl`` are sums over an image's pixels and latents, ``features`` and ``votes`` negative
        log likelihoods; ``elbo_loss`` is ``reconstruction + features + k kl + w votes``, and ``loss`` what Adam sees:
        that, divided by the number of pixels and bands where the pixel loss is not in nats.

        Args:
            images: In survey units.
            seed: Of the posterior noise.
            votes: (batch, answers of all questions) votes; None for galaxies without.
            training: Disturb the encoder as the architecture wants, and learn the noise.
        """
        stretched = self.stretch(images)
        posterior, found = self.see(stretched, self.encoder, seed if training else None)
        z = posterior.mean() + posterior.distribution.stddev() * self._noise(seed, tf.shape(images)[0])
        rebuilt = self.draw(z, found.get("pose"))
        terms = {
            "reconstruction": self._distance(stretched, rebuilt, training),
            "kl": tfd.kl_divergence(posterior, self.prior()),
        }
        elbo_loss = terms["reconstruction"] + self.config.kl_weight * terms["kl"]
        if self.feature_decoder is not None:
            terms["features"] = self._feature_nats(found["features"], z, training)
            elbo_loss += terms["features"]
        if self.vote_head is not None:
            terms["votes"] = self._vote_nats(z, votes)
            elbo_loss += self.config.votes_weight * terms["votes"]
        size = 1.0 if self.pixel_loss.in_nats else float(np.prod(self.config.network_shape))
        return {"loss": elbo_loss / size, "elbo_loss": elbo_loss} | terms

    def unexplained(
        self, stretched: tf.Tensor, found: dict[str, tf.Tensor], z: tf.Tensor, survey: str | None = None
    ) -> tf.Tensor:
        """Return (batch,) what latents leave of the loss of images: reconstruction, and features where there are any.

        Args:
            stretched: The images, stretched.
            found: What `see` found of them.
            z: (batch, latent_dim) any latents, in place of those that the encoder finds.
            survey: Which of the model's surveys draws them, the first if None.
        """
        left = self._distance(stretched, self.draw(z, found.get("pose"), survey))
        return left if self.feature_decoder is None else left + self._feature_nats(found["features"], z, False)

    def _distance(self, stretched: tf.Tensor, rebuilt: tf.Tensor, training: bool = False) -> tf.Tensor:
        window = focus_window(self.config)
        if training:
            self.pixel_loss.observe(stretched, rebuilt, window)
        return self.pixel_loss(stretched, rebuilt, window)

    def _feature_nats(self, features: tf.Tensor, z: tf.Tensor, training: bool) -> tf.Tensor:
        squares = tf.square(features - tf.cast(self.feature_decoder(z), tf.float32))[..., None]
        if training:
            self.feature_noise.learn(squares)
        return self.feature_noise.nats(squares)

    def _vote_nats(self, z: tf.Tensor, votes: tf.Tensor | None) -> tf.Tensor:
        logits = tf.cast(self.vote_head(z[:, -self.config.vote_latents :]), tf.float32)
        votes = tf.zeros_like(logits) if votes is None else votes
        return -vote_log_likelihood(logits, votes, [len(answers) for _, answers in self.config.questions])

    # Training. Every random number is drawn for the global batch and each replica takes its part, so that
    # several devices do what one device does with the whole batch.

    def compile(self, *args, **kwargs) -> None:
        """Set the optimizer, as Keras does, and make its variables: a step that makes them is traced twice."""
        super().compile(*args, **kwargs)
        self.optimizer.build(self.trainable_weights)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None) -> None:
        # All is built already. Keras would average a batch over the workers for it, and cannot where it is a tuple.
        pass

    def train_step(self, batch: tf.Tensor | tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Learn from a batch of images, or of images and votes."""
        images, votes = batch if isinstance(batch, tuple) else (batch, None)
        step = tf.cast(self.optimizer.iterations, tf.int32)
        seed = tf.stack([self.base_seed, step])
        images = self.architecture.vary(self._turn(images, seed), _source_of_rows(seed, tf.shape(images)[0]))
        with tf.GradientTape() as tape:
            terms = self.losses_per_image(images, seed, votes, training=True)
            # Keras sums gradients over replicas.
            loss = tf.reduce_mean(terms["loss"]) / tf.distribute.get_strategy().num_replicas_in_sync
        self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
        return self._log(terms)

    def test_step(self, data: tuple[tf.Tensor, ...]) -> dict[str, tf.Tensor]:
        """Score images, weights, and votes where there are any: weight 0 marks the padding of the last batch.

        The noise is the same each time.
        """
        images, weights, *votes = data
        return self._log(self.losses_per_image(images, tf.constant([self.base_seed, -1]), *votes), weights)

    def _log(self, terms: dict[str, tf.Tensor], weights: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        for name, mean in self._means.items():
            self._update(mean, terms[name], weights)
        return for_keras({name: mean.result() for name, mean in self._means.items()})

    @staticmethod
    def _update(mean: keras.metrics.Mean, values: tf.Tensor, weights: tf.Tensor | None) -> None:
        if weights is not None:
            # Padding can make one replica's weights another's, while Keras averages over replicas without weights.
            context = tf.distribute.get_replica_context()
            total, count = (
                context.all_reduce(tf.distribute.ReduceOp.SUM, tf.reduce_sum(x)) for x in (values * weights, weights)
            )
            values, weights = tf.math.divide_no_nan(total, count), count
        mean.update_state(values, weights)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return list(self._means.values())

    def _noise(self, seed: tf.Tensor, batch: tf.Tensor) -> tf.Tensor:
        return my_part(lambda count: self.prior().sample(count, seed=seed), batch)

    def _turn(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Flip and quarter-turn each image at random: one of the square's eight symmetries."""
        coins = my_part(
            lambda count: tf.random.stateless_uniform((count, 3, 1, 1, 1), seed + [1, 0]) < 0.5, tf.shape(images)[0]
        )
        images = tf.where(coins[:, 0], tf.reverse(images, [1]), images)
        images = tf.where(coins[:, 1], tf.reverse(images, [2]), images)
        return tf.where(coins[:, 2], tf.transpose(images, (0, 2, 1, 3)), images)

    @property
    def digest(self) -> str:
        """Return what identifies the model: a SHA-256 over its settings and weights."""
        digest = hashlib.sha256(json.dumps(self.config.identity(), sort_keys=True).encode())
        for weight in self.get_weights():
            digest.update(np.ascontiguousarray(weight, "<f4").tobytes())
        return digest.hexdigest()


def _source_of_rows(
    seed: tf.Tensor, batch: tf.Tensor
) -> Callable[[Callable[[tf.Tensor, tf.Tensor], tf.Tensor], int], tf.Tensor]:
    """Return what gives this replica's ``batch`` of random rows, from a function of count and seed and a number."""

    def draw(rows: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], number: int) -> tf.Tensor:
        folded = tf.random.experimental.stateless_fold_in(seed, number)
        return my_part(lambda whole: rows(whole, folded), batch)

    return draw


def my_part(draw, batch: tf.Tensor) -> tf.Tensor:
    """Return this replica's ``batch`` rows of ``draw(rows of the global batch)``."""
    context = tf.distribute.get_replica_context()
    start = context.replica_id_in_sync_group * batch
    return draw(batch * context.num_replicas_in_sync)[start : start + batch]


def for_keras(means: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Return what a step logs in the shape that Keras takes: over several workers it can average no scalars."""
    if isinstance(tf.distribute.get_strategy(), tf.distribute.MultiWorkerMirroredStrategy):
        return {name: tf.reshape(mean, (1,)) for name, mean in means.items()}
    return means


def _vote_head(config: ModelConfig) -> keras.Model:
    """Return the network from the last latents to the log probabilities, unnormalised, of all answers."""
    answers = sum(len(answers) for _, answers in config.questions)
    z = keras.Input((config.vote_latents,))
    hidden = keras.layers.Dense(_VOTE_UNITS, activation="swish")(z)
    correction = keras.layers.Dense(answers, kernel_initializer="zeros")(hidden)
    return keras.Model(z, keras.layers.Dense(answers)(z) + correction, name="vote_head")


def focus_window(config: ModelConfig) -> np.ndarray:
    """Return the (side, side, 1) weight of pixels in the reconstruction term, 1 at the centre (`ModelConfig.focus`)."""
    side = config.network_size
    if config.focus is None:
        return np.ones((side, side, 1), np.float32)
    offset = (np.arange(side) - (side - 1) / 2) / (side / 2)
    row = np.exp(-0.5 * (offset / config.focus) ** 2)
    return np.outer(row, row)[..., None].astype(np.float32)
