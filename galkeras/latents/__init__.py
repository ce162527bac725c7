"""The latent table, making it, and where galaxies lie in it."""
