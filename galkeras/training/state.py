"""What a run leaves behind after each epoch, so that another can go on from there."""

__all__ = ["BEST_FILE", "LAST_FILE", "EpochState"]

import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from galkeras.backend import keras
from galkeras.io.checksums import damaged
from galkeras.io.errors import GalkerasError
from galkeras.models.folder import read_weights, write_weights
from galkeras.training.history import (
    HISTORY_DIGEST,
    HISTORY_FILE,
    best_epoch,
    history_digest,
    read_history,
    write_history,
)
from galkeras.training.strategy import Team

BEST_FILE = "checkpoints/best.weights.h5"
LAST_FILE = "checkpoints/last.weights.h5"


class EpochState(keras.callbacks.Callback):
    """Writes history, best and last weights after each epoch; stops a run that no longer improves.

    All its own state follows from the history, so that a resumed run stops where an uninterrupted one would. The last
    weights, with the optimizer's, are written last: what a kill leaves behind is the state after some whole epoch.

    Args:
        folder: The model folder.
        monitor: The validation column whose minimum is best.
        patience: Epochs without improvement after which to stop.
        names: Gives the names of the galaxies of a batch, by epoch and number, both counted from 0.
        team: Who trains. The chief alone reads and writes the folder; the others know what it knows.
    """

    def __init__(
        self, folder: Path, monitor: str, patience: int, names: Callable[[int, int], Sequence[str]], team: Team
    ):
        super().__init__()
        self.folder, self.monitor, self.patience, self.names, self.team = folder, monitor, patience, names, team
        self.history: list[dict[str, float]] = []

    def restore(self, steps_per_epoch: int) -> int:
        """Load the last weights, optimizer and history into the model; return the number of epochs done."""
        if self.team.workers.chief:
            self._read(steps_per_epoch)
        if self.team.workers.several:
            self.history = json.loads(self.team.tell(json.dumps(self.history))[0])
            optimizer = self.model.optimizer
            optimizer.iterations.assign(len(self.history) * steps_per_epoch)
            variables = (*self.model.variables, *optimizer.variables)
            self.team.take_over([one for one in variables if one is not optimizer.iterations])
        return len(self.history)

    def _read(self, steps_per_epoch: int) -> None:
        path = self.folder / LAST_FILE
        if not path.exists():
            return
        about = read_weights(path, self.model)
        done = int(self.model.optimizer.iterations.numpy()) // steps_per_epoch
        self.history = read_history(self.folder)[:done]
        if len(self.history) < done:
            raise GalkerasError(
                f"{self.folder / HISTORY_FILE} has {len(self.history)} rows, but {path} is after epoch {done}"
            )
        # Runs that an older galkeras began say nothing of their history.
        if about.get(HISTORY_DIGEST, digest := history_digest(self.history)) != digest:
            raise damaged(self.folder / HISTORY_FILE)

    @property
    def best_epoch(self) -> int:
        """Return the epoch, counted from 1, with the best validation score (the last one where none is finite)."""
        return best_epoch(self.history, self.monitor)

    @property
    def finished(self) -> bool:
        """Tell whether patience has run out."""
        return len(self.history) - self.best_epoch >= self.patience

    def on_epoch_begin(self, epoch, logs=None):
        self._start, self._epoch = time.perf_counter(), epoch

    def on_train_batch_end(self, batch, logs=None):
        # A mean over the epoch so far: the first batch that spoils it is this one.
        if math.isfinite(loss := float(logs["loss"])):
            return
        kept = f"the weights of epoch {self._epoch} are kept" if self._epoch else "no weights are there yet"
        names = ", ".join(self.names(self._epoch, batch))
        raise GalkerasError(
            f"the loss is {loss} in epoch {self._epoch + 1}, batch {batch + 1}, and {kept}: lower `learning_rate`, or"
            f" look for broken images with `inspect(verify=True)`. The batch: {names}"
        )

    def on_epoch_end(self, epoch, logs=None):
        rate = float(self.model.optimizer.learning_rate)
        seconds = round(time.perf_counter() - self._start, 3)
        self.history.append({"epoch": epoch + 1, **logs, "learning_rate": rate, "seconds": seconds})
        if not math.isfinite(logs["loss"]):
            raise GalkerasError(
                f"the loss is {logs['loss']} in epoch {epoch + 1}: lower `learning_rate`, or look for broken images"
                " with `inspect(verify=True)`"
            )
        if self.team.workers.chief:
            self._write()
        if self.finished:
            self.model.stop_training = True

    def _write(self) -> None:
        write_history(self.folder, self.history)
        if self.best_epoch == len(self.history):
            write_weights(self.folder / BEST_FILE, self.model)
        write_weights(self.folder / LAST_FILE, self.model, {HISTORY_DIGEST: history_digest(self.history)})
