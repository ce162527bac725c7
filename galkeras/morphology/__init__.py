"""Random forests on latents: fitted, scored, calibrated, asked."""
