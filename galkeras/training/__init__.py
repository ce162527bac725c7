"""Fitting: strategy, callbacks, resume."""
