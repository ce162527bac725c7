"""Galaxy Zoo Euclid and Cosmic Dawn: the questions of GZD-5, clumps, and what is wrong with a picture."""

__all__ = ["EUCLID"]

from dataclasses import replace

from galkeras.galaxyzoo.tree import Label, LabelQuestion, Question
from galkeras.galaxyzoo.trees import TREES
from galkeras.galaxyzoo.trees.gzd5 import GZD5

# Walmsley et al. 2025 (Euclid Q1, first visual morphology catalogue); the label metadata of galaxy-datasets has the
# same tree for Cosmic Dawn (HSC). What GZD-5 calls an artifact is a problem here, and volunteers are asked which.
_FIRST = Question("smooth-or-featured", ("smooth", "featured-or-disk", "problem"))
# Cosmic Dawn has no ghosts.
_ARTIFACTS = ("satellite", "scattered", "diffraction", "ray", "saturation", "other", "ghost")
_NEW = (
    Question("clumps", ("yes", "no"), "disk-edge-on", ("no",)),
    Question("problem", ("star", "artifact", "zoom"), "smooth-or-featured", ("problem",)),
    Question("artifact", _ARTIFACTS, "problem", ("artifact",)),
)
_ONLY_HERE = ("smooth-or-featured_problem", "clumps_", "problem_")

# No paper gives thresholds for this tree. Those of GZD-5 are taken, and over 0.8 for clumps, as for its other questions
# of yes and no. Problems are no kinds of galaxy.
EUCLID = replace(
    GZD5,
    name="gz-euclid",
    title="Galaxy Zoo Euclid and Cosmic Dawn",
    asks=(_FIRST, *GZD5.asks[1:], *_NEW),
    classes=(
        *(question.without_paper() for question in GZD5.classes),
        LabelQuestion("clumps", "Clumps?", (Label("yes", 0.8), Label("no", 0.8)), positive="yes"),
    ),
    recognizes=lambda columns: GZD5.recognizes(columns) and any(name.startswith(_ONLY_HERE) for name in columns),
    release="euclid|cd",
)
TREES.add(EUCLID.name, EUCLID)
