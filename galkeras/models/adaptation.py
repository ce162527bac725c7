"""The domain-adaptation model: one encoder that reads two surveys alike, and a decoder for each."""

__all__ = ["DOMAINS", "DomainAdaptationVAE"]

import numpy as np

from galkeras.backend import keras, tf, tfd
from galkeras.models.alignment import coral, mmd2
from galkeras.models.config import AdaptationConfig
from galkeras.models.vae import VAE

DOMAINS = ("source", "target")

# What a latent must vary by over galaxies for its differences to matter; far below `active_units`.
_LEAST_VARIANCE = 1e-4

_ALIGNMENTS = {"mmd2": mmd2, "coral": coral}


class DomainAdaptationVAE(VAE):
    r"""A `VAE` of two surveys at once: shared encoder, two decoders (paper, sec. 5.2 and eq. 6).

    .. math:: \mathcal{L} = \tfrac12 (\mathcal{L}_\mathrm{VAE}^S + \mathcal{L}_\mathrm{VAE}^T)
        + \lambda\,\mathrm{MMD}^2(\mu^S, \mu^T) + w\,d(\mu^S, \mu^T) + v\,d(\mu^S, \mu^\mathrm{VAE})

    on the scale of one image: :math:`\mathcal{L}_\mathrm{VAE}` is the reconstruction error summed over pixels plus k
    times the KL summed over latents, averaged over the galaxies of a survey; MMD² is that of the posterior means; and

    .. math:: d(a, b) = \left\langle \frac{N_L\,r}{1 + r} \right\rangle, \qquad
        r = \frac{1}{N_L} \sum_d \frac{(a_d - b_d)^2}{2\,\mathrm{Var}_d}

    is over galaxies, from 0 to :math:`N_L`: r is the squared distance of a galaxy's two latents over that of different
    galaxies, so it cannot be made small by shrinking the latents (nor, as the KL between the two posteriors can, by
    widening these), and it saturates where a star or a defect in one image leaves nothing to agree on. ``pair`` is d
    between a galaxy's two images, ``keep`` that between what the encoder says of a source image and what the VAE did
    from which it started: reconstruction alone does not hold on to what little of the light tells a bulge or a bar.
    Adam sees :math:`\mathcal{L}` divided by the number of pixels and bands.

    Whatever a `VAE` offers works here; what it decodes to is the source survey unless told otherwise.

    Args:
        config: What to build.
        paired: Whether rows of the same number in source and target batches are the same galaxy.
        seed: Of posterior noise and augmentation.

    >>> settings = dict(image_size=64, units="picture", surveys=("decals", "bass-mzls"), ceiling=(255.0,) * 3)
    >>> model = DomainAdaptationVAE(AdaptationConfig(**settings))
    >>> model.translate(np.zeros((2, 64, 64, 3), np.float32), "bass-mzls").shape
    TensorShape([2, 64, 64, 3])
    """

    def __init__(self, config: AdaptationConfig, *, paired: bool = True, seed: int = 0, **kwargs):
        super().__init__(config, seed=seed, **kwargs)
        self.paired = paired
        self._latents_before = None

    def _extend(self) -> None:
        # What a VAE observed beside pixels stays as it learned it.
        for network in (self.feature_decoder, self.vote_head):
            if network is not None:
                network.trainable = False
        self.target_decoder = self.architecture.decoder(self.config, "target_decoder")
        terms = [f"{term}_{domain}" for term in ("reconstruction", "kl") for domain in DOMAINS]
        terms += [self.config.alignment, "pair", "keep"]
        self._means = {name: keras.metrics.Mean(name=name) for name in terms}

    def start_from(self, vae: VAE) -> None:
        """Take the weights of a fitted VAE: both decoders begin as its one."""
        self.encoder.set_weights(vae.encoder.get_weights())
        for decoder in (self.decoder, self.target_decoder):
            decoder.set_weights(vae.decoder.get_weights())
        for name in ("feature_decoder", "feature_noise", "vote_head", "pixel_loss"):
            mine, its = getattr(self, name, None), getattr(vae, name, None)
            if isinstance(mine, keras.layers.Layer):
                mine.set_weights(its.get_weights())
        if self.config.keep_weight:
            encoder = self.architecture.encoder(self.config)
            encoder.set_weights(vae.encoder.get_weights())
            # A function and not an attribute: Keras would train and save it.
            self._latents_before = lambda stretched: self.look(stretched, encoder)[0].mean()

    @property
    def roles(self) -> dict[str, str]:
        return dict(zip(DOMAINS, self.config.surveys, strict=True))

    def decoder_of(self, survey: str | None) -> keras.Model:
        decoder = super().decoder_of(survey)
        return self.target_decoder if survey == self.config.surveys[1] else decoder

    # Training.

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Learn from a batch of ``source`` and ``target`` images, and ``source_only`` ones where there are any."""
        step = tf.cast(self.optimizer.iterations, tf.int32)
        seed = tf.stack([self.base_seed, step])
        # The two images of a galaxy are turned alike.
        images = {name: self._turn(values, _fold(seed, name == "source_only")) for name, values in batch.items()}
        with tf.GradientTape() as tape:
            terms = self._terms(images, seed)
            loss = self._total({name: tf.reduce_mean(term) for name, term in terms.items()})["loss"]
            # Keras sums gradients over replicas.
            loss /= tf.distribute.get_strategy().num_replicas_in_sync
        self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
        return self._log(terms, {})

    def test_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Score ``source`` and ``target`` images with ``source_weights`` and ``target_weights``, 0 for padding."""
        weights = {domain: batch[f"{domain}_weights"] for domain in DOMAINS}
        images = {domain: batch[domain] for domain in DOMAINS}
        return self._log(self._terms(images, tf.constant([self.base_seed, -1]), weights), weights)

    def _terms(
        self, images: dict[str, tf.Tensor], seed: tf.Tensor, weights: dict[str, tf.Tensor] | None = None
    ) -> dict[str, tf.Tensor]:
        """Return the terms of the loss: one value an image, but a scalar for the alignment."""
        order = [name for name in ("source", "source_only", "target") if name in images]
        counts = [tf.shape(images[name])[0] for name in order]
        stretched = self.stretch(tf.concat([images[name] for name in order], 0))
        posterior, pose = self.look(stretched)
        mean = posterior.mean()
        noise = tf.concat([self._noise(_fold(seed, 2 + i), count) for i, count in enumerate(counts)], 0)
        z = mean + posterior.distribution.stddev() * noise
        sources = tf.shape(stretched)[0] - counts[-1]
        kl = tfd.kl_divergence(posterior, self.prior())
        parts = {"source": slice(0, sources), "target": slice(sources, None)}
        rebuilt = {
            role: self.draw(z[parts[role]], None if pose is None else pose[parts[role]], survey)
            for role, survey in self.roles.items()
        }
        terms = {
            "reconstruction_source": self._distance(stretched[:sources], rebuilt["source"]),
            "reconstruction_target": self._distance(stretched[sources:], rebuilt["target"]),
            "kl_source": kl[:sources],
            "kl_target": kl[sources:],
        }
        common = slice(0, counts[0])
        terms[self.config.alignment] = self._align(mean[common], mean[sources:], weights)
        weight = None if weights is None else weights["source"]
        if self.paired:
            terms["pair"] = self._difference(mean[common], mean[sources:], weight)
        # A model that was loaded has forgotten the VAE: its loss is without the term.
        if self._latents_before is not None:
            terms["keep"] = self._difference(mean[:sources], self._latents_before(stretched[:sources]), weight)
        return terms

    def _align(self, source: tf.Tensor, target: tf.Tensor, weights: dict[str, tf.Tensor] | None) -> tf.Tensor:
        # The discrepancy of a batch is no sum over its parts, so every replica computes that of the whole batch.
        options = {}
        if weights is not None:
            options = {"a_weights": _gather(weights["source"]), "b_weights": _gather(weights["target"])}
        if self.config.alignment == "mmd2":
            options["paired"] = self.paired
        return _ALIGNMENTS[self.config.alignment](_gather(source), _gather(target), **options)

    def _difference(self, a: tf.Tensor, b: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
        weight = _gather(tf.ones(tf.shape(a)[:1]) if weights is None else weights)[:, None]
        count = tf.reduce_sum(weight)
        both = [_gather(a), _gather(b)]
        centre = [tf.math.divide_no_nan(tf.reduce_sum(x * weight, 0), count) for x in both]
        variance = tf.add_n([tf.reduce_sum(weight * tf.square(x - c), 0) for x, c in zip(both, centre, strict=True)])
        variance = tf.math.divide_no_nan(variance, 2 * count) + _LEAST_VARIANCE
        ratio = tf.reduce_mean(tf.square(a - b) / (2 * variance), -1)
        return self.config.latent_dim * ratio / (1 + ratio)

    def _total(self, terms: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return ``loss`` and ``elbo_loss`` of terms that are means over a batch or over an epoch."""
        reconstruction, kl = (
            0.5 * (terms[f"{name}_source"] + terms[f"{name}_target"]) for name in ("reconstruction", "kl")
        )
        elbo_loss = reconstruction + self.config.kl_weight * kl
        beside = self.config.mmd_weight * terms[self.config.alignment]
        for name, factor in (("pair", self.config.pair_weight), ("keep", self.config.keep_weight)):
            if name in terms:
                beside += factor * terms[name]
        # Weights are stated on the scale of squared errors, whatever the pixel loss.
        total = elbo_loss + beside / self.pixel_loss.scale
        size = 1.0 if self.pixel_loss.in_nats else float(np.prod(self.config.network_shape))
        return {"loss": total / size, "elbo_loss": elbo_loss}

    def _log(self, terms: dict[str, tf.Tensor], weights: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        for name, term in terms.items():
            weight = weights.get("target" if name.endswith("target") else "source")
            if weights and name == self.config.alignment:
                # Of a whole batch: counts by the galaxies in the smaller of its two samples.
                weight = tf.minimum(*(tf.reduce_sum(_gather(weights[domain])) for domain in DOMAINS))
            self._update(self._means[name], term, weight)
        means = {name: self._means[name].result() for name in terms}
        return means | self._total(means)


def _gather(x: tf.Tensor) -> tf.Tensor:
    """Return ``x`` of all replicas, one after the other."""
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return x
    gathered = context.all_gather(x, 0)
    return tf.ensure_shape(gathered, (context.num_replicas_in_sync * x.shape[0], *x.shape[1:]))


def _fold(seed: tf.Tensor, number: int) -> tf.Tensor:
    """Return a seed that is another for each purpose."""
    return tf.random.experimental.stateless_fold_in(seed, int(number))
