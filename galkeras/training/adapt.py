"""Adapting a fitted VAE to a second survey."""

__all__ = ["KEEP_WEIGHT", "MMD_WEIGHT", "PAIR_WEIGHT", "AdaptationTraining", "adapt"]

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from galkeras.backend import keras
from galkeras.io.errors import GalkerasError
from galkeras.models.adaptation import DomainAdaptationVAE
from galkeras.models.config import AdaptationConfig
from galkeras.models.folder import load_model
from galkeras.models.vae import VAE
from galkeras.records.pairs import Galaxies, index_galaxies, join
from galkeras.records.schema import RecordSet
from galkeras.training.adapt_summary import summarise_adaptation
from galkeras.training.pairs import adaptation_dataset, scoring_dataset
from galkeras.training.run import TrainingConfig, finish, open_folder, train
from galkeras.training.strategy import choose_strategy

MMD_WEIGHT = 500.0
"""The default of ``mmd_weight``; docs/adaptation.md says why it is not the paper's 0.5."""

PAIR_WEIGHT = 1.0
"""The default of ``pair_weight`` where there are pairs."""

KEEP_WEIGHT = 1.0
"""The default of ``keep_weight``."""

_SPLITS = ("train", "validation", "test")
_FEWEST = 2


@dataclass(frozen=True)
class AdaptationTraining(TrainingConfig):
    """How a domain-adaptation model is trained; ``records`` is the source's digest.

    Attributes:
        target_records: Digest of the target's record set.
        vae: Digest of the VAE it starts from.
        paired: Whether source and target are images of the same galaxies.
        pairs_only: Whether source galaxies without a partner are left out.
    """

    target_records: str = ""
    vae: str = ""
    paired: bool = True
    pairs_only: bool = False


def adapt(
    model: str | Path,
    source: str | Path,
    target: str | Path,
    out: str | Path,
    *,
    mmd_weight: float = MMD_WEIGHT,
    pair_weight: float | None = None,
    keep_weight: float = KEEP_WEIGHT,
    alignment: str = "mmd2",
    unpaired: bool = False,
    pairs_only: bool = False,
    epochs: int = 30,
    batch_size: int = 64,
    learning_rate: float = 3e-4,
    patience: int = 10,
    seed: int = 0,
    resume: bool = False,
) -> DomainAdaptationVAE:
    """Adapt a fitted VAE so that its latents mean the same in a second survey, and write a model folder.

    Learns from the training split alone, which is by galaxy. The weights kept are those of the epoch with the lowest
    validation loss. Both surveys' images go through the VAE's own stretch.

    Args:
        model: Folder of the fitted VAE.
        source: Record set of the survey that the VAE was fitted to.
        target: Record set of the other survey.
        out: The model folder to write, by convention ``saved_models/NAME``.
        mmd_weight: λ of eq. 6 on the scale of the loss per image (see `DomainAdaptationVAE`), where the paper's
            0.5 does nothing.
        pair_weight: Weight of what the two images of a galaxy say differently of it. Default: `PAIR_WEIGHT`
            with pairs, 0 without. The paper has no such term: 0.
        keep_weight: Weight of what the adapted encoder says of source images differently from the VAE. The paper has
            no such term: 0.
        alignment: ``mmd2`` or ``coral``: what ``mmd_weight`` is the weight of.
        unpaired: The record sets are of different galaxies. Otherwise galaxies are joined by id and position.
        pairs_only: Do not learn from source galaxies that have no partner. With them the model forgets less.
        epochs: Passes over the pairs (unpaired: over the larger record set), at most.
        batch_size: Galaxies of each survey a step, over all devices.
        learning_rate: Adam's, at its highest.
        patience: Stop after so many epochs without a better validation score.
        seed: Of shuffling, augmentation and posterior noise.
        resume: Go on with an interrupted run of the same settings.

    Returns:
        The adapted model.

    Raises:
        GalkerasError: The model is no VAE, the record sets do not fit it or each other, no galaxies are common, or
            the batch is too small for the estimator.
    """
    out = Path(out)
    vae = _load_vae(model)
    source, target = RecordSet.load(source), RecordSet.load(target)
    _check_records(model, vae, source, target)
    if unpaired and pair_weight:
        raise GalkerasError(f"--pair-weight needs pairs, not --unpaired. Received: pair_weight={pair_weight}")
    config = AdaptationConfig(
        **asdict(vae.config) | {"surveys": (source.survey, target.survey)},
        alignment=alignment,
        mmd_weight=mmd_weight,
        pair_weight=0.0 if unpaired else PAIR_WEIGHT if pair_weight is None else pair_weight,
        keep_weight=keep_weight,
    )
    parts = _parts(source, target, unpaired, pairs_only)
    learned = parts["train"]
    training = AdaptationTraining(
        records=source.digest,
        target_records=target.digest,
        vae=vae.digest,
        paired=not unpaired,
        pairs_only=pairs_only,
        epochs=epochs,
        batch_size=min(batch_size, *(len(learned[name]) for name in ("source", "target"))),
        learning_rate=learning_rate,
        patience=patience,
        seed=seed,
    )
    if training.batch_size < _FEWEST:
        raise GalkerasError(
            f"`batch_size` must be {_FEWEST} or more: the estimator compares galaxies of a survey with each other."
            f" Received: batch_size={training.batch_size}"
        )
    if not open_folder(out, config, training, resume):
        return load_model(out)
    steps = max(len(learned[name]) for name in ("source", "target")) // training.batch_size
    strategy = choose_strategy()
    with strategy.scope():
        keras.utils.set_random_seed(seed)
        adapted = DomainAdaptationVAE(config, paired=not unpaired, seed=seed)
        adapted.start_from(vae)
    train(
        adapted,
        strategy,
        out,
        training,
        steps,
        lambda first_epoch: adaptation_dataset(
            learned, training.batch_size, paired=not unpaired, seed=seed, first_step=first_epoch * steps
        ),
        scoring_dataset(parts["validation"]["source"], parts["validation"]["target"], training.batch_size),
        monitor="loss",
    )
    scored = next(split for split in ("test", "validation") if split in parts)
    return finish(
        DomainAdaptationVAE(config),
        out,
        lambda model: summarise_adaptation(model, parts[scored]["source"], parts[scored]["target"], out, not unpaired),
    )


