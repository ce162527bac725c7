"""How a weight of ours lies in PyTorch."""

import numpy as np
from torch import nn

from torch_networks.pose import feature_count
from torch_networks.vae import BANDS

# Kinds of layers by the names that Keras gives them.
KINDS = {
    nn.Conv2d: "conv2d",
    nn.ConvTranspose2d: "conv2d_transpose",
    nn.Linear: "dense",
    nn.GroupNorm: "group_normalization",
    nn.LayerNorm: "layer_normalization",
}
# What an axis of a weight is made of: plain numbers, or an image of so many channels and of this side.
Parts = list[int | tuple[int, int]]


def weights_by_key(network: nn.Module) -> dict[str, nn.Parameter]:
    """Return the weights by network, layer and number; layers without names of their own go by kind and number."""
    found: dict[str, nn.Parameter] = {}
    numbers: dict[str, int] = {}
    for path, layer in network.named_modules():
        if type(layer) not in KINDS:
            continue
        part, name = path.split(".")[0], path.split(".")[-1]
        key = f"{part}.{name}"
        if name.isdigit():
            kind = f"{part}.{KINDS[type(layer)]}"
            numbers[kind] = numbers.get(kind, -1) + 1
            key = f"{kind}.{numbers[kind]}"
        found |= {f"{key}.{number}": weight for number, weight in enumerate(layer.parameters())}
    return found


def as_in_torch(key: str, weight: np.ndarray, architecture: str, side: int) -> np.ndarray:
    """Return a weight of ours, or its gradient, in PyTorch's order and turned by half a turn."""
    inputs, outputs = _images(architecture, side).get(key.rsplit(".", 1)[0], ([], []))
    weight = weight[..., _order(outputs)] if outputs else weight
    if weight.ndim == 4:
        return weight[::-1, ::-1].transpose(3, 2, 0, 1).copy()
    return weight[_order(inputs)].T.copy() if inputs and weight.ndim == 2 else weight.T.copy()


def _order(parts: Parts) -> np.ndarray:
    """Return where in ours each number of an axis stands that PyTorch has band by band, and turned by half a turn."""
    found, start = [], 0
    for part in parts:
        channels, side = part if isinstance(part, tuple) else (part, 1)
        numbers = start + np.arange(channels * side**2).reshape(side, side, channels)
        found.append(numbers[::-1, ::-1].transpose(2, 0, 1).ravel())
        start += numbers.size
    return np.concatenate(found)


def _images(architecture: str, side: int) -> dict[str, tuple[Parts, Parts]]:
    """Return what the inputs and outputs of the layers are made of that read or write images as rows of numbers.

    A convolution before a pixel shuffle writes images of 2 x 2.
    """
    linear: Parts = [(BANDS, 32)]
    if architecture == "paper":
        smallest: Parts = [(128, side // 64)]
        return {"encoder.heads": (smallest, []), "decoder.dense.0": ([], smallest)}
    if architecture == "residual":
        smallest = [(128, side // 32)]
        heads = dict.fromkeys(("encoder.correction", "encoder.log_var"), (smallest, []))
        shuffled = {"decoder.conv2d.9": ([], [(16, 2)]), "decoder.correction": ([], [(BANDS, 2)])}
        first: Parts = smallest
        seen: Parts = linear
    else:
        hidden: Parts = [256, (16, side // 8), 128]
        heads = dict.fromkeys(("encoder.correction", "encoder.log_var"), (hidden, []))
        shuffled = {"decoder.conv2d.8": ([], [(BANDS, 2)])}
        first = [(64, side // 8)]
        seen = [feature_count(BANDS), *linear]
    drawn = {"decoder.linear": ([], linear), "decoder.dense.0": ([], first)}
    return {"encoder.linear": (seen, []), **heads, **drawn, **shuffled}
