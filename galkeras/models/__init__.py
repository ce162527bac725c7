"""Encoders, decoders, the VAE, the domain-adaptation model, their losses and folders."""
