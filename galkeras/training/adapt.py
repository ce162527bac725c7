"""Adapting a fitted VAE to a second survey."""

__all__ = ["adapt"]

import logging
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from galkeras.backend import keras
from galkeras.io.calls import Call
from galkeras.io.errors import GalkerasError
from galkeras.models.adapters import ADAPTERS
from galkeras.models.config import AdapterConfig, ModelConfig
from galkeras.models.folder import load_model
from galkeras.models.two_surveys import DOMAINS, TwoSurveyVAE
from galkeras.models.vae import VAE
from galkeras.records.pairs import Galaxies, index_galaxies, join
from galkeras.records.schema import RecordSet
from galkeras.training.adapt_summary import summarise_adaptation
from galkeras.training.options import AdaptOptions, flags, takes
from galkeras.training.pairs import adaptation_dataset, adaptation_ids, scoring_dataset
from galkeras.training.run import agreed, finish, model_folder, train
from galkeras.training.stored import AdaptationTraining
from galkeras.training.strategy import Team, joined

_log = logging.getLogger(__name__)

_SPLITS = ("train", "validation", "test")
_FEWEST = 2


@takes(AdaptOptions)
def adapt(
    model: str | Path,
    source: str | Path,
    target: str | Path,
    out: str | Path,
    *,
    options: AdaptOptions,
    settings: Mapping[str, Any] | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> TwoSurveyVAE:
    """Adapt a fitted VAE so that its latents mean the same in a second survey, and write a model folder.

    Learns from the training split alone, which is by galaxy. The weights kept are those of the epoch with the lowest
    validation loss. Both surveys' images go through the VAE's own stretch.

    Args:
        model: Folder of the fitted VAE.
        source: Record set of the survey that the VAE was fitted to.
        target: Record set of the other survey.
        out: The model folder to write, by convention ``saved_models/NAME``.
        options: By keywords of their own, as in ``mmd_weight=500.0``: those of `AdaptOptions`, which says what each
            means and what it is by default. ``**AdaptOptions.PAPER`` gives the paper's terms; docs/adaptation.md says
            why they are not the default.
        settings: What an adapter other than the default is set to, where no option is of that name.
        resume: Go on with a run of the same settings, whether it was interrupted or is to have more ``epochs`` or
            ``patience`` than it had.
        overwrite: Replace a model that is there.

    Returns:
        The adapted model.

    Raises:
        GalkerasError: The model is no VAE, the record sets do not fit it or each other, no galaxies are common, or
            the batch is too small for the estimator.
    """
    with joined() as team:
        return _adapted(team, model, source, target, Path(out), options, dict(settings or {}), resume, overwrite)


def _adapted(
    team: Team,
    model: str | Path,
    source: str | Path,
    target: str | Path,
    out: Path,
    options: AdaptOptions,
    settings: dict[str, Any],
    resume: bool,
    overwrite: bool,
) -> TwoSurveyVAE:
    vae = _load_vae(model)
    source, target = RecordSet.load(source), RecordSet.load(target)
    _check_records(model, vae, source, target)
    adapter = ADAPTERS[options.adapter]
    config = _config(adapter, vae, (source.survey, target.survey), options, settings)
    parts = _parts(source, target, options.unpaired, options.pairs_only)
    learned, paired = parts["train"], not options.unpaired
    training = AdaptationTraining(
        records=source.digest,
        target_records=target.digest,
        vae=vae.digest,
        paired=paired,
        pairs_only=options.pairs_only,
        **options.run | {"batch_size": min(options.batch_size, *(len(learned[name]) for name in DOMAINS))},
    )
    if training.batch_size < _FEWEST:
        raise GalkerasError(
            f"`batch_size` must be {_FEWEST} or more: the estimator compares galaxies of a survey with each other."
            f" Received: batch_size={training.batch_size}"
        )
    call = Call.of(adapt, locals() | vars(options), flags(AdaptOptions) | {"settings": "set"})
    config = agreed(team, config, training)
    with model_folder(out, config, training, call, resume, overwrite, team) as unfinished:
        if not unfinished:
            _log.info(f"{out}: finished already, and read")
            return team.hand_out(lambda: load_model(out), lambda: adapter(config))
        steps = max(len(learned[name]) for name in DOMAINS) // training.batch_size
        with team.strategy.scope():
            keras.utils.set_random_seed(options.seed)
            adapted = adapter(config, paired=paired, seed=options.seed)
            adapted.start_from(vae)
        train(
            adapted,
            team,
            out,
            training,
            steps,
            lambda first_epoch: adaptation_dataset(
                learned,
                training.batch_size,
                paired=paired,
                seed=options.seed,
                first_step=first_epoch * steps,
                share=team.share,
            ),
            lambda: scoring_dataset(
                parts["validation"]["source"], parts["validation"]["target"], training.batch_size, team.share
            ),
            lambda step: [
                name
                for names in adaptation_ids(
                    learned, training.batch_size, paired=paired, seed=options.seed, step=step
                ).values()
                for name in names
            ],
            monitor=adapter.monitor,
        )
        scored = next(split for split in ("test", "validation") if split in parts)
        return team.hand_out(
            lambda: finish(
                adapter(config),
                out,
                lambda model: summarise_adaptation(
                    model, parts[scored]["source"], parts[scored]["target"], out, paired
                ),
                adapter.monitor,
            ),
            lambda: adapter(config),
        )


def _config(
    adapter: type[TwoSurveyVAE], vae: VAE, surveys: tuple[str, str], options: AdaptOptions, settings: dict[str, Any]
) -> AdapterConfig:
    """Return what the VAE is, and what the adapter has beside it: from the options, and else from ``settings``."""
    known = {one.name for one in fields(adapter.config_class)} - {one.name for one in fields(ModelConfig)}
    chosen = options.of_model(known)
    if strange := [name for name in settings if name not in known - chosen.keys()]:
        raise GalkerasError(
            f"the adapter {options.adapter} has no setting {strange[0]!r} that is no option."
            f" It has: {', '.join(sorted(known - chosen.keys())) or 'none'}"
        )
    values = asdict(vae.config) | {"surveys": surveys} | chosen | settings
    try:
        return adapter.config_class(**values)
    except TypeError as error:
        raise GalkerasError(f"the adapter {options.adapter} cannot be set so: {error}") from None


def _load_vae(path: str | Path) -> VAE:
    vae = load_model(path)
    if vae.roles:
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
        _log.info(f"unpaired: {len(sources):,} galaxies of {source.survey}, {len(targets):,} of {target.survey}")
    else:
        pairs = join(sources, targets)
        _log.info(f"{source.survey} and {target.survey}: {pairs}")
        if not len(pairs):
            raise GalkerasError(
                f"{source.path} and {target.path} have no galaxy in common. Pairs agree in id, or else in position,"
                " and their centres lie within 1 arcsec; for different galaxies say `unpaired=True`"
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
