"""GZD-5: the tree of the fifth Galaxy Zoo DECaLS campaign, and the paper's Tables 2, 3 and 4 on it."""

__all__ = ["GZD5"]

from galkeras.galaxyzoo.tree import Label, LabelQuestion, Question, Tree, broad_types
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

# The paper's Table 2: classes, the fraction that an answer must exceed, and how many galaxies do. It puts bulge size in
# the group "Edge-on". The tree asks it of featured galaxies that are *not* edge-on, and the four answers exist nowhere
# else, so that is taken for a slip and the tree is followed.
_TABLE_2 = {
    "how-rounded": {"round": (0.8, 10992), "in-between": (0.8, 22324), "cigar-shaped": (0.8, 775)},
    "disk-edge-on": {"yes": (0.8, 8377), "no": (0.8, 47918)},
    "edge-on-bulge": {"rounded": (0.8, 3776), "boxy": (0.5, 71), "none": (0.5, 1046)},
    "bar": {"no": (0.8, 3386), "weak": (0.6, 103), "strong": (0.6, 1782)},
    "has-spiral-arms": {"yes": (0.8, 34670), "no": (0.5, 2880)},
    "spiral-winding": {"tight": (0.8, 1235), "medium": (0.6, 315), "loose": (0.8, 583)},
    "spiral-arm-count": {"1": (0.5, 83), "2": (0.9, 9224), "3": (0.5, 327), "4": (0.4, 11)},
    "bulge-size": {"none": (0.5, 891), "small": (0.7, 6179), "moderate": (0.6, 7724), "large": (0.4, 297)},
    "merging": {"merger": (0.6, 4182), "none": (0.8, 73897)},
}
# Test accuracy, precision, recall and F1.
_TABLE_3 = {
    "how-rounded": (0.9068, 0.9068, 0.9068, 0.9068),
    "disk-edge-on": (0.8425, 0.9878, 0.8443, 0.9104),
    "edge-on-bulge": (0.8408, 0.8408, 0.8408, 0.8408),
    "bar": (0.7621, 0.7621, 0.7621, 0.7621),
    "has-spiral-arms": (0.9191, 0.7338, 0.9668, 0.8344),
    "spiral-winding": (0.7584, 0.7584, 0.7584, 0.7584),
    "spiral-arm-count": (0.8632, 0.8632, 0.8632, 0.8632),
    "bulge-size": (0.8260, 0.8260, 0.8260, 0.8260),
    "merging": (0.9636, 0.9990, 0.9645, 0.9815),
}
# Accuracies on DECaLS and BASS+MzLS before adaptation, and on BASS+MzLS after.
_TABLE_4 = {
    "how-rounded": (0.7647, 0.7059, 0.7941),
    "disk-edge-on": (0.8753, 0.8672, 0.8943),
    "bar": (0.8253, 0.7059, 0.8627),
    "has-spiral-arms": (0.8290, 0.7668, 0.8238),
    "spiral-winding": (0.6528, 0.5694, 0.6389),
    "bulge-size": (0.7358, 0.6604, 0.7736),
    "merging": (0.9736, 0.9765, 0.9853),
}
_TITLES = {
    "how-rounded": "How round?",
    "disk-edge-on": "Edge on?",
    "edge-on-bulge": "Bulge shape",
    "bar": "Bar",
    "has-spiral-arms": "Have arm?",
    "spiral-winding": "Arm tightness",
    "spiral-arm-count": "Arm count",
    "bulge-size": "Bulge size",
    "merging": "Merger",
}
_POSITIVE = {"disk-edge-on": "no", "has-spiral-arms": "yes", "merging": "none"}


def _classes(name: str) -> LabelQuestion:
    classes = tuple(Label(answer, above, galaxies) for answer, (above, galaxies) in _TABLE_2[name].items())
    return LabelQuestion(name, _TITLES[name], classes, _TABLE_3[name], _TABLE_4.get(name), _POSITIVE.get(name))


GZD5 = Tree(
    name="gzd-5",
    title="Galaxy Zoo DECaLS",
    asks=QUESTIONS,
    classes=tuple(map(_classes, _TABLE_2)),
    recognizes=lambda columns: any(name.startswith("smooth-or-featured_") for name in columns),
    # The paper's Fig. 4 has the first stage of the tree; its text names cigar-shaped, elliptical and disc galaxies.
    # A galaxy has one type at most: more than half of the volunteers called it smooth, or featured.
    types=broad_types("how-rounded", "round", "disk-edge-on"),
    colored=("how-rounded", "disk-edge-on", "has-spiral-arms", "bulge-size", "merging"),
    release=r"dr\d+",
)
# Other trees share its first question: it is asked last.
TREES.add(GZD5.name, GZD5, order=1)
