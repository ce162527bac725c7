"""Are the networks in PyTorch that `training_speed.py` measures the same as ours?

    python benchmarks/same_network.py --torch PYTHON [--side 64] [--architectures upright,residual,paper]

A model of random weights sees pictures of spirals, and so does its port in `torch_networks` with the same weights, in
PYTHON, an interpreter that has PyTorch. Prints a Markdown table of how many weights are trained and how many frozen,
and of the largest difference over the largest value of posterior means, log variances, reconstructions, losses (with
the same posterior noise) and gradients, weight by weight. Fails where one exceeds a thousandth, or weights differ in
number.
"""

import argparse
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from training_speed import LATENTS, OURS, fresh

GALAXIES = 16
TOLERANCE = 1e-3
NETWORKS = ("encoder", "decoder", "feature_decoder")
KINDS = ("conv2d", "conv2d_transpose", "dense", "group_normalization", "layer_normalization")
VALUES = ("means", "log variances", "reconstructions", "losses")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch", required=True, help="a Python interpreter with PyTorch")
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--architectures", default=",".join(OURS), help="with commas between")
    parser.add_argument("--ours", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ours:
        compare(options.architectures, options.side, dict(np.load(options.ours)))
        return
    columns = ("trained", "frozen", *VALUES, "gradients")
    print(f"{options.side} px\n\n| | {' | '.join(columns)} |\n|{' --- |' * (len(columns) + 1)}", flush=True)
    for name in options.architectures.split(","):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "ours.npz"
            np.savez(path, **ours(name, options.side))
            command = [options.torch, __file__, "--torch", options.torch, "--side", str(options.side)]
            if subprocess.run([*command, "--architectures", name, "--ours", path]).returncode:
                raise SystemExit(f"{name} is not the same network")


def ours(name: str, side: int) -> dict[str, np.ndarray]:
    """Return what a model of random weights makes of images, and its weights and their gradients."""
    from galkeras.backend import tf

    model, _ = fresh(name, side)
    rng = np.random.default_rng(0)
    networks = {part: getattr(model, part) for part in NETWORKS}
    found = {f"{part}.{key}": layer for part, one in networks.items() if one for key, layer in layers_by_key(one)}
    for layer in found.values():
        layer.set_weights([random_like(weight, rng) for weight in layer.get_weights()])
    images, seed = tf.constant(galaxies(side, rng)), tf.constant([0, 0])
    with tf.GradientTape() as tape:
        losses = model.losses_per_image(images, seed)["loss"]
        loss = tf.reduce_mean(losses)
    values = dict(zip(VALUES, (*model.encode(images), model.translate(images), losses), strict=True))
    values |= {"images": images, "noise": model._noise(seed, GALAXIES)}
    weights = {f"{key}.{number}": weight for key, layer in found.items() for number, weight in enumerate(layer.weights)}
    trained = {key: weight for key, weight in weights.items() if weight.trainable}
    gradients = zip(trained, tape.gradient(loss, list(trained.values())), strict=True)
    values |= {f"weight {key}": weight for key, weight in weights.items()}
    values |= {f"gradient {key}": gradient for key, gradient in gradients}
    return {key: np.asarray(value) for key, value in values.items()}


def layers_by_key(network) -> Iterator[tuple[str, object]]:
    """Yield the layers that have weights: by their names, or where Keras has named them by kind and number."""
    numbers = dict.fromkeys(KINDS, 0)
    for layer in leaves(network):
        kind = re.sub(r"_\d+$", "", layer.name)
        yield (f"{kind}.{numbers[kind]}" if kind in numbers else layer.name), layer
        if kind in numbers:
            numbers[kind] += 1


def leaves(layer) -> Iterator:
    """Yield the layers in a layer that have weights of their own."""
    inner = getattr(layer, "layers", None) or layer._layers
    for one in inner:
        yield from leaves(one)
    if not inner and layer.weights:
        yield layer


def random_like(weight: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a kernel that keeps about the size of its input, and of a scale or shift one near it."""
    if weight.ndim > 1:
        return rng.normal(0, np.prod(weight.shape[:-1]) ** -0.5, weight.shape)
    return weight + rng.normal(0, 0.1, weight.shape)


def galaxies(side: int, rng: np.random.Generator) -> np.ndarray:
    """Return noisy pictures of inclined spirals, each with one of its two arms brighter."""
    axis = np.arange(side) - (side - 1) / 2
    y, x = np.meshgrid(axis, axis, indexing="ij")
    images = []
    for _ in range(GALAXIES):
        turn, flattening, size = rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 0.8), side * rng.uniform(0.08, 0.14)
        along, across = x * np.cos(turn) + y * np.sin(turn), (y * np.cos(turn) - x * np.sin(turn)) / flattening
        radius = np.hypot(along, across) / size
        arm = np.arctan2(across, along) - rng.choice([-2, 2]) * np.log(radius + 0.1)
        light = np.exp(-radius) * (1 + 0.5 * np.cos(2 * arm) + 0.3 * np.cos(arm))
        bands = 200 * light[..., None] * rng.uniform(0.5, 1, 3)
        images.append(np.clip(rng.normal(10 + bands, 3), 0, 255))
    return np.stack(images).astype(np.float32)


def compare(name: str, side: int, ours: dict[str, np.ndarray]) -> None:
    """Print the row of an architecture: what its port makes of the same images with the same weights."""
    import torch
    from torch_networks import NETWORKS
    from torch_networks.weights import as_in_torch, weights_by_key

    network = NETWORKS[name](side, LATENTS).eval()
    weights = weights_by_key(network)
    here = {key: (weight.numel(), weight.requires_grad) for key, weight in weights.items()}
    there = {key: (weight.size, key in of(ours, "gradient")) for key, weight in of(ours, "weight").items()}
    if here != there:
        raise SystemExit(f"of one alone are the weights {sorted(here.items() ^ there.items())}")
    for key, weight in of(ours, "weight").items():
        weights[key].data.copy_(torch.from_numpy(as_in_torch(key, weight, name, side)))
    images = torch.from_numpy(half_turned(ours["images"]))
    losses = network(images, torch.from_numpy(ours["noise"]))
    losses.mean().backward()
    with torch.no_grad():
        means, log_variances = network.encode(images)
        rebuilt = 255 * network.draw(means, network.encoder(images / 255).pose)
    ours["reconstructions"] = half_turned(ours["reconstructions"])
    values = zip(VALUES, (means, log_variances, rebuilt, losses.detach()), strict=True)
    differences = [difference(value.numpy(), ours[key]) for key, value in values]
    gradients = {key: as_in_torch(key, gradient, name, side) for key, gradient in of(ours, "gradient").items()}
    differences.append(max(difference(weights[key].grad.numpy(), gradient) for key, gradient in gradients.items()))
    counts = [sum(count for count, trained in here.values() if trained is asked) for asked in (True, False)]
    cells = [*(f"{count:,}" for count in counts), *(f"{each:.1e}" for each in differences)]
    print(f"| `{name}` | {' | '.join(cells)} |", flush=True)
    if max(differences) > TOLERANCE:
        raise SystemExit("the differences are too large")


def of(ours: dict[str, np.ndarray], kind: str) -> dict[str, np.ndarray]:
    """Return the weights, or the gradients, by key."""
    return {key.removeprefix(f"{kind} "): value for key, value in ours.items() if key.startswith(f"{kind} ")}


def half_turned(images: np.ndarray) -> np.ndarray:
    """Return images of ours as PyTorch has them, turned by half a turn (`torch_networks`)."""
    return np.ascontiguousarray(images[:, ::-1, ::-1].transpose(0, 3, 1, 2))


def difference(here: np.ndarray, there: np.ndarray) -> float:
    """Return the largest difference over the largest value; infinite where it is no number."""
    found = float(np.abs(here - there).max() / np.abs(there).max())
    return found if np.isfinite(found) else np.inf


if __name__ == "__main__":
    main()
