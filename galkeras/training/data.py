"""What fitting reads from a record set: the stretch's parameters, and padded validation batches."""

__all__ = ["measure_stretch", "validation_dataset"]

import numpy as np

from galkeras.backend import tf
from galkeras.records.reader import by_id, ordered_dataset
from galkeras.records.schema import RecordSet
from galkeras.surveys.image import PICTURE

# Galaxies that the stretch is measured on, from the training split.
_SAMPLE = 512
# Softening in units of the sky noise a pixel, and the galaxies whose brightest pixel stays under the ceiling.
_SOFTENING_SIGMAS = 5.0
_CEILING_PERCENTILE = 90.0


def measure_stretch(records: RecordSet, factor: int = 1) -> dict[str, tuple[float, ...] | None]:
    """Return ``softening`` and ``ceiling`` of `ModelConfig` for the training galaxies of ``records``.

    Pictures, which were stretched when they were made, are only divided by 255. For nanomaggies the softening is
    5 times the sky noise a pixel (from the median absolute deviation of the outer sixteenth of the image, median over
    galaxies), and the ceiling is the 90th percentile over galaxies of their brightest pixel.

    Args:
        records: The record set to fit.
        factor: Side of the pixel blocks that the model sums before it stretches.
    """
    if records.units == PICTURE:
        return {"softening": None, "ceiling": (255.0,) * len(records.bands)}
    noises, peaks, seen = [], [], 0
    for batch in ordered_dataset(records, ("train",), 64):
        images = tf.nn.avg_pool2d(batch["image"], factor, factor, "VALID").numpy() * factor**2
        width = max(1, images.shape[1] // 16)
        border = np.concatenate(
            [
                side.reshape(len(images), -1, len(records.bands))
                for side in (images[:, :width], images[:, -width:], images[:, :, :width], images[:, :, -width:])
            ],
            axis=1,
        )
        middle = np.median(border, axis=1, keepdims=True)
        noises.append(1.4826 * np.median(np.abs(border - middle), axis=1))
        peaks.append(images.max(axis=(1, 2)))
        seen += len(images)
        if seen >= _SAMPLE:
            break
    tiny = 1e-6  # noise-free images have no sky noise to measure
    softening = np.maximum(_SOFTENING_SIGMAS * np.median(np.concatenate(noises), axis=0), tiny)
    ceiling = np.maximum(np.percentile(np.concatenate(peaks), _CEILING_PERCENTILE, axis=0), 2 * softening)
    return {"softening": tuple(map(float, softening)), "ceiling": tuple(map(float, ceiling))}


def validation_dataset(
    records: RecordSet,
    split: str,
    batch_size: int,
    beside: tuple[np.ndarray, np.ndarray] | None = None,
    share: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Return (images, weights) of a split in order, the last batch filled up with blank images of weight 0.

    So every batch divides evenly over replicas and every galaxy counts once. With ``beside``, as `training_dataset`
    takes it, the numbers of each galaxy come third; ``share`` is as there.
    """
    numbers = None if beside is None else by_id(*beside)
    rows = batch_size // share[1]

    def pad(batch):
        images = batch["image"]
        count = tf.shape(images)[0]
        missing = rows - count
        images = tf.pad(images, [[0, missing], [0, 0], [0, 0], [0, 0]])
        weights = tf.concat([tf.ones(count), tf.zeros(missing)], 0)
        images = tf.ensure_shape(images, (rows, *records.images.shape))
        weights = tf.ensure_shape(weights, (rows,))
        if numbers is None:
            return images, weights
        theirs = tf.pad(numbers(batch["id"]), [[0, missing], [0, 0]])
        return images, weights, tf.ensure_shape(theirs, (rows, beside[1].shape[1]))

    return ordered_dataset(records, (split,), batch_size, share=share).map(pad)
