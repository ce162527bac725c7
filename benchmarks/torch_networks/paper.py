"""The network of Xu et al. 2023, Fig. 2."""

import torch
from torch import nn

from torch_networks.layers import image_of_latents
from torch_networks.vae import BANDS, VAE, Seen

_CHANNELS = (32, 64, 128)
_SLOPE = 0.01


class Paper(VAE):
    """Three blocks of a convolution and a pooling, and their mirror image; squared errors are the loss."""

    def __init__(self, side: int, latents: int):
        start = side // 64
        super().__init__(_Encoder(start, latents), _decoder(start, latents))

    def forward(self, images: torch.Tensor, noise: torch.Tensor | None = None) -> torch.Tensor:
        return super().forward(images, noise) / images[0].numel()

    def unexplained(self, stretched: torch.Tensor, seen: Seen, z: torch.Tensor) -> torch.Tensor:
        return (stretched - self.draw(z, None)).square().sum((1, 2, 3))


class _Encoder(nn.Module):
    def __init__(self, start: int, latents: int):
        super().__init__()
        blocks: list[nn.Module] = []
        for before, width in zip((BANDS, *_CHANNELS), _CHANNELS, strict=False):
            blocks += [nn.Conv2d(before, width, 3, 2, 1), nn.MaxPool2d(2), nn.LeakyReLU(_SLOPE)]
        self.blocks = nn.Sequential(*blocks, nn.Flatten())
        self.heads = nn.Linear(start * start * _CHANNELS[-1], 2 * latents)

    def forward(self, images: torch.Tensor) -> Seen:
        return Seen(self.heads(self.blocks(images)))


def _decoder(start: int, latents: int) -> nn.Module:
    blocks = image_of_latents(latents, _CHANNELS[-1], start)
    for before, width in zip((128, 64, 32), (64, 32, 32), strict=True):
        up = nn.ConvTranspose2d(before, width, 3, 2, 1, output_padding=1)
        blocks += [nn.Upsample(scale_factor=2), up, nn.LeakyReLU(_SLOPE)]
    return nn.Sequential(*blocks, nn.Conv2d(32, BANDS, 3, padding=1), nn.ReLU())
