"""A convolutional network that corrects a linear one."""

import torch
from torch import nn
from torch.nn import functional as F

from torch_networks.layers import ResidualBlock, convolution, enlarged, image_of_latents, normal
from torch_networks.vae import BANDS, VAE, Seen

_LINEAR_SIDE = 32
_STAGES = (16, 32, 64, 96, 128)
_WITHOUT_BLOCK = 2


class Residual(VAE):
    """A linear map of the image, block-averaged to 32 pixels, and a convolutional network beside it."""

    def __init__(self, side: int, latents: int):
        super().__init__(_Encoder(side, latents), _Decoder(side, latents))


class _Encoder(nn.Module):
    def __init__(self, side: int, latents: int):
        super().__init__()
        self.pool = nn.AvgPool2d(side // _LINEAR_SIDE)
        self.linear = nn.Linear(BANDS * _LINEAR_SIDE**2, latents)
        stages: list[nn.Module] = []
        for stage, (before, width) in enumerate(zip((BANDS, *_STAGES), _STAGES, strict=False)):
            stages += [convolution(before, width, 2), *([ResidualBlock(width)] if stage >= _WITHOUT_BLOCK else [])]
        self.trunk = nn.Sequential(*stages, *normal(_STAGES[-1]), nn.Flatten())
        hidden = (side // 2 ** len(_STAGES)) ** 2 * _STAGES[-1]
        self.correction, self.log_var = nn.Linear(hidden, latents), nn.Linear(hidden, latents)

    def forward(self, images: torch.Tensor) -> Seen:
        hidden = self.trunk(images)
        mean = self.linear(self.pool(images).flatten(1)) + self.correction(hidden)
        return Seen(torch.cat([mean, self.log_var(hidden)], 1))


class _Decoder(nn.Module):
    def __init__(self, side: int, latents: int):
        super().__init__()
        self.linear, image = image_of_latents(latents, BANDS, _LINEAR_SIDE)
        self.enlarge = nn.Sequential(image, enlarged(side // _LINEAR_SIDE))
        blocks = image_of_latents(latents, _STAGES[-1], side // 2 ** len(_STAGES))
        for before, width in zip((128, 96, 64), (96, 64, 32), strict=True):
            blocks += [ResidualBlock(before), nn.Upsample(scale_factor=2), convolution(before, width)]
        shuffled = [convolution(32, 4 * _STAGES[0]), nn.PixelShuffle(2), nn.SiLU()]
        self.trunk = nn.Sequential(*blocks, *normal(32), *shuffled)
        self.correction = convolution(_STAGES[0], 4 * BANDS)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.enlarge(self.linear(z)) + F.pixel_shuffle(self.correction(self.trunk(z)), 2)
