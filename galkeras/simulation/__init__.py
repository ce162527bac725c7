"""Simulated survey pairs with known morphology."""

__all__ = ["SIMULATED"]

SIMULATED = ("u", "g", "r", "i", "z", "y")
"""The bands that a simulated sky can be seen in."""