def _load_vae(path: str | Path) -> VAE:
    vae = load_model(path)
    if isinstance(vae, DomainAdaptationVAE):
        raise GalkerasError(f"{path} is adapted already: start from the VAE that `galkeras fit` wrote")
    return vae


def _check_records(model: str | Path, vae: VAE, source: RecordSet, target: RecordSet) -> None:
    if source.survey == target.survey:
        raise GalkerasError(
            f"{source.path} and {target.path} are both of {source.survey}: adaptation needs two surveys"
        )
    if source.survey not in vae.config.surveys:
        raise GalkerasError(
            f"{model} was fitted to {', '.join(vae.config.surveys)} and {source.path} is of {source.survey}: the first"
            " record set must be of the survey that the model knows, the second of the other"
        )
    vae.check_records(source)
    vae.check_records(target, any_survey=True)


def _parts(source: RecordSet, target: RecordSet, unpaired: bool, pairs_only: bool) -> dict[str, dict[str, Galaxies]]:
    """Return, by split, the galaxies of each part of a batch; a test split only where both sets have one."""
    sources, targets = index_galaxies(source, _SPLITS), index_galaxies(target, _SPLITS)
    alone = np.ones(len(sources), bool)
    if unpaired:
        alone[:] = False
        print(f"unpaired: {len(sources):,} galaxies of {source.survey}, {len(targets):,} of {target.survey}")
    else:
        pairs = join(sources, targets)
        print(f"{source.survey} and {target.survey}: {pairs}")
        if not len(pairs):
            raise GalkerasError(
                f"{source.path} and {target.path} have no galaxy in common. Pairs agree in id, or else in position,"
                " and their centres lie within 1 arcsec; for different galaxies say --unpaired"
            )
        alone[pairs.source] = False
        extra = sources[alone & (sources.split == "train")]
        sources, targets = sources[pairs.source], targets[pairs.target]
    parts = {}
    for split in _SPLITS:
        part = {"source": sources[sources.split == split], "target": targets[targets.split == split]}
        if min(map(len, part.values())) == 0:
            if split != "test":
                raise GalkerasError(
                    f"no galaxies for {split}: more are needed."
                    f" Received: {len(part['source'])} of {source.survey}, {len(part['target'])} of {target.survey}"
                )
            continue
        parts[split] = part
    if not unpaired and not pairs_only and len(extra):
        parts["train"]["source_only"] = extra
    return parts
