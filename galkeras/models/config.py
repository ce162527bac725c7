"""What a model is, as plain data: enough to rebuild it, and nothing that could run."""

__all__ = ["PAPER", "PAPER_ADAPTATION", "AdapterConfig", "ModelConfig", "check_settings"]

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar

from galkeras.io.errors import GalkerasError
from galkeras.models.alignment import ALIGNMENTS
from galkeras.models.architectures import ARCHITECTURES
from galkeras.models.losses import LOSSES
from galkeras.surveys.image import BANDS, NANOMAGGY, PICTURE, ImageSpec, Preparation

PAPER: dict[str, Any] = {"architecture": "paper", "loss": "mse", "kl_weight": 1.0, "focus": None}
"""Network and loss of Xu et al. 2023."""

PAPER_ADAPTATION: dict[str, Any] = {"alignment": "mmd2", "mmd_weight": 0.5, "pair_weight": 0.0, "keep_weight": 0.0}
"""The terms of its domain adaptation."""

# Settings that models from before they were written down have by default.
_LATER = ("bands", "preparation", "questions", "votes_weight")
# The share of latents that votes are told from.
_VOTE_SHARE = 0.2


@dataclass(frozen=True)
class ModelConfig:
    """Everything needed to rebuild a model; `load_model` reads it from ``config.json`` and validates it.

    Attributes:
        image_size: Side in pixels of the images that the model takes.
        units: What their pixels are: ``nanomaggy`` or ``picture`` (0..255).
        surveys: Names of the surveys whose images it was trained on.
        pixel_scale: arcsec a pixel of the input, or None where it differs or nothing is known.
        latent_dim: Number of latents N_L.
        network_size: Side at which the network works: the input is block-averaged to it (nanomaggies: summed).
            Defaults to ``image_size``; must divide it.
        architecture: One of `galkeras.models.architectures.ARCHITECTURES`.
        loss: One of `galkeras.models.losses.LOSSES`: what the pixels of an image are compared by.
        kl_weight: k of the paper's equation 2.
        focus: Gaussian width, as a fraction of half the side, of the weight that pixels have in the reconstruction
            term: a cutout is centred on its galaxy, and the rest of the sky is not what the latents are for. None
            weighs all pixels alike, as the paper does.
        softening: Flux a pixel, by band, below which the asinh stretch is linear; None for a linear stretch.
        ceiling: Flux a pixel, by band, that the stretch maps to 1.
        bands: Bands of the images, in the order of their planes.
        preparation: How the images that it was fitted to were made from cutouts, or None where that is not known.
        questions: What people were asked of galaxies and the model learned from: names, each with its answers.
        votes_weight: Weight of the log likelihood of their votes.
    """

    kind: ClassVar[str] = "vae"

    image_size: int
    units: str
    surveys: tuple[str, ...]
    ceiling: tuple[float, ...]
    softening: tuple[float, ...] | None = None
    pixel_scale: float | None = None
    latent_dim: int = field(kw_only=True)
    network_size: int = 0
    # Without defaults: those of `fit` stand in one place, `galkeras.training.options`.
    architecture: str = field(kw_only=True)
    loss: str = field(kw_only=True)
    kl_weight: float = field(kw_only=True)
    focus: float | None = field(kw_only=True)
    bands: tuple[str, ...] = BANDS
    preparation: Preparation | None = None
    questions: tuple[tuple[str, tuple[str, ...]], ...] = ()
    votes_weight: float = 1.0

    def __post_init__(self) -> None:
        def check(name: str, good: bool, must: str) -> None:
            if not good:
                raise GalkerasError(f"`{name}` must be {must}. Received: {name}={getattr(self, name)!r}")

        check("image_size", _is_count(self.image_size, 4096), "a whole number of pixels from 1 to 4096")
        object.__setattr__(self, "network_size", self.network_size or self.image_size)
        check(
            "network_size",
            _is_count(self.network_size, 4096) and self.image_size % self.network_size == 0,
            f"(`image_size`) a whole number that divides the images' {self.image_size} pixels",
        )
        check("units", self.units in (NANOMAGGY, PICTURE), f"{NANOMAGGY} or {PICTURE}")
        check_settings(self, "latent_dim", "architecture", "loss", "kl_weight", "votes_weight")
        check("focus", self.focus is None or 0 < self.focus < math.inf, "positive, or nothing")
        for name in ("surveys", "ceiling", "softening", "bands"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, tuple(value))
        object.__setattr__(self, "preparation", Preparation.from_json(self.preparation))
        self.images  # noqa: B018  its making checks bands and pixel scale
        object.__setattr__(self, "questions", tuple((name, tuple(answers)) for name, answers in self.questions))
        good = all(isinstance(word, str) for name, answers in self.questions for word in (name, *answers))
        check("questions", good and all(len(answers) > 1 for _, answers in self.questions), "names with their answers")
        check("surveys", len(self.surveys) > 0 and all(isinstance(s, str) for s in self.surveys), "names")
        check("ceiling", _is_flux(self.ceiling, self.bands), "a positive flux for each band")
        check(
            "softening", self.softening is None or _is_flux(self.softening, self.bands), "a positive flux for each band"
        )
        # Last, because it loads TensorFlow.
        ARCHITECTURES[self.architecture].check(self)

    @property
    def images(self) -> ImageSpec:
        """What the images are that the model takes."""
        return ImageSpec(self.image_size, self.units, self.bands, self.pixel_scale, self.preparation)

    @property
    def vote_latents(self) -> int:
        """How many latents, the last ones, tell the votes: trees read an axis better than a direction."""
        return max(1, round(_VOTE_SHARE * self.latent_dim)) if self.questions else 0

    @property
    def network_shape(self) -> tuple[int, int, int]:
        """Shape of a stretched image inside the network."""
        return (self.network_size, self.network_size, len(self.bands))

    @property
    def network_pixel_scale(self) -> float | None:
        """Arcsec a pixel of a stretched image inside the network, or None."""
        return self.pixel_scale and self.pixel_scale * self.image_size / self.network_size

    def identity(self) -> dict[str, Any]:
        """Return the settings that tell models apart, as JSON values.

        How images were prepared is history, and models from before bands were written down were of g, r and z.
        """
        value = self.to_json()
        del value["preparation"]
        if self.bands == BANDS:
            del value["bands"]
        if not self.questions:
            del value["questions"], value["votes_weight"]
        return value

    def to_json(self) -> dict[str, Any]:
        """Return the config as JSON values; `from_json` turns them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> "ModelConfig":
        """Rebuild a config; missing, unknown or wrong values are a `GalkerasError`."""
        known = {one.name for one in fields(cls)}
        if not isinstance(value, dict):
            raise GalkerasError(f"model settings must be a JSON object. Received: {value!r}")
        value = {one.name: one.default for one in fields(cls) if one.name in _LATER} | value
        if strange := set(value) ^ known:
            raise GalkerasError(f"missing or unknown model settings: {', '.join(sorted(strange))}")
        try:
            return cls(**value)
        except (TypeError, ValueError, OverflowError) as error:
            raise GalkerasError(f"a model setting has the wrong type: {error}") from None


@dataclass(frozen=True)
class AdapterConfig(ModelConfig):
    """What `ModelConfig` says, of a model of several surveys; adapters add what else they have.

    Attributes:
        surveys: The source, then each target.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(set(self.surveys)) != len(self.surveys) or len(self.surveys) < 2:
            raise GalkerasError(f"`surveys` must be two or more different ones. Received: surveys={self.surveys}")


