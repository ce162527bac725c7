"""Fitting a VAE to a record set: what `fit` does once TensorFlow is there."""

__all__ = ["fitted"]

import logging
from pathlib import Path

from galkeras.backend import keras
from galkeras.io.calls import Call
from galkeras.models.architectures import ARCHITECTURES
from galkeras.models.config import ModelConfig
from galkeras.models.folder import load_model
from galkeras.models.losses import LOSSES
from galkeras.models.vae import VAE
from galkeras.records.reader import damage_named, training_dataset
from galkeras.records.schema import RecordSet
from galkeras.training.data import measure_stretch, validation_dataset
from galkeras.training.options import FitOptions
from galkeras.training.run import agreed, finish, model_folder, train
from galkeras.training.state import LAST_FILE
from galkeras.training.stored import TrainingConfig
from galkeras.training.strategy import Team, joined
from galkeras.training.summary import summarise
from galkeras.training.votes import Votes
from galkeras.training.warm_start import load_start, start_from, stretch_of

_log = logging.getLogger(__name__)


def fitted(
    records: RecordSet,
    out: Path,
    options: FitOptions,
    votes: Votes | None,
    call: Call,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
) -> VAE:
    """Fit and return what `fit` says, whose arguments these are, beside the votes that it read and its ``call``."""
    with joined() as team:
        return _fitted(team, records, out, options, votes, call, resume, overwrite, quiet)


def _fitted(
    team: Team,
    records: RecordSet,
    out: Path,
    options: FitOptions,
    votes: Votes | None,
    call: Call,
    resume: bool,
    overwrite: bool,
    quiet: bool,
) -> VAE:
    run = options.run | {"batch_size": min(options.batch_size, records.count("train"))}
    if options.learning_rate is None:
        run["learning_rate"] = ARCHITECTURES[options.architecture].learning_rate
    kl_weight = LOSSES[options.loss].kl_weight if options.kl_weight is None else options.kl_weight
    size = options.image_size or records.image_size
    questions = votes.questions if votes else ()
    old = None
    if options.warm_start is not None:
        old = load_start(options.warm_start, options, size, records, questions)
    training = TrainingConfig(
        records=records.digest,
        votes=votes.digest if votes else "",
        warm_start=old.digest if old else "",
        **run,
    )
    config = ModelConfig(
        image_size=records.image_size,
        units=records.units,
        surveys=(records.survey,),
        pixel_scale=records.pixel_scale,
        latent_dim=options.latent_dim,
        network_size=size,
        architecture=options.architecture,
        loss=options.loss,
        kl_weight=kl_weight,
        focus=options.focus or None,
        bands=records.bands,
        preparation=records.preparation,
        questions=questions,
        votes_weight=options.votes_weight,
        **(stretch_of(old) if old else measure_stretch(records, max(1, records.image_size // size))),
    )
    config = agreed(team, config, training)
    with model_folder(out, config, training, call, resume, overwrite, team) as unfinished:
        if not unfinished:
            if not quiet:
                _log.info(f"{out}: finished already, and read")
            return team.hand_out(lambda: load_model(out), lambda: VAE(config))
        beside = None if votes is None else (votes.ids, votes.counts)
        steps = records.count("train") // training.batch_size
        with team.strategy.scope():
            keras.utils.set_random_seed(options.seed)
            model = VAE(config, seed=options.seed)
        if not team.workers.chief or (out / LAST_FILE).exists():
            pass  # the run goes on from there, or from the chief's weights
        elif old is not None:
            start_from(model, old, options.warm_start)
        else:
            model.architecture.start(model, records, options.seed)
        with damage_named(records):
            train(
                model,
                team,
                out,
                training,
                steps,
                lambda first: training_dataset(
                    records,
                    "train",
                    training.batch_size,
                    seed=options.seed,
                    first_epoch=first,
                    beside=beside,
                    share=team.share,
                ),
                lambda: validation_dataset(records, "validation", training.batch_size, beside, team.share),
                lambda step: _names(records, training, step),
                quiet=quiet,
            )
            return team.hand_out(
                lambda: finish(VAE(config), out, lambda model: summarise(model, records, out), quiet=quiet),
                lambda: VAE(config),
            )


def _names(records: RecordSet, training: TrainingConfig, step: int) -> list[str]:
    """Return the names of the galaxies that a step of the run learned from."""
    epoch, batch = divmod(step, records.count("train") // training.batch_size)
    ids = training_dataset(
        records, "train", training.batch_size, seed=training.seed, first_epoch=epoch, named=True
    ).skip(batch)
    return [name.decode() for name in next(iter(ids)).numpy()]
