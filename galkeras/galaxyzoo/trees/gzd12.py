"""The tree of the first two Galaxy Zoo DECaLS campaigns: recognised, so that nobody takes its votes for GZD-5's."""

__all__ = ["GZD12"]

from galkeras.galaxyzoo.tree import Question, Tree
from galkeras.galaxyzoo.trees import TREES

# Walmsley et al. 2022, section 2: bars, bulge sizes, roundness and mergers were asked for otherwise.
GZD12 = Tree(
    name="gzd-1-2",
    title="Galaxy Zoo DECaLS 1 and 2",
    asks=(
        Question("smooth-or-featured", ("smooth", "featured-or-disk", "artifact")),
        Question("how-rounded", ("completely", "in-between", "cigar-shaped"), "smooth-or-featured", ("smooth",)),
        Question("disk-edge-on", ("yes", "no"), "smooth-or-featured", ("featured-or-disk",)),
        Question("edge-on-bulge", ("rounded", "boxy", "none"), "disk-edge-on", ("yes",)),
        Question("bar", ("yes", "no"), "disk-edge-on", ("no",)),
        Question("has-spiral-arms", ("yes", "no"), "disk-edge-on", ("no",)),
        Question("spiral-winding", ("tight", "medium", "loose"), "has-spiral-arms", ("yes",)),
        Question("spiral-arm-count", ("1", "2", "3", "4", "more-than-4"), "has-spiral-arms", ("yes",)),
        Question("bulge-size", ("none", "obvious", "dominant"), "disk-edge-on", ("no",)),
        Question(
            "merging",
            ("merger", "tidal-debris", "both", "neither"),
            "smooth-or-featured",
            ("smooth", "featured-or-disk"),
        ),
    ),
    classes=(),
    recognizes=lambda columns: any(name.startswith(("bar_yes", "how-rounded_completely")) for name in columns),
    types={},
    release=r"dr\d+",
    refused=(
        "the catalog follows the decision tree of Galaxy Zoo DECaLS 1 and 2 (volunteers_1_and_2), whose questions are"
        " others: use volunteers_5 or auto_posteriors, or name a column with `label_column`"
    ),
)
TREES.add(GZD12.name, GZD12)
