"""The domain-adaptation model: one encoder that reads surveys alike, and a decoder for each."""

__all__ = ["AdaptationConfig", "DomainAdaptationVAE"]

from dataclasses import dataclass, field
from typing import ClassVar

from galkeras.backend import tf
from galkeras.models.adapted import DOMAINS, AdaptedVAE, Latents, gather
from galkeras.models.adapters import ADAPTERS
from galkeras.models.alignment import ALIGNMENTS
from galkeras.models.config import AdapterConfig, check_settings
from galkeras.models.vae import VAE

# What a latent must vary by over galaxies for its differences to matter; far below `active_units`.
_LEAST_VARIANCE = 1e-4


@dataclass(frozen=True)
class AdaptationConfig(AdapterConfig):
    """What `AdapterConfig` says, and the weights of the terms.

    Attributes:
        alignment: What pulls the two surveys' latents together as distributions: one of
            `galkeras.models.alignment.ALIGNMENTS`.
        mmd_weight: λ of the paper's equation 6 (also the weight of CORAL), on the scale of the loss per image.
        pair_weight: Weight of the difference between what the two images of the same galaxy say of it.
        keep_weight: Weight of the difference between the latents of a source image now and before adapting.
    """

    kind: ClassVar[str] = "domain-adaptation"

    alignment: str = field(kw_only=True)
    mmd_weight: float = field(kw_only=True)
    pair_weight: float = field(kw_only=True)
    keep_weight: float = field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_settings(self, "alignment", "mmd_weight", "pair_weight", "keep_weight")


@ADAPTERS.add("domain-adaptation")
class DomainAdaptationVAE(AdaptedVAE):
    r"""A `AdaptedVAE` whose latents are aligned as distributions and pair by pair (paper, sec. 5.2 and eq. 6).

    .. math:: \mathcal{L} = \tfrac12 (\mathcal{L}_\mathrm{VAE}^S + \mathcal{L}_\mathrm{VAE}^T)
        + \lambda\,\mathrm{MMD}^2(\mu^S, \mu^T) + w\,d(\mu^S, \mu^T) + v\,d(\mu^S, \mu^\mathrm{VAE})

    on the scale of one image, as in `AdaptedVAE`; MMD² is that of the posterior means; and

    .. math:: d(a, b) = \left\langle \frac{N_L\,r}{1 + r} \right\rangle, \qquad
        r = \frac{1}{N_L} \sum_d \frac{(a_d - b_d)^2}{2\,\mathrm{Var}_d}

    is over galaxies, from 0 to :math:`N_L`: r is the squared distance of a galaxy's two latents over that of different
    galaxies, so it cannot be made small by shrinking the latents (nor, as the KL between the two posteriors can, by
    widening these), and it saturates where a star or a defect in one image leaves nothing to agree on. ``pair`` is d
    between a galaxy's two images, ``keep`` that between what the encoder says of a source image and what the VAE did
    from which it started: reconstruction alone does not hold on to what little of the light tells a bulge or a bar.
    A model that was loaded has forgotten the VAE, and its loss is without ``keep``.

    Args:
        config: What to build.
        paired: Whether rows of the same number in source and target batches are the same galaxy.
        seed: Of posterior noise and augmentation.

    >>> settings = dict(image_size=64, units="picture", surveys=("decals", "bass-mzls"), ceiling=(255.0,) * 3)
    >>> from galkeras.models.config import PAPER, PAPER_ADAPTATION
    >>> model = DomainAdaptationVAE(AdaptationConfig(**settings, latent_dim=8, **PAPER, **PAPER_ADAPTATION))
    >>> model.translate(tf.zeros((2, 64, 64, 3)), "bass-mzls").shape
    TensorShape([2, 64, 64, 3])
    """

    config_class = AdaptationConfig

    def __init__(self, config: AdaptationConfig, *, paired: bool = True, seed: int = 0, **kwargs):
        super().__init__(config, paired=paired, seed=seed, **kwargs)
        self._latents_before = None

    def start_from(self, vae: VAE) -> None:
        super().start_from(vae)
        if self.config.keep_weight:
            encoder = self.architecture.encoder(self.config)
            encoder.set_weights(vae.encoder.get_weights())
            # A function and not an attribute: Keras would train and save it.
            self._latents_before = lambda stretched: self.look(stretched, encoder)[0].mean()

    @property
    def factors(self) -> dict[str, float]:
        config = self.config
        return {config.alignment: config.mmd_weight, "pair": config.pair_weight, "keep": config.keep_weight}

    def compare(self, latents: Latents) -> dict[str, tf.Tensor]:
        source, target = latents.source[: latents.common], latents.target
        terms = {self.config.alignment: self._align(source, target, latents.weights)}
        weight = None if latents.weights is None else latents.weights["source"]
        if self.paired:
            terms["pair"] = self._difference(source, target, weight)
        # A model that was loaded has forgotten the VAE: its loss is without the term.
        if self._latents_before is not None:
            terms["keep"] = self._difference(latents.source, self._latents_before(latents.source_images), weight)
        return terms

    def _align(self, source: tf.Tensor, target: tf.Tensor, weights: dict[str, tf.Tensor] | None) -> tf.Tensor:
        # The discrepancy of a batch is no sum over its parts, so every replica computes that of the whole batch.
        a, b = (None, None) if weights is None else (gather(weights[domain]) for domain in DOMAINS)
        align = ALIGNMENTS[self.config.alignment]
        return align(gather(source), gather(target), paired=self.paired, a_weights=a, b_weights=b)

    def _difference(self, a: tf.Tensor, b: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
        weight = gather(tf.ones(tf.shape(a)[:1]) if weights is None else weights)[:, None]
        count = tf.reduce_sum(weight)
        both = [gather(a), gather(b)]
        centre = [tf.math.divide_no_nan(tf.reduce_sum(x * weight, 0), count) for x in both]
        variance = tf.add_n([tf.reduce_sum(weight * tf.square(x - c), 0) for x, c in zip(both, centre, strict=True)])
        variance = tf.math.divide_no_nan(variance, 2 * count) + _LEAST_VARIANCE
        ratio = tf.reduce_mean(tf.square(a - b) / (2 * variance), -1)
        return self.config.latent_dim * ratio / (1 + ratio)
