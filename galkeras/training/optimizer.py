"""Adam as runs use it, the same on one device and on many."""

__all__ = ["SummedAdam"]

from galkeras.backend import keras, tf


class SummedAdam(keras.optimizers.Adam):
    """Keras' Adam, that clips the gradient of the whole batch: Keras clips that of each replica, and sums then."""

    def _clip_gradients(self, grads):
        context = tf.distribute.get_replica_context()
        if context.num_replicas_in_sync > 1:
            grads = context.all_reduce(tf.distribute.ReduceOp.SUM, grads)
        return super()._clip_gradients(grads)

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return list(grads_and_vars)
