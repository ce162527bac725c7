"""One device or several."""

__all__ = ["choose_strategy"]

from galkeras.backend import tf


def choose_strategy() -> tf.distribute.Strategy:
    """Return a MirroredStrategy over all GPUs (or logical CPU devices) when there are several, else the default one.

    The default strategy has none of the mirrored one's overhead. Which GPUs are seen is CUDA_VISIBLE_DEVICES's to say.
    """
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) == 1:
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy([device.name for device in devices])
