"""The run that `fit` and `adapt` share: an output folder, a resumable training loop, a finish."""

__all__ = ["agreed", "finish", "model_folder", "train"]

import json
import logging
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from galkeras.backend import keras, tf
from galkeras.io.calls import Call
from galkeras.io.errors import GalkerasError
from galkeras.io.folders import OutputFolder
from galkeras.models.config import ModelConfig
from galkeras.models.folder import CONFIG_FILE, WEIGHTS_FILE, finish_folder, read_weights, write_config
from galkeras.models.stored import StoredModel
from galkeras.models.vae import VAE
from galkeras.training.history import HISTORY_FILE, best_epoch, history_digest, read_history
from galkeras.training.optimizer import SummedAdam
from galkeras.training.options import LONGER
from galkeras.training.progress import Progress
from galkeras.training.state import BEST_FILE, EpochState
from galkeras.training.stored import SUMMARY_FILE, Summary, TrainingConfig
from galkeras.training.strategy import Team

_log = logging.getLogger(__name__)

_TENSORBOARD = "tensorboard"
_WARMUP_EPOCHS = 2
# Of the gradient of a loss in nats: rare outliers, stars and defects, reach far beyond it.
_CLIP_NORM = 3e3
# Files of a model folder, of which a kill may leave a part.
_WRITTEN = r"(checkpoints/)?\w+\.(weights\.h5|json|csv|png)"


def agreed(team: Team, config: ModelConfig, training: TrainingConfig) -> ModelConfig:
    """Return what the chief takes the model to be, having seen that all workers mean the same run.

    Measured numbers may differ in their last digits from one processor to another.
    """
    if not team.workers.several:
        return config
    measured = ("softening", "ceiling")
    model = config.to_json()
    team.agree({name: value for name, value in model.items() if name not in measured} | asdict(training))
    return type(config).from_json(json.loads(team.tell(json.dumps(model))[0]))


# What the chief says to the others of a folder that is there for them.
_TOLD = {"there is something to train": True, "it is finished": False}


@contextmanager
def model_folder(
    out: Path,
    config: ModelConfig,
    training: TrainingConfig,
    call: Call,
    resume: bool,
    overwrite: bool = False,
    team: Team | None = None,
) -> Iterator[bool]:
    """Make the model folder ready and keep others out of it; yield whether there is something left to train.

    Args:
        out: The folder.
        config: What the model is to be.
        training: How it is to be trained.
        call: How that was asked for.
        resume: Go on with a run of these settings, but that it may have fewer epochs or patience.
        overwrite: Remove the run that is there, but for versions that were exported, which servers may hold.
        team: Who trains; by default this process. The folder is the chief's, which tells the others.

    Raises:
        GalkerasError: It holds something else, or, to be resumed, a run with other settings; or another command is
            training there at this time.
    """
    if team is not None and not team.workers.chief:
        told = team.tell("")[0]
        if told not in _TOLD:
            raise GalkerasError(told)
        yield _TOLD[told]
        return
    with ExitStack() as stack:
        try:
            unfinished = stack.enter_context(_own_folder(out, config, training, call, resume, overwrite))
        except Exception as error:
            if team is not None:
                team.tell(str(error))
            raise
        if team is not None:
            team.tell(next(word for word, value in _TOLD.items() if value == unfinished))
        yield unfinished


@contextmanager
def _own_folder(
    out: Path, config: ModelConfig, training: TrainingConfig, call: Call, resume: bool, overwrite: bool
) -> Iterator[bool]:
    folder = OutputFolder(out, "fit or adapt", ours=re.escape(CONFIG_FILE), sign=CONFIG_FILE, within=_WRITTEN)
    folder.check()
    begun = (out / CONFIG_FILE).exists()
    if resume and overwrite:
        raise GalkerasError("`resume=True` goes on with what `overwrite=True` removes: give one of them")
    if begun and not (resume or overwrite):
        raise GalkerasError(
            f"{out} holds a model: `resume=True` goes on with it, `overwrite=True` replaces it, or give another `out`"
        )
    longer = begun and resume and _is_longer(out, config, training)
    if begun and resume and not longer and (out / WEIGHTS_FILE).exists():
        yield False
        return
    with folder.writing():
        if overwrite:
            _remove_run(out)
        if longer:
            # From here on the folder is unfinished; the best weights stay in its checkpoints.
            (out / WEIGHTS_FILE).unlink(missing_ok=True)
        if longer or overwrite or not begun:
            write_config(out, config, asdict(training), call)
        yield True


