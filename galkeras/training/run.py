"""The run that `fit` and `adapt` share: an output folder, a resumable training loop, a finish."""

__all__ = ["TrainingConfig", "finish", "model_folder", "train"]

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from galkeras.backend import keras, tf
from galkeras.io.errors import GalkerasError
from galkeras.io.folders import OutputFolder
from galkeras.models.config import ModelConfig
from galkeras.models.folder import CONFIG_FILE, WEIGHTS_FILE, finish_folder, read_config, write_config
from galkeras.training.options import RunOptions
from galkeras.training.progress import Progress
from galkeras.training.state import BEST_FILE, EpochState

_WARMUP_EPOCHS = 2
# Of the gradient of a loss in nats: rare outliers, stars and defects, reach far beyond it.
_CLIP_NORM = 3e3


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(RunOptions):
    """How a model is trained, beside what it is; stored in ``config.json`` and compared on resume.

    Attributes:
        records: Digest of the record sets.
        votes: Digest of the votes that are learned from; empty where there are none.
    """

    records: str
    votes: str = ""


@contextmanager
def model_folder(out: Path, config: ModelConfig, training: TrainingConfig, resume: bool) -> Iterator[bool]:
    """Make the model folder ready and keep others out of it; yield whether there is something left to train.

    Raises:
        GalkerasError: It holds something else, or, to be resumed, a run with other settings; or another command is
            training there at this time.
    """
    begun = (out / CONFIG_FILE).exists()
    if begun and not resume:
        raise GalkerasError(f"{out} holds a model: go on with --resume, or give another --out")
    if begun:
        _check_begun(out, config, training)
    if begun and (out / WEIGHTS_FILE).exists():
        yield False
        return
    with OutputFolder(out, "fit or adapt", ours=re.escape(CONFIG_FILE), sign=CONFIG_FILE).writing():
        if not begun:
            write_config(out, config, asdict(training))
        yield True


def _check_begun(out: Path, config: ModelConfig, training: TrainingConfig) -> None:
    """Raise a `GalkerasError` where the run that was begun in a folder has other settings."""
    settings = {"model": config.to_json(), "training": asdict(training)}
    stored = read_config(out)
    for part, values in settings.items():
        for name, value in values.items():
            old = stored[part].get(name)
            if old != (list(value) if isinstance(value, tuple) else value):
                raise GalkerasError(f"{out} was begun with {name}={old}, not {value}: give the same, or another --out")


def train(
    model: keras.Model,
    strategy: tf.distribute.Strategy,
    out: Path,
    training: TrainingConfig,
    steps: int,
    dataset: Callable[[int], tf.data.Dataset],
    validation: tf.data.Dataset,
    monitor: str = "elbo_loss",
    quiet: bool = False,
) -> None:
    """Train ``model`` until its epochs or its patience run out, leaving best weights and history in ``out``.

    Args:
        model: Built under ``strategy``.
        strategy: Over which devices.
        out: The model folder; a run interrupted there is gone on with.
        training: Epochs, learning rate, patience.
        steps: Steps an epoch.
        dataset: Gives the training batches from a first epoch on.
        validation: The validation batches.
        monitor: The loss term whose lowest validation value marks the best epoch.
        quiet: Print nothing; a bar on a terminal goes when it is full.
    """
    replicas = strategy.num_replicas_in_sync
    if training.batch_size % replicas:
        raise GalkerasError(
            f"`batch_size` must divide over {replicas} devices. Received: batch_size={training.batch_size}"
        )
    with strategy.scope():
        model.compile(optimizer=_adam(training, steps), jit_compile=False)
    state = EpochState(out, f"val_{monitor}", training.patience)
    state.set_model(model)
    done = state.restore(steps)
    if done == training.epochs or state.finished:
        return
    terms = (metric.name for metric in model.metrics if metric.name not in ("loss", monitor))
    columns = ("loss", f"val_{monitor}", *(f"val_{term}" for term in terms))
    try:
        model.fit(
            dataset(done),
            initial_epoch=done,
            epochs=training.epochs,
            steps_per_epoch=steps,
            validation_data=validation,
            verbose=0,
            callbacks=[
                state,
                Progress(training.epochs, steps, training.batch_size, done, columns, quiet),
                keras.callbacks.TensorBoard(out / "tensorboard"),
            ],
        )
    except KeyboardInterrupt:
        if not quiet:
            print(f"{out}: stopped after epoch {len(state.history)}; the same command with --resume goes on")
        raise


def finish(model: keras.Model, out: Path, summarise: Callable[[keras.Model], None]) -> keras.Model:
    """Load the best weights into a fresh ``model``, summarise it, and write its weights: the folder is finished."""
    model.load_weights(out / BEST_FILE)
    summarise(model)
    finish_folder(out, model)
    return model


def _adam(training: TrainingConfig, steps: int) -> keras.optimizers.Optimizer:
    total = training.epochs * steps
    warmup = min(_WARMUP_EPOCHS * steps, total // 2)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, total - warmup), warmup_target=training.learning_rate, warmup_steps=warmup
    )
    return keras.optimizers.Adam(schedule, global_clipnorm=_CLIP_NORM)
