"""Adaptation against a critic, a network that tells the surveys apart by the latents."""

__all__ = ["AdversarialConfig", "AdversarialVAE"]

from dataclasses import dataclass
from typing import ClassVar

from galkeras.backend import keras, tf
from galkeras.io.errors import GalkerasError
from galkeras.models.adapted import DOMAINS, Latents, gather
from galkeras.models.adapters import ADAPTERS
from galkeras.models.adapters.domain_adaptation import AdaptationConfig, DomainAdaptationVAE

_WIDTH = 64


@dataclass(frozen=True)
class AdversarialConfig(AdaptationConfig):
    """What `AdaptationConfig` says, and the weight of the critic.

    Attributes:
        critic_weight: Weight of the confusion of the critic, which is ln 2 where it cannot tell the surveys apart, on
            the scale of the loss per image.
    """

    kind: ClassVar[str] = "adversarial"

    critic_weight: float = 30.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (isinstance(self.critic_weight, int | float) and 0 < self.critic_weight < float("inf")):
            raise GalkerasError(
                f"`critic_weight` must be finite and positive. Received: critic_weight={self.critic_weight!r}"
            )


@ADAPTERS.add("adversarial")
class AdversarialVAE(DomainAdaptationVAE):
    r"""A `DomainAdaptationVAE` that a critic watches too (Tzeng et al. 2015, eq. 3 to 5).

    .. math:: \mathcal{L} = \mathcal{L}_\mathrm{DA} + c\,\mathrm{confusion} + \mathrm{CE}

    CE is the cross-entropy with which a network of two hidden layers, the critic, names the survey of a galaxy from its
    latents; the critic alone learns to lower it. The confusion is the cross-entropy between what the critic says and
    the answer that both surveys are as likely; the encoder alone learns to lower it. It is least, ln 2, where the
    critic cannot tell: an encoder that *raises* CE instead (DANN, Ganin et al. 2016) is best off where the critic is
    wrong of everything, which has no bound. The terms of the `DomainAdaptationVAE` stand beside it: ``mmd_weight=0``
    leaves the critic alone with pairs and keep.

    Args are those of `DomainAdaptationVAE`.
    """

    config_class = AdversarialConfig

    def _extend(self) -> None:
        super()._extend()
        hidden = [keras.layers.Dense(_WIDTH, activation="leaky_relu", dtype="float32") for _ in range(2)]
        self.critic = keras.Sequential([*hidden, keras.layers.Dense(1, dtype="float32")], name="critic")
        self.critic.build((None, self.config.latent_dim))

    @property
    def factors(self) -> dict[str, float]:
        return super().factors | {"confusion": self.config.critic_weight, "critic": 1.0}

    def compare(self, latents: Latents) -> dict[str, tf.Tensor]:
        as_it_is = [tf.stop_gradient(weight) for weight in self.critic.trainable_variables]
        confusion, cross_entropy = [], []
        for truth, domain in enumerate(DOMAINS):
            z = gather(getattr(latents, domain))
            weight = tf.ones(tf.shape(z)[:1]) if latents.weights is None else gather(latents.weights[domain])
            told, _ = self.critic.stateless_call(as_it_is, [], z)
            confusion.append(_nats(told[:, 0], 0.5, weight))
            cross_entropy.append(_nats(self.critic(tf.stop_gradient(z))[:, 0], float(truth), weight))
        # Both surveys count alike however many galaxies each has.
        return super().compare(latents) | {
            "confusion": tf.add_n(confusion) / 2,
            "critic": tf.add_n(cross_entropy) / 2,
        }


def _nats(logits: tf.Tensor, truth: float, weight: tf.Tensor) -> tf.Tensor:
    """Return the mean cross-entropy of (rows,) logits with one truth for all rows, weighed by (rows,) weights."""
    nats = tf.nn.sigmoid_cross_entropy_with_logits(tf.fill(tf.shape(logits), truth), logits)
    return tf.math.divide_no_nan(tf.reduce_sum(weight * nats), tf.reduce_sum(weight))
