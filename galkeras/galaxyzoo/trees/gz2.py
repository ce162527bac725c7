"""Galaxy Zoo 2: the tree of SDSS, in the columns that its release has."""

__all__ = ["GZ2"]

import re

from galkeras.galaxyzoo.tree import Label, LabelQuestion, Question, Tree, broad_types
from galkeras.galaxyzoo.trees import TREES

# Willett et al. 2013, table 2 and figure 1, tasks 01 to 11. An artifact is asked nothing more. Names are those of the
# published columns without their numbers: t03_bar_a07_no_bar_weighted_fraction is the answer `no-bar` of `bar`.
QUESTIONS = (
    Question("smooth-or-features", ("smooth", "features-or-disk", "star-or-artifact")),
    Question("edgeon", ("yes", "no"), "smooth-or-features", ("features-or-disk",)),
    Question("bar", ("bar", "no-bar"), "edgeon", ("no",)),
    Question("spiral", ("spiral", "no-spiral"), "edgeon", ("no",)),
    Question("bulge-prominence", ("no-bulge", "just-noticeable", "obvious", "dominant"), "edgeon", ("no",)),
    Question("odd", ("yes", "no"), "smooth-or-features", ("smooth", "features-or-disk")),
    Question("rounded", ("completely-round", "in-between", "cigar-shaped"), "smooth-or-features", ("smooth",)),
    Question(
        "odd-feature",
        ("ring", "lens-or-arc", "disturbed", "irregular", "other", "merger", "dust-lane"),
        "odd",
        ("yes",),
    ),
    Question("bulge-shape", ("rounded", "boxy", "no-bulge"), "edgeon", ("yes",)),
    Question("arms-winding", ("tight", "medium", "loose"), "spiral", ("spiral",)),
    Question("arms-number", ("1", "2", "3", "4", "more-than-4", "cant-tell"), "spiral", ("spiral",)),
)

# The paper of Tables 2 and 3 does not use this tree, so these thresholds are a choice: over 0.8 of an answer of two,
# over 0.5 of an answer of more, which at most one can reach. "Can't tell" and "other" are no kinds of galaxy.
_OF_TWO, _OF_MORE = 0.8, 0.5
_TITLES = {
    "edgeon": "Edge on?",
    "bar": "Bar",
    "spiral": "Spiral?",
    "bulge-prominence": "Bulge prominence",
    "odd": "Anything odd?",
    "rounded": "How round?",
    "odd-feature": "Odd feature",
    "bulge-shape": "Bulge shape",
    "arms-winding": "Arm winding",
    "arms-number": "Arm number",
}
_NO_CLASS = ("cant-tell", "other")


def _classes(question: Question) -> LabelQuestion:
    above = _OF_TWO if len(question.answers) == 2 else _OF_MORE
    kept = tuple(Label(answer, above) for answer in question.answers if answer not in _NO_CLASS)
    return LabelQuestion(
        question.name, _TITLES[question.name], kept, positive=kept[0].answer if len(kept) == 2 else None
    )


_COLUMN = re.compile(r"t\d\d_(?P<question>[a-z_]+)_a\d\d_(?P<answer>[a-z0-9_]+?)_(?P<measure>[a-z]+(?:_fraction)?)")
# The fractions to use are those that weigh volunteers by their consistency: of every question they add up to 1, which
# the debiased ones do not.
_MEASURES = {"weighted_fraction": "_fraction", "fraction": "_unweighted-fraction", "debiased": "_debiased", "count": ""}


def _spelling(name: str) -> str | None:
    match = _COLUMN.fullmatch(name)
    if not match or match["measure"] not in _MEASURES:
        return None
    question, answer = match["question"].replace("_", "-"), match["answer"].replace("_", "-")
    return f"{question}_{answer}{_MEASURES[match['measure']]}"


GZ2 = Tree(
    name="gz2",
    title="Galaxy Zoo 2",
    asks=QUESTIONS,
    classes=tuple(_classes(question) for question in QUESTIONS if question.name in _TITLES),
    recognizes=lambda columns: any(name.startswith("smooth-or-features_") for name in columns),
    types=broad_types("rounded", "completely-round", "edgeon"),
    colored=("rounded", "edgeon", "spiral", "bulge-prominence", "odd"),
    spelling=_spelling,
)
TREES.add(GZ2.name, GZ2)
