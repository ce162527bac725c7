"""Where a galaxy points, from its azimuthal Fourier modes, and how an image is turned into the galaxy's frame and back.

As `galkeras.models.pose`, which says why.
"""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

RINGS, MODES = 14, 6
_CORE, _INNERMOST, _MARGIN = 3.0, 0.8, 1.5
_EPSILON = 1e-3
_WINDOW = 0.3


class Frame(nn.Module):
    """Finds the pose of galaxies, and the features of their modes that no turn changes."""

    def __init__(self, side: int):
        super().__init__()
        basis, radii = _ring_basis(side)
        window = radii**3 * np.exp(-0.5 * (radii / (_WINDOW * side / 2)) ** 2)
        orders = np.r_[0.5, np.ones(MODES - 1)] * radii[:-1, None]
        for name, values in {"basis": basis, "window": window, "orders": orders}.items():
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32), persistent=False)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (batch, 3) poses, cosine and sine of the position angle and parity, and (batch, n) features."""
        count, bands, side, _ = images.shape
        modes = images.reshape(count * bands, side * side) @ self.basis
        modes = modes.view(count, bands, 2, RINGS, MODES + 1)
        re, im = modes.unbind(2)
        return self._pose(*modes.sum(1).unbind(1)), _features(re, im)

    def _pose(self, re: torch.Tensor, im: torch.Tensor) -> torch.Tensor:
        """Return the poses of (batch, RINGS, MODES + 1) modes."""
        windowed_re, windowed_im = self.window @ re, self.window @ im
        angle = -0.5 * torch.atan2(windowed_im[:, 2], windowed_re[:, 2])
        twists = im[:, :-1, 1:] * re[:, 1:, 1:] - re[:, :-1, 1:] * im[:, 1:, 1:]
        parity = _sign((twists * self.orders).sum((1, 2)))
        lean = sum(windowed_re[:, m] * torch.cos(m * angle) - windowed_im[:, m] * torch.sin(m * angle) for m in (1, 3))
        # The end that ours turns away: see the package.
        away = -_sign(lean)
        return torch.stack([angle.cos() * away, angle.sin() * away, parity], 1)


def resample(images: torch.Tensor, pose: torch.Tensor, back: bool = False) -> torch.Tensor:
    """Turn images into their galaxies' frames, or ``back``; beyond the edge the nearest pixel is repeated."""
    cos, sin, parity = pose.unbind(1)
    zero = torch.zeros_like(cos)
    if back:
        rows = [cos, sin, zero, -parity * sin, parity * cos, zero]
    else:
        rows = [cos, -parity * sin, zero, sin, parity * cos, zero]
    grid = F.affine_grid(torch.stack(rows, 1).unflatten(1, (2, 3)), list(images.shape), align_corners=True)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=True)


def feature_count(bands: int) -> int:
    """Return how many features there are."""
    return bands * (RINGS + RINGS * MODES + 2 * (RINGS - 1) * MODES)


def _features(re: torch.Tensor, im: torch.Tensor) -> torch.Tensor:
    amplitude = torch.sqrt(re[..., 1:].square() + im[..., 1:].square() + _EPSILON**2) - _EPSILON
    a, b, c, d = re[:, :, :-1, 1:], im[:, :, :-1, 1:], re[:, :, 1:, 1:], im[:, :, 1:, 1:]
    along, twist = a * c + b * d, b * c - a * d
    scale = torch.sqrt(torch.sqrt(along.square() + twist.square()) + _EPSILON**2)
    return torch.cat([part.flatten(1) for part in (re[..., :1], amplitude, along / scale, twist.abs() / scale)], 1)


def _sign(values: torch.Tensor) -> torch.Tensor:
    return torch.where(values < 0, -1.0, 1.0)


def _ring_basis(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (side², 2 RINGS (MODES + 1)) what takes an image to its modes, and the radii of the rings."""
    axis = np.arange(side) - (side - 1) / 2
    y, x = np.meshgrid(axis, axis, indexing="ij")
    core = _CORE * side / 64
    place = np.arcsinh(np.hypot(x, y) / core)
    rings = np.linspace(math.asinh(_INNERMOST / _CORE), math.asinh((side / 2 - _MARGIN) / core), RINGS)
    tent = np.clip(1 - np.abs(place - rings[:, None, None]) / (rings[1] - rings[0]), 0, None)
    tent[0] = np.where(place < rings[0], 1, tent[0])
    tent /= tent.sum((1, 2), keepdims=True)
    wave = np.exp(-1j * np.arange(MODES + 1)[:, None, None] * np.arctan2(y, x))
    basis = (tent[:, None] * wave).reshape(-1, side * side).T
    return np.concatenate([basis.real, basis.imag], 1), core * np.sinh(rings)