def named(name: str, number: int) -> str:
    """Return what something of the source and its target number ``number`` is called, after the name for the first.

    >>> named("target", 0), named("target", 1)
    ('target', 'target_2')
    """
    return f"{name}_{number + 1}" if number else name


def check_settings(owner: Any, *names: str) -> None:
    """Raise a `GalkerasError` for the first of these attributes of ``owner`` that a model cannot have."""
    for name in names:
        value = getattr(owner, name)
        good, must = _RULES[name]
        if not good(value):
            must = must if isinstance(must, str) else f"one of {', '.join(must)}"
            raise GalkerasError(f"`{name}` must be {must}. Received: {name}={value!r}")


def _is_count(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= most


def _is_flux(values: tuple[float, ...], bands: tuple[str, ...]) -> bool:
    return len(values) == len(bands) and all(math.isfinite(v) and v > 0 for v in values)


def _is_weight(value: Any) -> bool:
    return math.isfinite(value) and value >= 0


_WEIGHT = (_is_weight, "finite and not negative")
# Of each setting that users choose, what it may be, and how that is said; a registry says its names.
_RULES: dict[str, tuple[Callable[[Any], bool], str | Iterable[str]]] = {
    "latent_dim": (lambda value: _is_count(value, 4096), "a whole number from 1 to 4096"),
    "architecture": (lambda value: value in ARCHITECTURES, ARCHITECTURES),
    "loss": (lambda value: value in LOSSES, LOSSES),
    "alignment": (lambda value: value in ALIGNMENTS, ALIGNMENTS),
    **{name: _WEIGHT for name in ("kl_weight", "votes_weight", "mmd_weight", "pair_weight", "keep_weight")},
}
