"""Simulated survey pairs with known morphology."""
