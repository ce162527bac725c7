"""Encoding to tables, and what is done with latents."""
