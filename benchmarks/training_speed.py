"""How many images a second do the architectures train on and encode, and the paper's network in PyTorch?

    python benchmarks/training_speed.py [--side 64] [--rounds 5] [--architectures paper] [--torch PYTHON] [--compile]

One step is a batch of 64 random images, float32: forward, loss, gradients and Adam; encoding is images to posterior
means. PYTHON is an interpreter that has PyTorch (`pip install torch==2.13.0` in an environment of its own), which runs
the same layers with the same loss, as they are and in channels_last, and with --compile by torch.compile too. Each
contender lives in its own process and all take turns, so that other work on the machine slows them alike; the median
of the turns counts, and ratios are to the paper's network here. Prints a Markdown table.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

BATCH, LATENTS, STEPS = 64, 40, 4
OURS = ("upright", "residual", "paper")
REFERENCE = "paper"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--architectures", default=",".join(OURS), help="with commas between; the paper's among them")
    parser.add_argument("--torch", help="a Python interpreter with PyTorch")
    parser.add_argument("--compile", action="store_true", help="torch.compile too")
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        serve(*(ours if options.contender in OURS else torch_peer)(options.contender, options.side))
        return
    contenders = dict.fromkeys(options.architectures.split(","), sys.executable)
    if options.torch:
        peers = ("eager", "channels_last", *(["compiled"] if options.compile else []))
        contenders |= {f"PyTorch {peer}": options.torch for peer in peers}
    running = {name: started(name, python, options.side) for name, python in contenders.items()}
    for name, process in running.items():
        if process.stdout.readline() != "ready\n":
            raise SystemExit(f"{name} did not start")
    times: dict[tuple[str, str], list[float]] = {}
    for _ in range(options.rounds):
        for name, process in running.items():
            for kind in ("train", "encode"):
                process.stdin.write(f"{kind}\n")
                process.stdin.flush()
                times.setdefault((name, kind), []).append(float(process.stdout.readline()))
    for process in running.values():
        process.communicate("")
    rates = {key: STEPS * BATCH / statistics.median(values) for key, values in times.items()}
    print(f"{options.side} px, batches of {BATCH}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| | trains, images/s | ratio | encodes, images/s | ratio |\n| --- | --- | --- | --- | --- |")
    for name in running:
        cells = []
        for kind in ("train", "encode"):
            cells += [f"{rates[name, kind]:.0f}", f"{rates[name, kind] / rates[REFERENCE, kind]:.2f}"]
        label = name if name.startswith("PyTorch") else f"`{name}`"
        print(f"| {label} | {' | '.join(cells)} |")


def started(name: str, python: str, side: int) -> subprocess.Popen:
    """Return a process that says when it is warm, and then works each time that it is told to."""
    command = [python, __file__, "--contender", name.split()[-1], "--side", str(side)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def serve(train: Callable, encode: Callable) -> None:
    """Answer each line of stdin with the seconds that its work took."""
    work = {"train": train, "encode": encode}
    for one in work.values():
        for _ in range(2):
            one()
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(STEPS):
            work[line.strip()]()
        print(time.perf_counter() - start, flush=True)


def ours(name: str, side: int) -> tuple[Callable, Callable]:
    """Return a training step and an encoding of one of our architectures."""
    import numpy as np

    from galkeras.backend import keras, tf
    from galkeras.models.config import ModelConfig
    from galkeras.models.vae import VAE

    loss = {"loss": "mse" if name == REFERENCE else "gaussian", "kl_weight": 1.0, "focus": None}
    model = VAE(ModelConfig(side, "picture", ("decals",), (255.0,) * 3, latent_dim=LATENTS, architecture=name, **loss))
    model.compile(optimizer=keras.optimizers.Adam(2e-4), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    images = tf.constant(np.random.default_rng(0).uniform(0, 255, (BATCH, side, side, 3)).astype(np.float32))
    step, encoder = tf.function(model.train_step), tf.function(model.encode)
    return lambda: step(images)["loss"].numpy(), lambda: encoder(images)[0].numpy()


def torch_peer(name: str, side: int) -> tuple[Callable, Callable]:
    """Return the same of the paper's network in PyTorch."""
    import torch
    from torch import nn

    channels, start = (32, 64, 128), side // 64
    encoder: list = []
    for before, width in zip((3, *channels), channels, strict=False):
        encoder += [nn.Conv2d(before, width, 3, 2, 1), nn.MaxPool2d(2), nn.LeakyReLU(0.01)]
    encoder += [nn.Flatten(), nn.Linear(start * start * channels[-1], 2 * LATENTS)]
    decoder = [nn.Linear(LATENTS, start * start * channels[-1]), nn.Unflatten(1, (channels[-1], start, start))]
    for before, width in zip((128, 64, 32), (64, 32, 32), strict=True):
        up = nn.ConvTranspose2d(before, width, 3, 2, 1, output_padding=1)
        decoder += [nn.Upsample(scale_factor=2), up, nn.LeakyReLU(0.01)]
    decoder += [nn.Conv2d(32, 3, 3, padding=1), nn.ReLU()]
    see, draw = nn.Sequential(*encoder), nn.Sequential(*decoder)
    images = torch.rand(BATCH, 3, side, side)
    if name != "eager":
        layout = torch.channels_last
        see, draw, images = see.to(memory_format=layout), draw.to(memory_format=layout), images.to(memory_format=layout)
    optimizer = torch.optim.Adam([*see.parameters(), *draw.parameters()], 2e-4)

    def loss(images):
        mean, log_var = see(images).chunk(2, 1)
        rebuilt = draw(mean + torch.exp(0.5 * log_var) * torch.randn_like(mean))
        kl = 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum(1)
        return (((rebuilt - images).square().sum((1, 2, 3)) + kl).mean()) / images[0].numel()

    asked, look = (torch.compile(loss), torch.compile(see)) if name == "compiled" else (loss, see)

    def train() -> float:
        optimizer.zero_grad()
        value = asked(images)
        value.backward()
        optimizer.step()
        return value.item()

    def encode() -> None:
        with torch.inference_mode():
            look(images)

    return train, encode


if __name__ == "__main__":
    main()
