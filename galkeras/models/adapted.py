"""A VAE of several surveys: one encoder, a decoder for each, and what a subclass makes of their latents."""

__all__ = ["DOMAINS", "AdaptedVAE", "Latents", "gather"]

from typing import ClassVar, NamedTuple

import numpy as np

from galkeras.backend import keras, tf, tfd
from galkeras.models.config import AdapterConfig, named
from galkeras.models.vae import VAE, for_keras

DOMAINS = ("source", "target")
"""What the two surveys of a pair are to the model: the source, and one that is adapted to it."""


class Latents(NamedTuple):
    """What the encoder says of a batch of the source and one target: all that the terms of an adapter are made of.

    Attributes:
        source: (m, latent_dim) posterior means of the source's images; those that have no partner come last.
        target: (n, latent_dim) posterior means of the target's images.
        common: How many of ``source`` stand beside a row of ``target``; the same galaxies, where there are pairs.
        source_images: (m, side, side, band) stretched images of the source.
        target_images: (n, side, side, band) stretched images of the target.
        weights: (m,) and (n,) weights by domain, 0 for padding, or None.
    """

    source: tf.Tensor
    target: tf.Tensor
    common: tf.Tensor
    source_images: tf.Tensor
    target_images: tf.Tensor
    weights: dict[str, tf.Tensor] | None


