"""How many images a second do the architectures train on and encode, and the same networks in PyTorch or OpenVINO?

    python benchmarks/training_speed.py [--side 64] [--rounds 5] [--architectures paper] [--half] [--torch PYTHON]
        [--compile] [--openvino PYTHON]

One step is a batch of 64 random images, float32: turns and flips, forward, loss, gradients and Adam; encoding is images
to posterior means. PYTHON is an interpreter that has PyTorch (`pip install torch==2.13.0 numpy` in an environment of
its own), which runs the same networks (`torch_networks`; `same_network.py` says how exactly) as they are and in
channels_last, and with --compile by torch.compile too. --half adds Keras's mixed bfloat16, and PyTorch's autocast.
--openvino takes an interpreter that has OpenVINO, which encodes with the graph of each of our encoders. Each contender
lives in its own process, all of an architecture take turns, and the median of the turns counts. Measure on an idle
machine: PyTorch's threads wait for each other after every operation, and where something else holds a core it loses
far more than TensorFlow. The peak is that of float32 matrix products of 2,048 by 2,048, which take turns too;
operations are TensorFlow's count of convolutions and matrix products. Prints a Markdown table for each architecture;
its first row is our network in float32, which the others are compared with.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

BATCH, LATENTS, STEPS = 64, 40, 4
OURS = ("upright", "residual", "paper")
HALF, TORCH, OPENVINO, PEAK = "bfloat16", "PyTorch", "OpenVINO", "matrix products"
PEAK_SIDE = 2048


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--architectures", default=",".join(OURS), help="with commas between")
    parser.add_argument("--torch", help="a Python interpreter with PyTorch")
    parser.add_argument("--compile", action="store_true", help="torch.compile too")
    parser.add_argument("--half", action="store_true", help="bfloat16 too")
    parser.add_argument("--openvino", help="a Python interpreter with OpenVINO")
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        serve(*contender(options.contender, options.side, options.folder))
        return
    for name in options.architectures.split(","):
        with tempfile.TemporaryDirectory() as folder:
            counts, times = compared(contenders(name, options), options.side, options.rounds, folder)
        print_table(name, counts, times, options.side)


def contenders(architecture: str, options: argparse.Namespace) -> dict[str, str]:
    """Return the interpreter of each contender of an architecture, ours first."""
    found = dict.fromkeys([architecture, *([f"{architecture} {HALF}"] if options.half else []), PEAK], sys.executable)
    if options.torch:
        variants = ["eager", "channels_last", *(["compiled"] if options.compile else [])]
        variants += [f"{variant} {HALF}" for variant in variants[1:] if options.half]
        found |= {f"{TORCH} {architecture} {variant}": options.torch for variant in variants}
    if options.openvino:
        kinds = ["", *([f" {HALF}"] if options.half else [])]
        found |= {f"{OPENVINO} {architecture}{kind}": options.openvino for kind in kinds}
    return found


def print_table(architecture: str, counts: dict, times: dict, side: int) -> None:
    """Print the images a second of all contenders of an architecture, and how many times ours they are."""
    peak = 2 * PEAK_SIDE**3 / (times[PEAK, "train"] / STEPS)
    print(f"`{architecture}`, {side} px, batches of {BATCH}, {os.cpu_count()} cores", end=", ")
    print(f"load {os.getloadavg()[0]:.1f}, matrix products {peak / 1e9:.0f} Gflop/s\n")
    columns = ("trains, images/s", "times ours", "of the peak", "encodes, images/s", "times ours", "of the peak")
    print(f"| | {' | '.join(columns)} |\n|{' --- |' * (len(columns) + 1)}")
    for name in counts:
        if name == PEAK:
            continue
        cells = []
        for kind in ("train", "encode"):
            seconds = times[name, kind]
            if seconds is None:
                cells += ["", "", ""]
                continue
            flops = counts[name].get(kind, 0) * STEPS / seconds / peak
            cells += [f"{STEPS * BATCH / seconds:.0f}", f"{times[architecture, kind] / seconds:.2f}"]
            cells += [f"{flops:.0%}" if flops else ""]
        print(f"| {f'`{name}`' if name == architecture else name} | {' | '.join(cells)} |")
    print(flush=True)


def compared(contenders: dict[str, str], side: int, rounds: int, folder: str) -> tuple[dict, dict]:
    """Return the operations of a step of each contender by kind of work, and the median seconds of its turns."""
    running, counts = {}, {}
    # One starts after the other: some read the graphs that others write.
    for name, python in contenders.items():
        running[name] = started(name, python, side, folder)
        ready = running[name].stdout.readline()
        if not ready.startswith("ready"):
            raise SystemExit(f"{name} did not start")
        counts[name] = dict(zip(("train", "encode"), map(int, ready.split()[1:]), strict=True))
    times: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for name, process in running.items():
            for kind in ("train", "encode"):
                process.stdin.write(f"{kind}\n")
                process.stdin.flush()
                times.setdefault((name, kind), []).append(float(process.stdout.readline()))
    for process in running.values():
        process.communicate("")
    medians = {key: statistics.median(seconds) for key, seconds in times.items()}
    return counts, {key: seconds if seconds > 0 else None for key, seconds in medians.items()}


def started(name: str, python: str, side: int, folder: str) -> subprocess.Popen:
    """Return a process that says when it is warm, and then works each time that it is told to."""
    command = [python, __file__, "--contender", name, "--side", str(side), "--folder", folder]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


Work = dict[str, Callable[[], object]]


def contender(name: str, side: int, folder: Path) -> tuple[Work, dict[str, int]]:
    """Return what a contender does, and how many operations that is by kind, 0 where it was not counted."""
    half = name.endswith(HALF)
    name = name.removesuffix(f" {HALF}")
    if name == PEAK:
        return matrix_products(), {}
    if name.startswith(OPENVINO):
        return openvino_peer(name.split()[-1], half, folder, side), {}
    if name.startswith(TORCH):
        return torch_peer(*name.split()[1:], side, half), {}
    return ours(name, side, half, folder)


def serve(work: Work, counts: dict[str, int]) -> None:
    """Say how many operations there are, then answer each line of stdin with the seconds that its work took."""
    for one in work.values():
        for _ in range(2):
            one()
    print("ready", counts.get("train", 0), counts.get("encode", 0), flush=True)
    for line in sys.stdin:
        one = work.get(line.strip())
        start = time.perf_counter()
        for _ in range(STEPS if one else 0):
            one()
        print(time.perf_counter() - start if one else -1.0, flush=True)


def matrix_products() -> Work:
    """Return a product of two large matrices: the machine's peak."""
    from galkeras.backend import tf

    matrix = tf.random.stateless_uniform((PEAK_SIDE, PEAK_SIDE), (0, 0))
    product = tf.function(lambda a: tf.reduce_sum(a @ a))
    return {"train": lambda: product(matrix).numpy()}


