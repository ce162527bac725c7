"""Satellites and aeroplanes, which latents do not see: a straight line through the image in one band alone."""

__all__: list[str] = []

from galkeras.discovery.rules import RULES, Rule
from galkeras.surveys.artifacts import streak_scores

RULES.add("streak", Rule(images=streak_scores), order=3)
