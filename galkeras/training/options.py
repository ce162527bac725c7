"""What users choose of a fit and of an adaptation: every option with its default, its meaning and its bounds, once."""

__all__ = ["LONGER", "AdaptOptions", "FitOptions", "NetworkOptions", "RunOptions", "choices", "flag", "flags", "takes"]

import functools
import inspect
import re
import textwrap
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import Field, asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from galkeras.io.errors import GalkerasError, did_you_mean
from galkeras.io.text import one_of
from galkeras.models.adapters import ADAPTERS
from galkeras.models.alignment import ALIGNMENTS
from galkeras.models.architectures import ARCHITECTURES
from galkeras.models.config import PAPER, PAPER_ADAPTATION, check_settings
from galkeras.models.losses import LOSSES

LONGER = ("epochs", "patience")
"""What may grow when a run goes on."""


def option(default: Any, about: str, flag: str | None = None) -> Any:
    """Return a field of a class of options: its default, what it means, and its name on the command line."""
    return field(default=default, metadata={"about": about, "flag": flag})


def choices(options: type) -> list[Field]:
    """Return the options of a class: what it has of its own, then those of every run."""
    inherited = [{one.name for one in fields(base)} for base in options.__mro__[1:] if is_dataclass(base)]
    return sorted(fields(options), key=lambda one: sum(one.name in names for names in inherited))


def _told(options: type) -> type:
    """Return a class of options whose docstring tells what each of them means, as its field says."""
    lines = [inspect.cleandoc(options.__doc__ or ""), "", "Attributes:"]
    for one in choices(options):
        about = re.sub(r"--([a-z-]+)", lambda flag: f"`{flag[1].replace('-', '_')}`", one.metadata["about"])
        lines += textwrap.wrap(f"{one.name}: {about}", 100, initial_indent=" " * 4, subsequent_indent=" " * 8)
    options.__doc__ = "\n".join(lines)
    return options