class AdaptedVAE(VAE):
    r"""A `VAE` of several surveys at once, with a shared encoder and a decoder for each; what adapters are made from.

    .. math:: \mathcal{L} = \frac{1}{n} \sum_{T} \left( \tfrac12 (\mathcal{L}_\mathrm{VAE}^S
        + \mathcal{L}_\mathrm{VAE}^T) + \sum_i w_i\,t_i^{ST} \right)

    over the n targets T (one in the paper), on the scale of one image: :math:`\mathcal{L}_\mathrm{VAE}` is the
    reconstruction error summed over pixels plus k times the KL summed over latents, averaged over the galaxies of a
    survey. The terms :math:`t_i`, of the source and one target, are a subclass's (`compare`), as are their weights
    (`factors`). Adam sees :math:`\mathcal{L}` divided by the number of pixels and bands.

    Whatever a `VAE` offers works here; what it decodes to is the source survey unless told otherwise.

    Args:
        config: What to build.
        paired: Whether rows of the same number in source and target batches are the same galaxy.
        seed: Of posterior noise and augmentation.
    """

    config_class: ClassVar[type[AdapterConfig]] = AdapterConfig
    monitor: ClassVar[str] = "loss"

    def __init__(self, config: AdapterConfig, *, paired: bool = True, seed: int = 0, **kwargs):
        super().__init__(config, seed=seed, **kwargs)
        self.paired = paired

    def _extend(self) -> None:
        # What a VAE observed beside pixels stays as it learned it.
        for network in (self.feature_decoder, self.vote_head):
            if network is not None:
                network.trainable = False
        for name in self._target_decoders:
            setattr(self, name, self.architecture.decoder(self.config, name))
        terms = [f"{term}_{domain}" for term in ("reconstruction", "kl") for domain in DOMAINS]
        names = [named(term, number) for number in self.targets for term in (*terms, *self.factors)]
        self._means = {name: keras.metrics.Mean(name=name) for name in names}

    @property
    def factors(self) -> dict[str, float]:
        """Return the weight in the loss of each term that `compare` can give."""
        raise NotImplementedError

    def compare(self, latents: Latents) -> dict[str, tf.Tensor]:
        """Return the terms beyond the VAE's: one value an image of a domain, or a scalar of a whole batch."""
        raise NotImplementedError

    def start_from(self, vae: VAE) -> None:
        """Take the weights of a fitted VAE: all decoders begin as its one."""
        self.encoder.set_weights(vae.encoder.get_weights())
        for decoder in (self.decoder, *(getattr(self, name) for name in self._target_decoders)):
            decoder.set_weights(vae.decoder.get_weights())
        for name in ("feature_decoder", "feature_noise", "vote_head", "pixel_loss"):
            mine, its = getattr(self, name, None), getattr(vae, name, None)
            if isinstance(mine, keras.layers.Layer):
                mine.set_weights(its.get_weights())

    @property
    def targets(self) -> range:
        """Return the numbers of the surveys that are adapted to the source."""
        return range(len(self.config.surveys) - 1)

    @property
    def _target_decoders(self) -> list[str]:
        # Attributes and no list: their names are those of the weights in the file.
        return [named("target_decoder", number) for number in self.targets]

    @property
    def roles(self) -> dict[str, str]:
        source, *targets = self.config.surveys
        return {"source": source} | {named("target", number): one for number, one in enumerate(targets)}

    def decoder_of(self, survey: str | None) -> keras.Model:
        decoder = super().decoder_of(survey)
        _, *targets = self.config.surveys
        return getattr(self, self._target_decoders[targets.index(survey)]) if survey in targets else decoder

    # Training.

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Learn from a batch of ``source`` and ``target`` images, and ``source_only`` ones where there are any.

        Those of further targets, and of the source beside them, are ``source_2``, ``target_2``, ``source_only_2`` and
        so on.
        """
        step = tf.cast(self.optimizer.iterations, tf.int32)
        seeds = self._seeds(step)
        with tf.GradientTape() as tape:
            each = []
            for number, seed in enumerate(seeds):
                # The two images of a galaxy are turned alike.
                images = {
                    name: self._turn(values, _fold(seed, name == "source_only"))
                    for name, values in _of_target(batch, number).items()
                }
                each.append(self._terms(images, seed, number=number))
            means = {
                named(name, number): tf.reduce_mean(term)
                for number, terms in enumerate(each)
                for name, term in terms.items()
            }
            # Keras sums gradients over replicas.
            loss = self._total(means)["loss"] / tf.distribute.get_strategy().num_replicas_in_sync
        self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
        return self._log(each, [{}] * len(each))

    def test_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Score the images of `train_step` with ``source_weights``, ``target_weights`` and so on, 0 for padding."""
        weights = [{domain: batch[f"{named(domain, number)}_weights"] for domain in DOMAINS} for number in self.targets]
        each = [
            self._terms({domain: batch[named(domain, number)] for domain in DOMAINS}, seed, weights[number], number)
            for number, seed in enumerate(self._seeds(-1))
        ]
        return self._log(each, weights)

    def _seeds(self, step: tf.Tensor | int) -> list[tf.Tensor]:
        """Return the seed of a step for each target, the first as it was where there was one."""
        seed = tf.stack([self.base_seed, step])
        return [_fold(seed, 100 + number) if number else seed for number in self.targets]

    def _terms(
        self,
        images: dict[str, tf.Tensor],
        seed: tf.Tensor,
        weights: dict[str, tf.Tensor] | None = None,
        number: int = 0,
    ) -> dict[str, tf.Tensor]:
        """Return the terms of the loss of one target: one value an image, but a scalar for the alignment."""
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
        surveys = self.config.surveys[0], self.config.surveys[1 + number]
        rebuilt = {
            domain: self.draw(z[parts[domain]], None if pose is None else pose[parts[domain]], survey)
            for domain, survey in zip(DOMAINS, surveys, strict=True)
        }
        terms = {
            "reconstruction_source": self._distance(stretched[:sources], rebuilt["source"]),
            "reconstruction_target": self._distance(stretched[sources:], rebuilt["target"]),
            "kl_source": kl[:sources],
            "kl_target": kl[sources:],
        }
        compared = Latents(mean[:sources], mean[sources:], counts[0], stretched[:sources], stretched[sources:], weights)
        return terms | self.compare(compared)

    def _total(self, terms: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return ``loss`` and ``elbo_loss`` of terms that are means over a batch or over an epoch."""
        each = [self._total_of(terms, number) for number in self.targets]
        return {name: sum(one[name] for one in each) / len(each) for name in each[0]}

    def _total_of(self, terms: dict[str, tf.Tensor], number: int) -> dict[str, tf.Tensor]:
        reconstruction, kl = (
            0.5 * (terms[named(f"{name}_source", number)] + terms[named(f"{name}_target", number)])
            for name in ("reconstruction", "kl")
        )
        elbo_loss = reconstruction + self.config.kl_weight * kl
        beside = 0.0
        for name, factor in self.factors.items():
            if named(name, number) in terms:
                beside += factor * terms[named(name, number)]
        # Weights are stated on the scale of squared errors, whatever the pixel loss.
        total = elbo_loss + beside / self.pixel_loss.scale
        size = 1.0 if self.pixel_loss.in_nats else float(np.prod(self.config.network_shape))
        return {"loss": total / size, "elbo_loss": elbo_loss}

    def _log(self, each: list[dict[str, tf.Tensor]], weights: list[dict[str, tf.Tensor]]) -> dict[str, tf.Tensor]:
        """Count the terms of each target, and return the means so far."""
        means = {}
        for number, (terms, its) in enumerate(zip(each, weights, strict=True)):
            for name, term in terms.items():
                weight = its.get("target" if name.endswith("target") else "source")
                if its and term.shape.rank == 0:
                    # Of a whole batch: counts by the galaxies in the smaller of its two samples.
                    weight = tf.minimum(*(tf.reduce_sum(gather(its[domain])) for domain in DOMAINS))
                mean = self._means[named(name, number)]
                self._update(mean, term, weight)
                means[named(name, number)] = mean.result()
        return for_keras(means | self._total(means))


def gather(x: tf.Tensor) -> tf.Tensor:
    """Return ``x`` of all replicas, one after the other."""
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return x
    # Over several workers a batch comes without its length, and on no device, which cannot be gathered from.
    rows = None if x.shape[0] is None else context.num_replicas_in_sync * x.shape[0]
    return tf.ensure_shape(context.all_gather(tf.identity(x), 0), (rows, *x.shape[1:]))


def _of_target(batch: dict[str, tf.Tensor], number: int) -> dict[str, tf.Tensor]:
    """Return the parts of a batch that one target's terms are made of, by their names for the first."""
    names = {name: named(name, number) for name in ("source", "target", "source_only")}
    return {name: batch[own] for name, own in names.items() if own in batch}


def _fold(seed: tf.Tensor, number: int) -> tf.Tensor:
    """Return a seed that is another for each purpose."""
    return tf.random.experimental.stateless_fold_in(seed, int(number))
