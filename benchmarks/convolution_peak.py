"""How near do the convolutions of a training step come to the machine's peak?

    python benchmarks/convolution_peak.py [--side 64] [--architectures upright,residual,paper] [--rounds 5]

Every convolution of a training step of 64 images, forward and both gradients, is found in its graph and run by itself
on random float32 numbers of its shapes, in turns with a product of two matrices of 2,048 by 2,048. Operations, two a
product, over seconds, and that over the same of the matrix product. Prints a Markdown table.
"""

import argparse
import os
import statistics
from collections.abc import Callable, Sequence

import numpy as np
from training_speed import BATCH, OURS, PEAK_SIDE, fresh, matrix_products
from turns import turns

from galkeras.backend import tf

KINDS = ("Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--architectures", default=",".join(OURS))
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    product, flops = matrix_products()["train"], 2 * PEAK_SIDE**3
    print(f"{given.side} px, batches of {BATCH}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    header = ("", "convolutions", "Gflop", *KINDS, "all")
    print(f"| {' | '.join(header)} |\n|{' --- |' * len(header)}")
    for name in given.architectures.split(","):
        model, images = fresh(name, given.side)
        graph = tf.function(model.train_step).get_concrete_function(images).graph
        found = [(op.type, *alone(op)) for op in graph.get_operations() if op.type in KINDS]
        work = {f"{number} {kind}": run for number, (kind, run, _) in enumerate(found)} | {"product": product}
        times: dict[str, list[float]] = {}
        for one, seconds, _ in turns(work, given.rounds):
            times.setdefault(one, []).append(seconds)
        peak = flops / statistics.median(times["product"])
        seconds = [statistics.median(times[f"{number} {kind}"]) for number, (kind, _, _) in enumerate(found)]
        shares = [rate(found, seconds, kinds) / peak for kinds in (*((kind,) for kind in KINDS), KINDS)]
        total = sum(count for _, _, count in found) / 1e9
        print(
            f"| `{name}` | {len(found)} | {total:.1f} | {' | '.join(f'{share:.0%}' for share in shares)} |", flush=True
        )


def rate(found: list, seconds: list[float], kinds: Sequence[str]) -> float:
    """Return the operations a second of the convolutions of these kinds."""
    pairs = [(count, second) for (kind, _, count), second in zip(found, seconds, strict=True) if kind in kinds]
    return sum(count for count, _ in pairs) / sum(second for _, second in pairs)


def alone(op: "tf.Operation") -> tuple[Callable[[], object], int]:
    """Return what runs a convolution by itself, and its operations."""
    inputs, shape = [tensor.shape.as_list() for tensor in op.inputs], op.outputs[0].shape.as_list()
    settings = {
        "strides": op.get_attr("strides"),
        "padding": op.get_attr("padding").decode(),
        "data_format": op.get_attr("data_format").decode(),
    }
    if op.type == "Conv2D":
        weights, result, given = inputs[1], shape, inputs
        function = tf.function(lambda a, b: tf.raw_ops.Conv2D(input=a, filter=b, **settings))
    elif op.type == "Conv2DBackpropInput":
        weights, result, given = inputs[1], inputs[2], inputs[1:]
        function = tf.function(
            lambda a, b: tf.raw_ops.Conv2DBackpropInput(input_sizes=shape, filter=a, out_backprop=b, **settings)
        )
    else:
        weights, result, given = shape, inputs[2], [inputs[0], inputs[2]]
        function = tf.function(
            lambda a, b: tf.raw_ops.Conv2DBackpropFilter(input=a, filter_sizes=shape, out_backprop=b, **settings)
        )
    rng = np.random.default_rng(0)
    a, b = (tf.constant(rng.normal(size=size).astype(np.float32)) for size in given)
    return lambda: function(a, b), 2 * int(np.prod(weights)) * int(np.prod(result[:3]))


if __name__ == "__main__":
    main()
