"""Encoders and decoders by name."""
