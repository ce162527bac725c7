"""A network that sees galaxies in their own frame, so that latents do not say which way they are turned."""

import torch
from torch import nn
from torch.nn import functional as F

from torch_networks.layers import EPSILON, ResidualBlock, convolution, enlarged, image_of_latents, normal
from torch_networks.pose import Frame, feature_count, resample
from torch_networks.vae import BANDS, VAE, LearnedVariance, Seen

_LINEAR_SIDE = 32
_ENCODER, _DECODER = (32, 64, 128), (64, 48, 24)
_DROPOUT = 0.2
_FEATURES = feature_count(BANDS)
_FEATURE_VARIANCE = 0.03**2
# How wrong a pose may be in training: radians, how often the two signs are, and the noise of features.
_TURN, _FLIP, _FEATURE_NOISE = 0.1, 0.05, 0.002
# Standard deviations, in natural logarithms, of what training varies galaxies by.
_SIZE, _LIGHT, _COLOUR = 0.08, 0.12, 0.04


class Upright(VAE):
    """Latents in the galaxy's own frame, which account for the features of its modes, too."""

    def __init__(self, side: int, latents: int):
        super().__init__(_Encoder(side, latents), _Decoder(side, latents))
        self.feature_decoder = _FeatureDecoder(latents)
        self.feature_noise = LearnedVariance(1, _FEATURE_VARIANCE)

    def vary(self, images: torch.Tensor) -> torch.Tensor:
        dice = torch.randn(len(images), 2 + BANDS, device=images.device)
        size = torch.exp(_SIZE * dice[:, 0].clamp(-2, 2))
        light = torch.exp(_LIGHT * dice[:, 1:2] + _COLOUR * dice[:, 2:])
        pose = torch.stack([size, torch.zeros_like(size), torch.ones_like(size)], 1)
        return resample(images, pose) * light[:, :, None, None]

    def draw(self, z: torch.Tensor, pose: torch.Tensor | None) -> torch.Tensor:
        return resample(super().draw(z, pose), pose, back=True)

    def unexplained(self, stretched: torch.Tensor, seen: Seen, z: torch.Tensor) -> torch.Tensor:
        errors = seen.features - self.feature_decoder(z).float()
        return super().unexplained(stretched, seen, z) + self.feature_noise(errors[:, None])


class _Encoder(nn.Module):
    def __init__(self, side: int, latents: int):
        super().__init__()
        self.frame, self.pool = Frame(side), nn.AvgPool2d(side // _LINEAR_SIDE)
        self.linear = nn.Linear(_FEATURES + BANDS * _LINEAR_SIDE**2, latents).requires_grad_(False)
        first, second, last = _ENCODER
        self.trunk = nn.Sequential(
            *(convolution(BANDS, first, 2, 5), ResidualBlock(first)),
            *(*normal(first), convolution(first, second, 2), ResidualBlock(second)),
            *(*normal(second), convolution(second, last, 2), ResidualBlock(last)),
            *normal(last),
        )
        self.where = nn.Sequential(convolution(last, 16, size=1), *normal(16), nn.Flatten())
        self.profile = nn.Sequential(
            nn.Linear(_FEATURES, 128), nn.LayerNorm(128, EPSILON), nn.Linear(128, 128), nn.SiLU()
        )
        hidden = 2 * last + 16 * (side // 8) ** 2 + 128
        self.correction, self.log_var = nn.Linear(hidden, latents), nn.Linear(hidden, latents)

    def forward(self, images: torch.Tensor) -> Seen:
        # Poses, what is turned by them and what components say are of float32, as in ours.
        with torch.autocast(images.device.type, enabled=False):
            pose, features = self.frame(images)
            seen = pose
            if self.training:
                seen = _disturbed(pose)
                features = features + _FEATURE_NOISE * torch.randn_like(features)
            upright = resample(images, seen)
            linear = self.linear(torch.cat([features, self.pool(upright).flatten(1)], 1))
        x = self.trunk(upright)
        hidden = torch.cat([x.mean((2, 3)), x.amax((2, 3)), self.where(x), self.profile(features)], 1)
        hidden = F.dropout(hidden, _DROPOUT, self.training)
        return Seen(torch.cat([linear + self.correction(hidden), self.log_var(hidden)], 1), pose, features)


class _Decoder(nn.Module):
    def __init__(self, side: int, latents: int):
        super().__init__()
        linear, image = image_of_latents(latents, BANDS, _LINEAR_SIDE)
        self.linear = linear.requires_grad_(False)
        self.enlarge = nn.Sequential(image, enlarged(side // _LINEAR_SIDE))
        first, second, last = _DECODER
        self.trunk = nn.Sequential(
            *image_of_latents(latents, first, side // 8),
            *(ResidualBlock(first), nn.Upsample(scale_factor=2), convolution(first, second)),
            *(ResidualBlock(second), nn.Upsample(scale_factor=2), convolution(second, last)),
            *(ResidualBlock(last), *normal(last), convolution(last, 4 * BANDS), nn.PixelShuffle(2)),
        )

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.enlarge(self.linear(z)) + self.trunk(z)


class _FeatureDecoder(nn.Module):
    def __init__(self, latents: int):
        super().__init__()
        self.linear = nn.Linear(latents, _FEATURES).requires_grad_(False)
        hidden = [nn.Linear(latents, 256), nn.SiLU(), nn.Linear(256, 256), nn.SiLU()]
        self.trunk = nn.Sequential(*hidden, nn.Linear(256, _FEATURES))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.linear(z) + self.trunk(z)


def _disturbed(pose: torch.Tensor) -> torch.Tensor:
    """Return poses that are turned a little, and rarely mirrored or turned by half."""
    cos, sin, parity = pose.unbind(1)
    angle = _TURN * torch.randn_like(cos)
    half, mirror = torch.where(torch.rand(2, len(pose), device=pose.device) < _FLIP, -1.0, 1.0)
    turned = (half * (cos * angle.cos() - sin * angle.sin()), half * (sin * angle.cos() + cos * angle.sin()))
    return torch.stack([*turned, mirror * parity], 1)
