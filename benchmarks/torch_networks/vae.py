"""How every architecture is trained, and how it encodes."""

import math
from typing import NamedTuple

import torch
from torch import nn

BANDS = 3
_CEILING = 255.0
_LOG_VAR_BOUNDS = (-20.0, 10.0)
_PIXEL_NOISE = 0.05**2
# A variance is a running mean over about 50 steps.
_NEW = 0.02
_LEAST = 1e-8


class Seen(NamedTuple):
    """What an encoder gives: posterior means and log variances, and a pose and features where it finds them."""

    moments: torch.Tensor
    pose: torch.Tensor | None = None
    features: torch.Tensor | None = None


class VAE(nn.Module):
    """A VAE of pictures, (batch, band, side, side) in 0..255, whose pixels have Gaussian noise of learned variances.

    Args:
        encoder: From images in 0..1 to `Seen`.
        decoder: From latents to images in 0..1.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.pixel_noise = LearnedVariance(BANDS, _PIXEL_NOISE)

    def encode(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the posterior's means and log variances."""
        return posterior(self.encoder(images / _CEILING))

    def forward(self, images: torch.Tensor, noise: torch.Tensor | None = None) -> torch.Tensor:
        """Return the (batch,) losses, in training of images that are turned and varied; ``noise`` moves the latents."""
        if self.training:
            images = self.vary(turned(images))
        stretched = images / _CEILING
        seen = self.encoder(stretched)
        mean, log_var = posterior(seen)
        z = mean + torch.exp(0.5 * log_var) * (torch.randn_like(mean) if noise is None else noise)
        kl = 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum(1)
        return self.unexplained(stretched, seen, z) + kl

    def vary(self, images: torch.Tensor) -> torch.Tensor:
        """Return images as other galaxies like these might look; as they are here."""
        return images

    def draw(self, z: torch.Tensor, pose: torch.Tensor | None) -> torch.Tensor:
        """Return the images of latents, in a pose where there is one."""
        return self.decoder(z).float()

    def unexplained(self, stretched: torch.Tensor, seen: Seen, z: torch.Tensor) -> torch.Tensor:
        """Return the (batch,) negative log likelihoods of what was observed."""
        return self.pixel_noise((stretched - self.draw(z, seen.pose)).flatten(2))


class LearnedVariance(nn.Module):
    """The negative log likelihood of Gaussian noise whose variance is a running mean of squared errors."""

    def __init__(self, groups: int, start: float):
        super().__init__()
        self.register_buffer("variance", torch.full((groups,), start))

    def forward(self, errors: torch.Tensor) -> torch.Tensor:
        """Return (batch,) nats of (batch, groups, n) errors."""
        count = errors.shape[2]
        squares = errors.square().sum(2)
        if self.training:
            with torch.no_grad():
                self.variance.lerp_((squares.mean(0) / count).clamp(min=_LEAST), _NEW)
        return 0.5 * (squares / self.variance + count * torch.log(2 * math.pi * self.variance)).sum(1)


def posterior(seen: Seen) -> tuple[torch.Tensor, torch.Tensor]:
    """Return means and log variances."""
    mean, log_var = seen.moments.float().chunk(2, 1)
    return mean, log_var.clamp(*_LOG_VAR_BOUNDS)


def turned(images: torch.Tensor) -> torch.Tensor:
    """Flip and quarter-turn each image at random: one of the square's eight symmetries."""
    coins = torch.rand(len(images), 3, 1, 1, 1, device=images.device) < 0.5
    images = torch.where(coins[:, 0], images.flip(2), images)
    images = torch.where(coins[:, 1], images.flip(3), images)
    # The result has the layout of the first of the two.
    return torch.where(coins[:, 2], images, images.transpose(2, 3))
