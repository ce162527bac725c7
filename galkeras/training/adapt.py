"""Adapting a fitted VAE to a second survey, or to several."""

__all__ = ["adapt"]

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from galkeras.backend import keras
from galkeras.io.calls import Call
from galkeras.io.errors import GalkerasError
from galkeras.models.adapted import DOMAINS, AdaptedVAE
from galkeras.models.adapters import ADAPTERS
from galkeras.models.config import AdapterConfig, ModelConfig, named
from galkeras.models.folder import load_model
from galkeras.models.vae import VAE
from galkeras.records.pairs import Galaxies, index_galaxies, join
from galkeras.records.schema import SPLITS, RecordSet
from galkeras.training.adapt_summary import summarise_adaptation
from galkeras.training.options import AdaptOptions, flags, takes
from galkeras.training.pairs import adaptation_dataset, adaptation_ids, scoring_dataset
from galkeras.training.run import agreed, finish, model_folder, train
from galkeras.training.stored import AdaptationTraining
from galkeras.training.strategy import Team, joined

_log = logging.getLogger(__name__)

# The part of a batch that is of the source's galaxies without a partner.
_EXTRA = "source_only"
# A step has as many of them as of pairs: where they are fewer than this share of these, the few are seen too often.
_ENOUGH = 0.5
_FEWEST = 2


