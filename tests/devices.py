"""Programs on several logical CPU devices, which only a fresh process can have."""

import os
import subprocess
import sys

_START = """
from galkeras.backend import keras, tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * {count})
from galkeras.training.strategy import choose_strategy
strategy = choose_strategy()
assert strategy.num_replicas_in_sync == {count}
"""


def run_on_devices(count: int, code: str) -> str:
    """Run ``code``, which can use `keras`, `tf` and `strategy`, on so many devices; return its stdout."""
    command = [sys.executable, "-c", _START.format(count=count) + code]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True, timeout=300).stdout
