"""Galaxy images to features: VAE latents, domain adaptation and Galaxy Zoo morphology."""

__version__ = "0.1.0"
