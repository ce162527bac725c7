"""Fitting a VAE to a record set."""

__all__ = ["fit"]

from pathlib import Path

from galkeras.backend import keras
from galkeras.io.errors import GalkerasError
from galkeras.models.architectures import ARCHITECTURES
from galkeras.models.config import ModelConfig
from galkeras.models.folder import load_model
from galkeras.models.losses import LOSSES
from galkeras.models.vae import VAE
from galkeras.records.reader import damage_named, training_dataset
from galkeras.records.schema import RecordSet
from galkeras.training.data import measure_stretch, validation_dataset
from galkeras.training.options import FitOptions, takes
from galkeras.training.run import finish, model_folder, train
from galkeras.training.state import LAST_FILE
from galkeras.training.stored import TrainingConfig
from galkeras.training.strategy import choose_strategy
from galkeras.training.summary import summarise
from galkeras.training.votes import read_votes
from galkeras.training.warm_start import load_start, start_from, stretch_of


@takes(FitOptions)
def fit(
    records: str | Path,
    out: str | Path,
    *,
    options: FitOptions,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
) -> VAE:
    """Fit a VAE to the training split of a record set and write a model folder.

    The weights kept are those of the epoch with the lowest validation ELBO loss.

    Args:
        records: Folder of the record set.
        out: The model folder to write, by convention ``saved_models/NAME``.
        options: By keywords of their own, as in ``latent_dim=40``: those of `FitOptions`, which says what each means
            and what it is by default. ``**FitOptions.PAPER`` gives network and loss of the paper.
        resume: Go on with a run of the same settings, whether it was interrupted or is to have more ``epochs`` or
            ``patience`` than it had; one that has them all is read.
        overwrite: Replace a model that is there.
        quiet: Print no line after each epoch; ``history.csv`` has them.

    Returns:
        The fitted model.

    Raises:
        GalkerasError: On bad settings, too few galaxies, or a folder that holds something else.
    """
    records, out = RecordSet.load(records), Path(out)
    for split in ("train", "validation"):
        if not records.count(split):
            raise GalkerasError(f"{records.path} has no {split} galaxies: make a record set of more galaxies")
    votes = None
    if options.catalog is not None:
        votes = read_votes(options.catalog, tuple(options.label_columns), options.id_column)
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
    with model_folder(out, config, training, resume, overwrite) as unfinished:
        if not unfinished:
            return load_model(out)
        beside = None if votes is None else (votes.ids, votes.counts)
        steps = records.count("train") // training.batch_size
        strategy = choose_strategy()
        with strategy.scope():
            keras.utils.set_random_seed(options.seed)
            model = VAE(config, seed=options.seed)
        if (out / LAST_FILE).exists():
            pass  # the run goes on from there
        elif old is not None:
            start_from(model, old, options.warm_start)
        else:
            model.architecture.start(model, records, options.seed)
        with damage_named(records):
            train(
                model,
                strategy,
                out,
                training,
                steps,
                lambda first: training_dataset(
                    records, "train", training.batch_size, seed=options.seed, first_epoch=first, beside=beside
                ),
                validation_dataset(records, "validation", training.batch_size, beside),
                lambda step: _names(records, training, step),
                quiet=quiet,
            )
            return finish(VAE(config), out, lambda model: summarise(model, records, out))


def _names(records: RecordSet, training: TrainingConfig, step: int) -> list[str]:
    """Return the names of the galaxies that a step of the run learned from."""
    epoch, batch = divmod(step, records.count("train") // training.batch_size)
    ids = training_dataset(
        records, "train", training.batch_size, seed=training.seed, first_epoch=epoch, named=True
    ).skip(batch)
    return [name.decode() for name in next(iter(ids)).numpy()]
