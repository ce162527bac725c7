"""The one place that imports TensorFlow, so that its settings come first and its start-up noise stays out.

Importing this module takes about 7 s: only code that computes with tensors does it.
"""

__all__ = ["keras", "tf", "tfd"]

import logging
import os
import warnings

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# oneDNN is off by default on AMD, where it is worth 1.5x to 1.9x in training.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

logging.getLogger("tensorflow").setLevel(logging.ERROR)
logging.getLogger("absl").setLevel(logging.ERROR)

with warnings.catch_warnings():
    # TFP 0.25 parses versions with distutils, which warns about its own age.
    warnings.simplefilter("ignore", DeprecationWarning)
    import keras
    import tensorflow as tf
    from tensorflow_probability import distributions as tfd
