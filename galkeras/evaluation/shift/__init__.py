"""What divides two surveys in the latents, and what becomes of morphology."""

__all__ = ["FOLDS"]

FOLDS = 5
"""Into how many parts galaxies are split wherever something is fitted on some of them and scored on the others."""
