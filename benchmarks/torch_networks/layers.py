"""Layers that architectures share."""

import torch
from torch import nn

# Keras's, of every normalization.
EPSILON = 1e-3
_GROUPS = 8


class ResidualBlock(nn.Module):
    """``x + conv(silu(norm(conv(silu(norm(x))))))`` at constant shape."""

    def __init__(self, channels: int):
        super().__init__()
        self.branch = nn.Sequential(
            *normal(channels), convolution(channels, channels), *normal(channels), convolution(channels, channels)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # The sum has the layout of the first of the two, and a convolution's is that of its weights.
        return self.branch(x) + x


def convolution(before: int, after: int, stride: int = 1, size: int = 3) -> nn.Conv2d:
    """Return a convolution that keeps the side, or divides it by ``stride``."""
    return nn.Conv2d(before, after, size, stride, size // 2)


def normal(channels: int) -> list[nn.Module]:
    """Return a group normalization and what bends its output."""
    return [nn.GroupNorm(_GROUPS, channels, EPSILON), nn.SiLU()]


def image_of_latents(latents: int, channels: int, side: int) -> list[nn.Module]:
    """Return the linear map of latents that decoders begin with."""
    return [nn.Linear(latents, channels * side * side), nn.Unflatten(1, (channels, side, side))]


def enlarged(factor: int) -> nn.Module:
    """Return what draws an image smoothly at a larger side."""
    return nn.Upsample(scale_factor=factor, mode="bilinear") if factor > 1 else nn.Identity()
