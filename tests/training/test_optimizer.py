from devices import run_on_devices

from galkeras.backend import tf
from galkeras.training.optimizer import SummedAdam


def test_the_gradient_of_the_whole_batch_is_clipped():
    # Of two devices one has the gradient (300, 0) and one (0, 4): clipped to 3, their sum is (3, 0.04), and each for
    # itself would be (3, 0) and (0, 3).
    code = """
from galkeras.training.optimizer import SummedAdam
with strategy.scope():
    x = tf.Variable([0.0, 0.0])
    optimizer = SummedAdam(0.1, global_clipnorm=3.0)
    optimizer.build([x])
def step():
    first = tf.distribute.get_replica_context().replica_id_in_sync_group == 0
    optimizer.apply([tf.where(first, [300.0, 0.0], [0.0, 4.0])], [x])
tf.function(lambda: strategy.run(step))()
print(*(float(one) for name in optimizer.variables if "momentum" in name.path for one in name.numpy()))
"""
    found = [float(one) for one in run_on_devices(2, code).split()]
    x = tf.Variable([0.0, 0.0])
    optimizer = SummedAdam(0.1, global_clipnorm=3.0)
    optimizer.apply([tf.constant([300.0, 4.0])], [x])
    momentum = next(one for one in optimizer.variables if "momentum" in one.path).numpy()
    assert abs(momentum - found).max() < 1e-7 and abs(momentum[1] - 0.1 * 0.04) < 1e-5
