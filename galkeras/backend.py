"""The one place that imports TensorFlow, so that its settings come first and its start-up noise stays out.

Importing this module takes about 7 s: only code that computes with tensors does it.
"""

__all__ = ["keras", "tf", "tfd"]

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# oneDNN is off by default on AMD, where it is worth 1.5x to 1.9x in training.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Discard what C++ writes to stderr: TensorFlow logs there before it reads its own log level."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def _without(*modules: str) -> Iterator[None]:
    """Let modules that are not loaded yet look as if they were not installed."""
    hidden = [name for name in modules if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


# Keras tries to import these for wrappers and galleries that nothing here uses: a third of its start.
with warnings.catch_warnings(), _quiet_stderr(), _without("sklearn", "matplotlib", "matplotlib.pyplot"):
    # TFP 0.25 parses versions with distutils, which warns about its own age.
    warnings.simplefilter("ignore", DeprecationWarning)
    import keras
    import tensorflow as tf
    from tensorflow_probability import distributions as tfd

logging.getLogger("tensorflow").setLevel(logging.ERROR)
logging.getLogger("absl").setLevel(logging.ERROR)
# Keras warns of this on every `fit` from a tf.data pipeline, where it is what we mean.
warnings.filterwarnings("ignore", message="`shuffle=True` was passed")
