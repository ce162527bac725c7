"""Programs on one CPU device or on several logical ones, which only a fresh process can have."""

import io
import os
import subprocess
import sys
from contextlib import redirect_stdout

_SEVERAL = """
from galkeras.backend import tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * {count})
"""
_START = """
from galkeras.backend import keras, tf
from galkeras.training.strategy import choose_strategy
strategy = choose_strategy()
assert strategy.num_replicas_in_sync == {count}
"""


def run_on_devices(count: int, code: str) -> str:
    """Run ``code``, which can use `keras`, `tf` and `strategy`, on so many devices; return its stdout.

    On one device it runs here, where TensorFlow is loaded already.
    """
    code = _START.format(count=count) + code
    if count == 1:
        with redirect_stdout(io.StringIO()) as said:
            exec(code, {"__name__": "__main__"})
        return said.getvalue()
    command = [sys.executable, "-c", _SEVERAL.format(count=count) + code]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True, timeout=300).stdout
