"""The progress bar of a run: images a second and time left."""

__all__ = ["Progress"]

import logging

from tqdm import tqdm

from galkeras.backend import keras

_log = logging.getLogger(__name__)


class Progress(keras.callbacks.Callback):
    """One bar over all epochs; after each, a line with its losses.

    Args:
        epochs: Epochs in all.
        steps: Steps an epoch.
        batch_size: Images a step.
        done: Epochs already done.
        columns: Columns of the history to tell.
        quiet: Show the bar alone, and clear it at the end.
        size: What ``loss`` was divided by for Adam's sake: with it all terms are told on one scale, that of an image.
    """

    def __init__(
        self,
        epochs: int,
        steps: int,
        batch_size: int,
        done: int,
        columns: tuple[str, ...],
        quiet: bool,
        size: float = 1.0,
    ):
        super().__init__()
        self.columns, self.batch_size, self.epochs, self.quiet = columns, batch_size, epochs, quiet
        self.sizes = {"loss": size, "val_loss": size}
        per_epoch = steps * batch_size
        self.bar = tqdm(
            total=epochs * per_epoch,
            initial=done * per_epoch,
            unit="img",
            smoothing=0.05,
            leave=not quiet,
            disable=None,
        )

    def on_epoch_begin(self, epoch, logs=None):
        self.bar.set_description(f"epoch {epoch + 1}/{self.epochs}")

    def on_train_batch_end(self, batch, logs=None):
        self.bar.update(self.batch_size)

    def on_epoch_end(self, epoch, logs=None):
        if self.quiet:
            return
        losses = "  ".join(
            f"{name} {logs[name] * self.sizes.get(name, 1.0):.4g}" for name in self.columns if name in logs
        )
        _log.info(f"epoch {epoch + 1:>3}/{self.epochs}  {losses}")

    def on_train_end(self, logs=None):
        self.bar.close()
