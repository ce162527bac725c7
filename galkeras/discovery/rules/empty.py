"""Pixels that nobody observed, which latents do not see."""

__all__: list[str] = []

from galkeras.discovery.rules import RULES, Rule
from galkeras.surveys.artifacts import empty_scores

# A thousandth of the pixels empty counts as what one galaxy in a hundred reaches.
RULES.add("empty", Rule(images=empty_scores, least=1e-3), order=4)
