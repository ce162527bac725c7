"""One device or several, of one machine or of several workers."""

__all__ = ["Team", "choose_strategy", "joined"]

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from galkeras.backend import keras, tf
from galkeras.io.errors import GalkerasError
from galkeras.training.watch import GONE, leave_soon, watched
from galkeras.training.workers import Workers

_log = logging.getLogger(__name__)

# What TensorFlow says of collectives whose other end is gone.
_LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError, tf.errors.InternalError)


def choose_strategy() -> tf.distribute.Strategy:
    """Return a MirroredStrategy over all GPUs (or logical CPU devices) when there are several, else the default one.

    The default strategy has none of the mirrored one's overhead. Which GPUs are seen is CUDA_VISIBLE_DEVICES's to say.
    """
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) == 1:
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy([device.name for device in devices])


@dataclass(frozen=True)
class Team:
    """The workers of a run, each with its devices, that do each step together.

    Every method that has them talk to each other must be called by all, in the same order.
    """

    workers: Workers
    strategy: tf.distribute.Strategy

    @property
    def share(self) -> tuple[int, int]:
        """Return which of how many equal parts of every batch this worker takes."""
        return self.workers.index, max(1, len(self.workers.addresses))

    def tell(self, text: str) -> list[str]:
        """Return what each worker says, the chief first."""
        if not self.workers.several:
            return [text]
        data = np.frombuffer(text.encode(), np.uint8).astype(np.int32)
        sizes = self.strategy.gather(tf.constant([len(data)]), 0).numpy()
        everything = self.strategy.gather(tf.constant(data), 0).numpy().astype(np.uint8)
        return [part.tobytes().decode() for part in np.split(everything, np.cumsum(sizes)[:-1])]

    def agree(self, settings: Mapping[str, Any]) -> None:
        """Raise a `GalkerasError` where workers were started with different settings."""
        texts = self.tell(json.dumps(settings))
        for number, text in enumerate(texts):
            first, other = json.loads(texts[0]), json.loads(text)
            for name in first.keys() | other.keys():
                if first.get(name) != other.get(name):
                    raise GalkerasError(
                        f"worker {number} has {name}={other.get(name)}, and worker 0 has {name}={first.get(name)}:"
                        " start all with the same command, on the same record sets"
                    )

    def take_over(self, variables: list[tf.Variable]) -> None:
        """Give all workers the chief's values of some variables of float32."""
        if not self.workers.several:
            return
        values = [np.asarray(one) for one in variables]
        mine = np.concatenate([one.ravel() for one in values]).astype(np.float32)

        def chiefs(values: tf.Tensor) -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            first = tf.equal(context.replica_id_in_sync_group, 0)
            return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.where(first, values, tf.zeros_like(values)))

        shared = self.strategy.experimental_local_results(self.strategy.run(chiefs, (tf.constant(mine),)))[0].numpy()
        for one, part in zip(variables, np.split(shared, np.cumsum([one.size for one in values])[:-1]), strict=True):
            one.assign(part.reshape(one.shape))

    def hand_out(self, make: Callable[[], keras.Model], build: Callable[[], keras.Model]) -> keras.Model:
        """Return what the chief makes; the others wait for it, and give one that they ``build`` its weights."""
        model = make() if self.workers.chief else build()
        self.take_over(model.variables)
        return model

    def batches(self, dataset: tf.data.Dataset, batch_size: int) -> tf.data.Dataset | tf.distribute.DistributedDataset:
        """Return what `keras.Model.fit` takes of a dataset of this worker's shares of batches of ``batch_size``."""
        if not self.workers.several:
            return dataset
        each = batch_size // self.strategy.num_replicas_in_sync
        if each < batch_size // self.share[1]:
            dataset = dataset.rebatch(each, drop_remainder=True)
        return self.strategy.distribute_datasets_from_function(lambda context: dataset)


@contextmanager
def joined() -> Iterator[Team]:
    """Yield the team that the environment names, once all of it is there, or one of this process alone.

    The chief alone speaks of the work. Where a worker is lost on the way, the others end, too. To be entered before
    TensorFlow has computed anything.

    Raises:
        GalkerasError: They cannot be joined, or one was lost.
    """
    workers = Workers.of()
    if not workers.several:
        yield Team(workers, choose_strategy())
        return
    with workers.speaking(), watched(workers):
        try:
            yield Team(workers, _joined(workers))
        except _LOST as error:
            leave_soon()
            _log.debug(error)
            raise GalkerasError(f"worker {workers.index}: {GONE}") from error
        except BaseException:
            leave_soon()
            raise


@cache
def _joined(workers: Workers) -> tf.distribute.Strategy:
    if workers.chief:
        _log.info(f"{len(workers.addresses)} workers: {', '.join(workers.addresses)}")
    cluster = tf.train.ClusterSpec({"worker": list(workers.addresses)})
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        cluster, task_type="worker", task_id=workers.index, rpc_layer="grpc"
    )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    except RuntimeError as error:
        raise GalkerasError(
            "TensorFlow has computed something already, and several workers can be joined before that alone: call"
            f" `fit` or `adapt` first. TensorFlow says: {_first_line(error)}"
        ) from None
    except tf.errors.OpError as error:
        address = workers.addresses[workers.index]
        raise GalkerasError(
            f"worker {workers.index} cannot be joined to the others as {address}: {_first_line(error)}"
        ) from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
