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
        critic_weight: Weight of the critic's cross-entropy, which is ln 2 where it is fooled, on the scale of the loss
            per image.
    """

    kind: ClassVar[str] = "adversarial"

    critic_weight: float = 300.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (isinstance(self.critic_weight, int | float) and 0 < self.critic_weight < float("inf")):
            raise GalkerasError(
                f"`critic_weight` must be finite and positive. Received: critic_weight={self.critic_weight!r}"
            )


@ADAPTERS.add("adversarial")
class AdversarialVAE(DomainAdaptationVAE):
    r"""A `DomainAdaptationVAE` that a critic watches too (DANN, Ganin et al. 2016, eq. 9 and 10).

    .. math:: \mathcal{L} = \mathcal{L}_\mathrm{DA} - c\,\mathrm{CE}

    where CE is the cross-entropy with which a network of two hidden layers names the survey of a galaxy from its
    latents: that network learns to lower it, the encoder to raise it. The terms of the `DomainAdaptationVAE` stand
    beside it: ``mmd_weight=0`` leaves the critic alone with pairs and keep.

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
        return super().factors | {"critic": -self.config.critic_weight}

    def compare(self, latents: Latents) -> dict[str, tf.Tensor]:
        # The loss has it with a minus, which the encoder follows as it is; the sign that the critic sees is turned
        # here, and once more where the critic's gradient enters the encoder.
        return super().compare(latents) | {"critic": _turn(self._cross_entropy(latents))}

    def _cross_entropy(self, latents: Latents) -> tf.Tensor:
        """Return the critic's cross-entropy in nats, in which both surveys count alike however many galaxies each has.

        A batch on several devices is seen whole by each, as the other terms see it.
        """
        each = []
        for truth, domain in enumerate(DOMAINS):
            z = _turn(gather(getattr(latents, domain)))
            told = self.critic(z)[:, 0]
            nats = tf.nn.sigmoid_cross_entropy_with_logits(tf.fill(tf.shape(told), float(truth)), told)
            weight = tf.ones_like(nats) if latents.weights is None else gather(latents.weights[domain])
            each.append(tf.math.divide_no_nan(tf.reduce_sum(weight * nats), tf.reduce_sum(weight)))
        return tf.add_n(each) / 2


@tf.custom_gradient
def _turn(x: tf.Tensor):
    return tf.identity(x), lambda gradient: -gradient
