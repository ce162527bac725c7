"""What people do with latents: outliers, similar galaxies, galaxies that never were, a look at the whole."""
