"""How many latents: fits of every number of latents, and the knee."""
