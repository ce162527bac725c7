"""GZD-5: the tree of the fifth Galaxy Zoo DECaLS campaign, and the paper's Tables 2, 3 and 4 on it."""

__all__ = ["GZD5"]

from galkeras.galaxyzoo.tree import Label, LabelQuestion, Question, Tree
from galkeras.galaxyzoo.trees import TREES

# Walmsley et al. 2022, figure 4. An artifact is asked nothing more; every galaxy ends at `merging`. In the order of
# the columns of gz_decals_volunteers_5.
QUESTIONS = (
    Question("smooth-or-featured", ("smooth", "featured-or-disk", "artifact")),
    Question("disk-edge-on", ("yes", "no"), "smooth-or-featured", ("featured-or-disk",)),
    Question("has-spiral-arms", ("yes", "no"), "disk-edge-on", ("no",)),
    Question("bar", ("strong", "weak", "no"), "disk-edge-on", ("no",)),
    Question("bulge-size", ("dominant", "large", "moderate", "small", "none"), "disk-edge-on", ("no",)),
    Question("how-rounded", ("round", "in-between", "cigar-shaped"), "smooth-or-featured", ("smooth",)),
    Question("edge-on-bulge", ("boxy", "none", "rounded"), "disk-edge-on", ("yes",)),
    Question("spiral-winding", ("tight", "medium", "loose"), "has-spiral-arms", ("yes",)),
    Question("spiral-arm-count", ("1", "2", "3", "4", "more-than-4", "cant-tell"), "has-spiral-arms", ("yes",)),
    Question(
        "merging",
        ("none", "minor-disturbance", "major-disturbance", "merger"),
        "smooth-or-featured",
        ("smooth", "featured-or-disk"),
    ),
)

# Tables 2, 3 and 4 of the paper. Table 2 puts bulge size in the group "Edge-on". The tree asks it of featured galaxies
# that are *not* edge-on, and the four answers exist nowhere else, so that is taken for a slip and the tree is followed.
TABLE_2 = (
    LabelQuestion(
        "how-rounded",
        "How round?",
        (Label("round", 0.8, 10992), Label("in-between", 0.8, 22324), Label("cigar-shaped", 0.8, 775)),
        (0.9068, 0.9068, 0.9068, 0.9068),
        (0.7647, 0.7059, 0.7941),
    ),
    LabelQuestion(
        "disk-edge-on",
        "Edge on?",
        (Label("yes", 0.8, 8377), Label("no", 0.8, 47918)),
        (0.8425, 0.9878, 0.8443, 0.9104),
        (0.8753, 0.8672, 0.8943),
        positive="no",
    ),
    LabelQuestion(
        "edge-on-bulge",
        "Bulge shape",
        (Label("rounded", 0.8, 3776), Label("boxy", 0.5, 71), Label("none", 0.5, 1046)),
        (0.8408, 0.8408, 0.8408, 0.8408),
    ),
    LabelQuestion(
        "bar",
        "Bar",
        (Label("no", 0.8, 3386), Label("weak", 0.6, 103), Label("strong", 0.6, 1782)),
        (0.7621, 0.7621, 0.7621, 0.7621),
        (0.8253, 0.7059, 0.8627),
    ),
    LabelQuestion(
        "has-spiral-arms",
        "Have arm?",
        (Label("yes", 0.8, 34670), Label("no", 0.5, 2880)),
        (0.9191, 0.7338, 0.9668, 0.8344),
        (0.8290, 0.7668, 0.8238),
        positive="yes",
    ),
    LabelQuestion(
        "spiral-winding",
        "Arm tightness",
        (Label("tight", 0.8, 1235), Label("medium", 0.6, 315), Label("loose", 0.8, 583)),
        (0.7584, 0.7584, 0.7584, 0.7584),
        (0.6528, 0.5694, 0.6389),
    ),
    LabelQuestion(
        "spiral-arm-count",
        "Arm count",
        (Label("1", 0.5, 83), Label("2", 0.9, 9224), Label("3", 0.5, 327), Label("4", 0.4, 11)),
        (0.8632, 0.8632, 0.8632, 0.8632),
    ),
    LabelQuestion(
        "bulge-size",
        "Bulge size",
        (Label("none", 0.5, 891), Label("small", 0.7, 6179), Label("moderate", 0.6, 7724), Label("large", 0.4, 297)),
        (0.8260, 0.8260, 0.8260, 0.8260),
        (0.7358, 0.6604, 0.7736),
    ),
    LabelQuestion(
        "merging",
        "Merger",
        (Label("merger", 0.6, 4182), Label("none", 0.8, 73897)),
        (0.9636, 0.9990, 0.9645, 0.9815),
        (0.9736, 0.9765, 0.9853),
        positive="none",
    ),
)

GZD5 = Tree(
    name="gzd-5",
    title="Galaxy Zoo DECaLS",
    asks=QUESTIONS,
    classes=TABLE_2,
    recognizes=lambda columns: any(name.startswith("smooth-or-featured_") for name in columns),
    # The paper's Fig. 4 has the first stage of the tree; its text names cigar-shaped, elliptical and disc galaxies.
    # A galaxy has one type at most: more than half of the volunteers called it smooth, or featured.
    types={
        "round": ("how-rounded", "round"),
        "in-between": ("how-rounded", "in-between"),
        "cigar-shaped": ("how-rounded", "cigar-shaped"),
        "edge-on disc": ("disk-edge-on", "yes"),
        "other disc": ("disk-edge-on", "no"),
    },
    colored=("how-rounded", "disk-edge-on", "has-spiral-arms", "bulge-size", "merging"),
    release=r"dr\d+",
)
# Other trees share its first question: it is asked last.
TREES.add(GZD5.name, GZD5, order=1)