@_told
@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a model is trained, whatever it is."""

    epochs: int = option(20, "Passes over the training galaxies, at most.")
    batch_size: int = option(64, "Images a step (of several surveys: of each), over all devices.")
    learning_rate: float | None = option(
        None,
        "Adam's, at its highest: it warms up and then follows a half cosine to 0 [default: the architecture's own].",
    )
    patience: int = option(10, "Stop after so many epochs without a better validation score.")
    seed: int = option(0, "Of everything random.")

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience"):
            if getattr(self, name) < 1:
                raise GalkerasError(f"`{name}` must be 1 or more. Received: {name}={getattr(self, name)}")
        if self.learning_rate is not None and not 0 < self.learning_rate < 1:
            raise GalkerasError(
                f"`learning_rate` must lie between 0 and 1. Received: learning_rate={self.learning_rate}"
            )
        if not 0 <= self.seed < 2**31:
            raise GalkerasError(f"`seed` must lie between 0 and 2^31. Received: seed={self.seed}")

    @property
    def run(self) -> dict[str, Any]:
        """How the model is trained, by name: the options of every run."""
        return {one.name: getattr(self, one.name) for one in fields(RunOptions)}


class _WithPaper:
    """Options of which the paper chose some otherwise."""

    PAPER: ClassVar[dict[str, Any]]

    def as_paper(self, given: Collection[str] = ()) -> Any:
        """Return the options with the paper's choices.

        How long a model is trained is no part of what it is: the paper's epochs give way to those that are given.

        Args:
            given: Names of the options that the user has set, be it to their defaults.

        Raises:
            GalkerasError: The user has chosen what the paper chose otherwise.
        """
        free = {one.name for one in fields(RunOptions)}
        chosen = {name: value for name, value in self.PAPER.items() if not (name in free and name in given)}
        for one in fields(self):
            if one.name in chosen and one.name in given and getattr(self, one.name) != chosen[one.name]:
                raise GalkerasError(
                    f"`paper=True` means `{one.name}={chosen[one.name]}`: leave one out."
                    f" Received: `{one.name}={getattr(self, one.name)}`"
                )
        return replace(self, **chosen)


@_told
@dataclass(frozen=True, kw_only=True)
class NetworkOptions(RunOptions):
    """What is chosen of a network that is fitted; all those of a scan have it in common."""

    architecture: str = option(
        "upright",
        f"{one_of(ARCHITECTURES)}: `upright` sees galaxies in their own frame, `centred` looks for their centres"
        " too, `detailed` draws arms and bars better, `paper` is that of Xu et al. 2023.",
    )
    kl_weight: float | None = option(
        None, "Weight k of the KL term (paper, eq. 2) [default: the loss's own, 1 for `gaussian`]."
    )
    focus: float = option(
        0.4, "Width of the central weight of pixels, in half sides; 0 weighs all alike, as the paper does."
    )
    image_size: int | None = option(
        None, "Side at which the network works, to which images are block-averaged [default: the records' side]."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_settings(self, "architecture", *(["kl_weight"] if self.kl_weight is not None else []))
        if not 0 <= self.focus < float("inf"):
            raise GalkerasError(f"`focus` must be finite and not negative. Received: focus={self.focus!r}")


@_told
@dataclass(frozen=True, kw_only=True)
class FitOptions(NetworkOptions, _WithPaper):
    """What is chosen of a fit."""

    PAPER: ClassVar[dict[str, Any]] = PAPER | {"focus": 0.0, "epochs": 50}

    latent_dim: int = option(40, "Number of latents N_L.", "--latent")
    loss: str = option(
        "gaussian",
        f"{one_of(LOSSES)}, of the pixels of a stretched image: `gaussian` is in nats, its noise learned.",
    )
    catalog: str | Path | None = option(
        None,
        "Learn from the votes of this catalog too, of the galaxies of the training split that it knows: the latents"
        " then hold what people ask about, and `classify` scores forests on other galaxies.",
    )
    label_columns: Sequence[str] = option(
        (), "Learn from this column of labels instead of votes; may be repeated.", "--label-column"
    )
    votes_weight: float = option(10.0, "Weight of the votes' log likelihood.")
    id_column: str | None = option(None, "Column of the catalog that names the galaxies, if not one of the usual.")
    warm_start: str | Path | None = option(
        None,
        "Start from the weights of this fitted model and not anew: of the same architecture, number of latents and side"
        " of the network. How it stretches images is kept.",
        "--from",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_settings(self, "latent_dim", "loss", "votes_weight")
        if self.label_columns and self.catalog is None:
            raise GalkerasError(f"`label_columns` needs `catalog`. Received: {', '.join(self.label_columns)}")
        for name in ("votes_weight", "id_column"):
            if self.catalog is None and getattr(self, name) != getattr(type(self), name):
                raise GalkerasError(f"`{name}` needs `catalog`. Received: {name}={getattr(self, name)!r}")


_WEIGHTS = ("mmd_weight", "pair_weight", "keep_weight")


@_told
@dataclass(frozen=True, kw_only=True)
class AdaptOptions(RunOptions, _WithPaper):
    """What is chosen of an adaptation."""

    PAPER: ClassVar[dict[str, Any]] = {name: PAPER_ADAPTATION[name] for name in _WEIGHTS}

    alignment: str = option("mmd2", f"What --mmd-weight weighs: {one_of(ALIGNMENTS)}.")
    mmd_weight: float | None = option(
        None,
        "λ of the paper's eq. 6, on the scale of the loss per image, where the paper's 0.5 does next to nothing."
        "  [default: 0 where pairs join the surveys, 500 with --unpaired, --pair-weight 0 or another --alignment]",
    )
    pair_weight: float | None = option(
        None,
        "Weight of what the two images of a galaxy say differently of it. The paper's is 0."
        "  [default: 1, or 0 with --unpaired]",
    )
    keep_weight: float = option(
        1.0, "Weight of what is said of a source image differently from the VAE. The paper's is 0."
    )
    unpaired: bool = option(False, "The two sets are of different galaxies; else they are joined by id and position.")
    pairs_only: bool = option(
        False, "Leave out source galaxies without a partner. With many the model forgets less; few are left out anyway."
    )
    adapter: str = option("domain-adaptation", f"What makes one model of the surveys: {one_of(ADAPTERS)}.")
    epochs: int = option(30, "Passes over the pairs (unpaired: over the larger record set), at most.")
    learning_rate: float = option(3e-4, "Adam's, at its highest: it warms up and then follows a half cosine to 0.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.adapter not in ADAPTERS:
            raise GalkerasError(
                f"`adapter` must be one of {', '.join(ADAPTERS)}.{did_you_mean(self.adapter, ADAPTERS)}"
                f" Received: adapter={self.adapter!r}"
            )
        if self.unpaired and self.pair_weight:
            raise GalkerasError(
                f"`pair_weight` needs pairs, not `unpaired=True`. Received: pair_weight={self.pair_weight}"
            )
        check_settings(self, "alignment", *(name for name in _WEIGHTS if getattr(self, name) is not None))

    def of_model(self, names: Iterable[str]) -> dict[str, Any]:
        """Return those options that are settings of a model, by name."""
        own = asdict(self)
        if self.pair_weight is None:
            own["pair_weight"] = 0.0 if self.unpaired else 1.0
        if self.mmd_weight is None:
            # Pairs join the surveys better alone (docs/adaptation.md, More pairs).
            joined = own["pair_weight"] and self.alignment == type(self).alignment
            own["mmd_weight"] = 0.0 if joined else 500.0
        return {name: own[name] for name in names if name in own}


def flag(one: Field) -> str:
    """Return what an option is called on the command line."""
    return one.metadata["flag"] or f"--{one.name.replace('_', '-')}"


def flags(options: type) -> dict[str, str]:
    """Return what the options of a class are called on the command line, without hyphens in front, by name."""
    return {one.name: flag(one).removeprefix("--") for one in choices(options)}


def takes(options: type, annotate: Callable[[Field], Any] = lambda one: one.type) -> Callable[[Callable], Callable]:
    """Return a decorator by which a function of ``options`` takes each of them as a keyword of its own.

    The function is given a valid object of the class; ``help`` and `inspect.signature` list the keywords with their
    types and defaults.

    Args:
        options: The class of options.
        annotate: Gives the type that a keyword is said to be of.
    """
    chosen = choices(options)
    names = {one.name for one in chosen}

    def decorate(function: Callable) -> Callable:
        @functools.wraps(function)
        def taking(*args: Any, **given: Any) -> Any:
            mine = {name: given.pop(name) for name in names & given.keys()}
            return function(*args, options=options(**mine), **given)

        signature = inspect.signature(function)
        keywords = [
            inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=annotate(one))
            for one in chosen
        ]
        own = list(signature.parameters.values())
        place = [one.name for one in own].index("options")
        taking.__signature__ = signature.replace(parameters=own[:place] + keywords + own[place + 1 :])
        taking.__annotations__ = {one.name: one.annotation for one in taking.__signature__.parameters.values()} | {
            "return": signature.return_annotation
        }
        return taking

    return decorate
