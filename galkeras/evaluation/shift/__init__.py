"""What divides two surveys in the latents, and what becomes of morphology."""