def _is_longer(out: Path, config: ModelConfig, training: TrainingConfig) -> bool:
    """Tell whether a run that was begun is to go on for longer; a `GalkerasError` where other settings differ."""
    # As the file has them: without tuples, also inside others.
    settings = json.loads(json.dumps({"model": config.to_json(), "training": asdict(training)}))
    stored = asdict(StoredModel.load(out))
    longer = False
    for part, values in settings.items():
        for name, value in values.items():
            # Models from before a setting was written down have its default.
            default = getattr(type(training), name, None)
            old = stored[part].get(name, list(default) if isinstance(default, tuple) else default)
            if old == value:
                continue
            if name in LONGER and isinstance(old, int) and value > old:
                longer = True
                continue
            how = "no less, to go on" if name in LONGER else "the same"
            raise GalkerasError(f"{out} was begun with {name}={old}, not {value}: give {how}, or another `out`")
    return longer


def _remove_run(out: Path) -> None:
    """Remove what `fit` or `adapt` wrote, the config first, and leave what else there is."""
    if not (out / CONFIG_FILE).exists():
        return
    for pattern in (CONFIG_FILE, WEIGHTS_FILE, HISTORY_FILE, SUMMARY_FILE, "*.png"):
        for path in out.glob(pattern):
            path.unlink()
    for name in (Path(BEST_FILE).parent, _TENSORBOARD):
        shutil.rmtree(out / name, ignore_errors=True)


def train(
    model: VAE,
    team: Team,
    out: Path,
    training: TrainingConfig,
    steps: int,
    dataset: Callable[[int], tf.data.Dataset],
    validation: Callable[[], tf.data.Dataset],
    names: Callable[[int], Sequence[str]],
    monitor: str = "elbo_loss",
    quiet: bool = False,
) -> None:
    """Train ``model`` until its epochs or its patience run out, leaving best weights and history in ``out``.

    Args:
        model: Built under the team's strategy.
        team: Who trains, on which devices.
        out: The model folder; a run interrupted there is gone on with.
        training: Epochs, learning rate, patience.
        steps: Steps an epoch.
        dataset: Gives this worker's share of the training batches from a first epoch on.
        validation: Gives its share of the validation batches.
        names: Gives the names of the galaxies of a step, counted from the first of the run.
        monitor: The loss term whose lowest validation value marks the best epoch.
        quiet: Print nothing; a bar on a terminal goes when it is full.
    """
    replicas = team.strategy.num_replicas_in_sync
    if training.batch_size % replicas:
        raise GalkerasError(
            f"`batch_size` must divide over {replicas} devices. Received: batch_size={training.batch_size}"
        )
    with team.strategy.scope():
        model.compile(optimizer=_adam(training, steps), jit_compile=False)
    state = EpochState(out, f"val_{monitor}", training.patience, lambda epoch, step: names(epoch * steps + step), team)
    state.set_model(model)
    done = state.restore(steps)
    if done == training.epochs or state.finished:
        return
    terms = (metric.name for metric in model.metrics if metric.name not in ("loss", monitor))
    columns = (monitor, f"val_{monitor}", *(f"val_{term}" for term in terms))
    callbacks: list[keras.callbacks.Callback] = [state]
    if team.workers.chief:
        callbacks += [
            Progress(training.epochs, steps, training.batch_size, done, columns, quiet, _size(model)),
            keras.callbacks.TensorBoard(out / _TENSORBOARD),
        ]
    try:
        model.fit(
            team.batches(dataset(done), training.batch_size),
            initial_epoch=done,
            epochs=training.epochs,
            steps_per_epoch=steps,
            validation_data=team.batches(validation(), training.batch_size),
            verbose=0,
            callbacks=callbacks,
        )
    except KeyboardInterrupt:
        if not quiet:
            _log.info(f"{out}: stopped after epoch {len(state.history)}; `resume=True` goes on")
        raise


def finish(
    model: VAE,
    out: Path,
    summarise: Callable[[Any], Summary],
    monitor: str = "elbo_loss",
    quiet: bool = False,
) -> VAE:
    """Load the best weights into a fresh ``model``, summarise it, and write its weights: the folder is finished.

    ``monitor`` and ``quiet`` are as for `train`.
    """
    read_weights(out / BEST_FILE, model)
    summary = summarise(model)
    history = read_history(out)
    finish_folder(out, model, history_digest(history))
    if not quiet:
        best = best_epoch(history, f"val_{monitor}")
        loss = history[best - 1][f"val_{monitor}"] * (_size(model) if monitor == "loss" else 1.0)
        unit = "nats" if model.pixel_loss.in_nats else model.config.loss
        _log.info(f"{out}: best epoch {best} of {len(history)} ({loss:.4g} {unit}), {summary.line}")
    return model


def _size(model: VAE) -> float:
    """Return what the loss that Adam sees is divided by, beside the loss of an image."""
    return 1.0 if model.pixel_loss.in_nats else float(np.prod(model.config.network_shape))


def _adam(training: TrainingConfig, steps: int) -> keras.optimizers.Optimizer:
    total = training.epochs * steps
    warmup = min(_WARMUP_EPOCHS * steps, total // 2)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, total - warmup), warmup_target=training.learning_rate, warmup_steps=warmup
    )
    return SummedAdam(schedule, global_clipnorm=_CLIP_NORM)
