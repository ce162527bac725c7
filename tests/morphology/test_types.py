import numpy as np
from morphology.data import votes

from galkeras.morphology.types import TYPES, first_branches


def test_types_follow_the_first_two_questions():
    table = votes(200)
    types = first_branches(table)
    assert set(types) <= {*TYPES, ""}
    smooth = np.asarray(table["smooth-or-featured_smooth_fraction"]) > 0.5
    edge_on = np.asarray(table["disk-edge-on_yes_fraction"]) > 0.5
    assert np.array_equal(types == "featured, edge-on", ~smooth & edge_on)
    assert np.array_equal(np.char.startswith(types, "smooth"), smooth)


def test_no_majority_is_no_type():
    table = votes(3)
    for answer in ("smooth", "featured-or-disk"):
        table[f"smooth-or-featured_{answer}_fraction"][0] = 0.5
    table["how-rounded_round_fraction"][1] = table["disk-edge-on_yes_fraction"][1] = np.nan
    table["smooth-or-featured_artifact_fraction"][2] = 1.0
    table["smooth-or-featured_smooth_fraction"][2] = table["smooth-or-featured_featured-or-disk_fraction"][2] = 0.0
    for answer in ("round", "in-between", "cigar-shaped"):
        table[f"how-rounded_{answer}_fraction"][1] = np.nan
    for answer in ("yes", "no"):
        table[f"disk-edge-on_{answer}_fraction"][1] = np.nan
    assert first_branches(table).tolist() == ["", "", "artifact"]