def fresh(name: str, side: int):
    """Return a model of an architecture, ready to be trained, and a batch of images."""
    import numpy as np

    from galkeras.backend import keras, tf
    from galkeras.models.config import ModelConfig
    from galkeras.models.vae import VAE

    loss = {"loss": "mse" if name == "paper" else "gaussian", "kl_weight": 1.0, "focus": None}
    model = VAE(ModelConfig(side, "picture", ("decals",), (255.0,) * 3, latent_dim=LATENTS, architecture=name, **loss))
    model.compile(optimizer=keras.optimizers.Adam(2e-4), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model, tf.constant(np.random.default_rng(0).uniform(0, 255, (BATCH, side, side, 3)).astype(np.float32))


def ours(name: str, side: int, half: bool, folder: Path) -> tuple[Work, dict[str, int]]:
    """Return a training step and an encoding of one of our architectures, and their operations."""
    from galkeras.backend import keras, tf

    if half:
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    model, images = fresh(name, side)
    step, encoder = tf.function(model.train_step), tf.function(model.encode)
    counts = {"train": operations(step, images), "encode": operations(encoder, images)}
    if not half:
        # With the weights as constants, and a batch of known size: OpenVINO compiles for it.
        from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

        frozen = convert_variables_to_constants_v2(
            tf.function(lambda x: model.encode(x)[0]).get_concrete_function(images)
        )
        tf.io.write_graph(frozen.graph.as_graph_def(), str(folder), f"{name}.pb", as_text=False)
    return {"train": lambda: step(images)["loss"].numpy(), "encode": lambda: encoder(images)[0].numpy()}, counts


def operations(function, images) -> int:
    """Return the floating-point operations of the convolutions and matrix products of a step, two a product."""
    from galkeras.backend import tf

    graph = function.get_concrete_function(images).graph
    profiler = tf.compat.v1.profiler
    settings = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation())
    settings = settings.with_empty_output().select(["float_ops"])
    settings = settings.with_accounted_types(["Conv2D.*", "MatMul", "BatchMatMul.*"]).build()
    return profiler.profile(graph, options=settings, cmd="op").total_float_ops


def openvino_peer(name: str, half: bool, folder: Path, side: int) -> Work:
    """Return the encoding of one of our architectures by OpenVINO, from its graph."""
    import numpy as np
    import openvino

    model = openvino.convert_model(folder / f"{name}.pb")
    precision = "bf16" if half else "f32"
    hints = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": precision}
    compiled = openvino.compile_model(model, "CPU", hints)
    images = np.random.default_rng(0).uniform(0, 255, (BATCH, side, side, 3)).astype(np.float32)
    return {"encode": lambda: compiled(images)[0]}


def torch_peer(name: str, variant: str, side: int, half: bool) -> Work:
    """Return training and encoding of the same network in PyTorch."""
    import torch
    from torch_networks import NETWORKS

    network, images = NETWORKS[name](side, LATENTS), 255 * torch.rand(BATCH, 3, side, side)
    if variant != "eager":
        network, images = (each.to(memory_format=torch.channels_last) for each in (network, images))
    trained = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.Adam(trained, 2e-4, fused=True)
    compiled = torch.compile if variant == "compiled" else lambda function: function
    losses, look = compiled(network), compiled(network.encode)

    def train() -> float:
        network.train()
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = losses(images).mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    def encode() -> None:
        network.eval()
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            look(images)

    return {"train": train, "encode": encode}


if __name__ == "__main__":
    main()
