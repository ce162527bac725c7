"""Scores and figures of a trained model."""
