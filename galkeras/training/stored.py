"""What a model folder says of its training, read without TensorFlow: how it was trained, and ``summary.json``."""

__all__ = [
    "SUMMARY_FILE",
    "AdaptSummary",
    "AdaptationTraining",
    "FitSummary",
    "Quantiles",
    "Summary",
    "TrainingConfig",
    "read_training",
]

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from galkeras.io.errors import GalkerasError
from galkeras.io.files import write_json
from galkeras.io.text import counted
from galkeras.io.typed import from_json, read_typed
from galkeras.models.config import named
from galkeras.models.stored import CONFIG_FILE, StoredModel
from galkeras.training.options import RunOptions

SUMMARY_FILE = "summary.json"
_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(RunOptions):
    """How a model is trained, beside what it is; stored in ``config.json`` and compared on resume.

    Attributes:
        records: Digest of the record sets.
        votes: Digest of the votes that are learned from; empty where there are none.
        warm_start: Digest of the model whose weights it starts from; empty where there is none.
    """

    records: str
    votes: str = ""
    warm_start: str = ""


@dataclass(frozen=True, kw_only=True)
class AdaptationTraining(TrainingConfig):
    """How a domain-adaptation model is trained; ``records`` is the source's digest.

    Attributes:
        target_records: Digest of the target's record set.
        more_targets: Digests of those of further targets.
        vae: Digest of the VAE it starts from.
        paired: Whether source and target are images of the same galaxies.
        pairs_only: Whether source galaxies without a partner are left out.
    """

    target_records: str = ""
    more_targets: tuple[str, ...] = ()
    vae: str = ""
    paired: bool = True
    pairs_only: bool = False

    @property
    def record_sets(self) -> dict[str, str]:
        """The digests by what each survey is to the model: ``source``, ``target``, ``target_2`` and so on."""
        targets = (self.target_records, *self.more_targets)
        return {"source": self.records} | {named("target", number): one for number, one in enumerate(targets)}


def read_training(folder: str | Path) -> TrainingConfig:
    """Return how the model of a folder is trained, an `AdaptationTraining` where it is one of several surveys.

    Raises:
        GalkerasError: The folder's ``config.json`` is missing, damaged or foreign; names the field.
    """
    stored = StoredModel.load(folder)
    try:
        return from_json(AdaptationTraining if stored.adapted else TrainingConfig, stored.training, "training")
    except (ValueError, OverflowError, GalkerasError) as error:
        raise GalkerasError(f"{Path(folder) / CONFIG_FILE}: {error}") from None


@dataclass(frozen=True)
class Quantiles:
    """Mean and percentiles of a score over galaxies."""

    mean: float
    p5: float
    p25: float
    median: float
    p75: float
    p95: float

    @classmethod
    def of(cls, values: np.ndarray) -> "Quantiles":
        """Return those of some values.

        >>> Quantiles.of(np.arange(101)).p95
        95.0
        """
        return cls(float(np.mean(values)), *map(float, np.percentile(values, (5, 25, 50, 75, 95))))


@dataclass(frozen=True, kw_only=True)
class Summary(ABC):
    """What a model's scores on galaxies that it did not learn from say, of any kind of model.

    Attributes:
        split: Whose galaxies were scored: ``test``, or ``validation`` where there is no test split.
        ssim_window: How SSIM is measured.
        data_range: The range of stretched images, for SSIM.
        latents: N_L.
        active_units: Latents that are worth more to the images than they cost (`galkeras.models.worth`).
        collapsed: Whether so few are active that the model knows little of its galaxies.
        digest: The model's digest.
    """

    command: ClassVar[str]

    split: str
    ssim_window: str
    data_range: float
    latents: int
    active_units: int
    collapsed: bool
    digest: str

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote; a file that is damaged or foreign is a `GalkerasError` that names the field."""
        return read_typed(Path(folder) / SUMMARY_FILE, cls, cls.command, _FORMAT)

    def save(self, folder: str | Path) -> None:
        """Write ``summary.json``, without what the model does not have."""
        told = {name: value for name, value in asdict(self).items() if value is not None}
        write_json(Path(folder) / SUMMARY_FILE, {"format": _FORMAT, **told})

    @property
    @abstractmethod
    def scored(self) -> int:
        """How many galaxies were scored, those of all surveys together."""

    @property
    @abstractmethod
    def ssim_by_survey(self) -> dict[str, Quantiles]:
        """SSIM by survey, and of a translation; under an empty name where the model does not tell surveys apart."""

    @property
    def line(self) -> str:
        """What says most, in a line."""
        ssim = ", ".join(f"{name} {of.mean:.3f}".lstrip() for name, of in self.ssim_by_survey.items())
        return (
            f"SSIM {ssim} of {counted(self.scored, f'{self.split} galaxy', f'{self.split} galaxies')},"
            f" {self.active_units} of {counted(self.latents, 'latent')} active"
        )


@dataclass(frozen=True, kw_only=True)
class FitSummary(Summary):
    """What `fit` says of a VAE.

    Attributes:
        galaxies: How many were scored.
        ssim: Of their reconstructions.
        mse: Mean squared error a pixel and band of the stretched images.
        kl: Mean KL divergence of posterior and prior in nats, summed over latents.
        kl_per_latent: The same of each latent.
        noise: By band, the standard deviation of the noise of a pixel that the loss has learned, in stretched units;
            None of a loss that learns none, and of models from before it was stated.
    """

    command: ClassVar[str] = "fit"

    galaxies: int
    ssim: Quantiles
    mse: Quantiles
    kl: float
    kl_per_latent: tuple[float, ...]
    noise: dict[str, float] | None = None

    def __post_init__(self) -> None:
        if len(self.kl_per_latent) != self.latents:
            raise ValueError(f"`kl_per_latent` must be {self.latents} values. Received: {len(self.kl_per_latent)}")

    @property
    def scored(self) -> int:
        return self.galaxies

    @property
    def ssim_by_survey(self) -> dict[str, Quantiles]:
        return {"": self.ssim}

    @property
    def line(self) -> str:
        noise = "" if self.noise is None else f", noise {', '.join(f'{one:.3f}' for one in self.noise.values())}"
        return f"{super().line}, KL {self.kl:.1f} nats{noise}"


@dataclass(frozen=True, kw_only=True)
class AdaptSummary(Summary):
    """What `adapt` says of an adapted model.

    Attributes:
        galaxies: How many were scored, by survey: ``source`` and ``target``, and of further targets ``target_2`` and
            so on.
        ssim: Of their reconstructions, by survey; where the surveys have the same galaxies ``translated``, too: of the
            source's images, translated to the target, against the target's own. Of further targets ``translated_2``
            and so on.
    """

    command: ClassVar[str] = "adapt"

    galaxies: dict[str, int]
    ssim: dict[str, Quantiles]

    def __post_init__(self) -> None:
        for name in ("galaxies", "ssim"):
            for survey in ("source", "target"):
                if survey not in getattr(self, name):
                    raise ValueError(f"`{name}.{survey}` is missing")

    @property
    def scored(self) -> int:
        return sum(self.galaxies.values())

    @property
    def ssim_by_survey(self) -> dict[str, Quantiles]:
        return self.ssim