@takes(AdaptOptions)
def adapt(
    model: str | Path,
    source: str | Path,
    target: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    options: AdaptOptions,
    settings: Mapping[str, Any] | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> AdaptedVAE:
    """Adapt a fitted VAE so that its latents mean the same in other surveys, and write a model folder.

    One encoder for all, a decoder for each. Every target is joined and compared with the source, and the loss is the
    mean over targets of what it is with that one alone, so a step takes as many times as long as there are targets.
    Learns from the training split alone, which is by galaxy. The weights kept are those of the epoch with the lowest
    validation loss. All surveys' images go through the VAE's own stretch.

    Args:
        model: Folder of the fitted VAE.
        source: Record set of the survey that the VAE was fitted to.
        target: Record set of the other survey, or those of several.
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
    target: str | Path | Sequence[str | Path],
    out: Path,
    options: AdaptOptions,
    settings: dict[str, Any],
    resume: bool,
    overwrite: bool,
) -> AdaptedVAE:
    vae = _load_vae(model)
    source = RecordSet.load(source)
    first, *more = _listed(target)
    targets = [RecordSet.load(one) for one in (first, *more)]
    _check_records(model, vae, source, targets)
    adapter = ADAPTERS[options.adapter]
    config = _config(adapter, vae, tuple(one.survey for one in (source, *targets)), options, settings)
    parts = _parts(source, targets, options.unpaired, options.pairs_only)
    learned, paired = parts["train"], not options.unpaired
    compared = [len(galaxies) for name, galaxies in learned.items() if not name.startswith(_EXTRA)]
    training = AdaptationTraining(
        records=source.digest,
        target_records=targets[0].digest,
        more_targets=tuple(one.digest for one in targets[1:]),
        vae=vae.digest,
        paired=paired,
        pairs_only=options.pairs_only,
        **options.run | {"batch_size": min(options.batch_size, *compared)},
    )
    if training.batch_size < _FEWEST:
        raise GalkerasError(
            f"`batch_size` must be {_FEWEST} or more: the estimator compares galaxies of a survey with each other."
            f" Received: batch_size={training.batch_size}"
        )
    if training.batch_size < options.batch_size:
        _log.info(f"steps of {training.batch_size} galaxies of each survey: one has no more to learn from")
    call = Call.of(adapt, locals() | vars(options) | {"target": first}, flags(AdaptOptions) | {"settings": "set"})
    inputs = {named("target", number): os.fspath(one) for number, one in enumerate(more, 1)}
    call = replace(call, inputs=call.inputs | inputs)
    config = agreed(team, config, training)
    with model_folder(out, config, training, call, resume, overwrite, team) as unfinished:
        if not unfinished:
            _log.info(f"{out}: finished already, and read")
            return team.hand_out(lambda: load_model(out), lambda: adapter(config))
        steps = max(compared) // training.batch_size
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
            lambda: scoring_dataset(parts["validation"], training.batch_size, team.share),
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
                lambda model: summarise_adaptation(model, parts[scored], out, paired),
                adapter.monitor,
            ),
            lambda: adapter(config),
        )


def _config(
    adapter: type[AdaptedVAE], vae: VAE, surveys: tuple[str, ...], options: AdaptOptions, settings: dict[str, Any]
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


def _listed(target: str | Path | Sequence[str | Path]) -> list[str | Path]:
    """Return the targets, of which one may stand alone."""
    listed = [target] if isinstance(target, str | os.PathLike) else list(target)
    if not listed:
        raise GalkerasError("`target` must be a record set or several. Received: target=[]")
    return listed


def _check_records(model: str | Path, vae: VAE, source: RecordSet, targets: Sequence[RecordSet]) -> None:
    seen = {source.survey: source}
    for target in targets:
        if target.survey in seen:
            raise GalkerasError(
                f"{seen[target.survey].path} and {target.path} are both of {target.survey}: adaptation needs two"
                " surveys, or each of several once"
            )
        seen[target.survey] = target
    if source.survey not in vae.config.surveys:
        raise GalkerasError(
            f"{model} was fitted to {', '.join(vae.config.surveys)} and {source.path} is of {source.survey}: the first"
            " record set must be of the survey that the model knows, those behind it of others"
        )
    vae.check_records(source)
    for target in targets:
        vae.check_records(target, any_survey=True)


def _parts(
    source: RecordSet, targets: Sequence[RecordSet], unpaired: bool, pairs_only: bool
) -> dict[str, dict[str, Galaxies]]:
    """Return, by split, the galaxies of each part of a batch; a test split only where all sets have one."""
    sources = index_galaxies(source, SPLITS)
    parts: dict[str, dict[str, Galaxies]] = {split: {} for split in SPLITS}
    for number, target in enumerate(targets):
        both, alone = (sources, index_galaxies(target, SPLITS)), sources.split == "train"
        if unpaired:
            _log.info(f"unpaired: {len(both[0]):,} galaxies of {source.survey}, {len(both[1]):,} of {target.survey}")
        else:
            pairs = join(*both)
            _log.info(f"{source.survey} and {target.survey}: {pairs}")
            if not len(pairs):
                raise GalkerasError(
                    f"{source.path} and {target.path} have no galaxy in common. Pairs agree in id, or else in position,"
                    " and their centres lie within 1 arcsec; for different galaxies say `unpaired=True`"
                )
            alone[pairs.source] = False
            both = both[0][pairs.source], both[1][pairs.target]
        for split, part in parts.items():
            its = [galaxies[galaxies.split == split] for galaxies in both]
            if min(map(len, its)) == 0 and split != "test":
                raise GalkerasError(
                    f"no galaxies for {split}: more are needed."
                    f" Received: {len(its[0])} of {source.survey}, {len(its[1])} of {target.survey}"
                )
            part |= {named(domain, number): one for domain, one in zip(DOMAINS, its, strict=True)}
        if unpaired or pairs_only or not alone.any():
            continue
        lone, beside = int(alone.sum()), len(parts["train"][named("source", number)])
        if lone < _ENOUGH * beside:
            _log.info(
                f"{lone:,} galaxies of {source.survey} without a partner in {target.survey} are left out:"
                f" beside {beside:,} pairs each would be learned from {beside / lone:.0f} times as often"
            )
        else:
            parts["train"][named(_EXTRA, number)] = sources[alone]
    if lacking := [name for name, galaxies in parts["test"].items() if not len(galaxies)]:
        _log.info(f"no test galaxies of {', '.join(lacking)}: the validation split is scored")
        del parts["test"]
    return parts
