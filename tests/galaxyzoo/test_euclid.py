import numpy as np
import pytest
from astropy.table import Table

from galkeras.galaxyzoo.trees import canonical_names, recognized, vote_columns
from galkeras.galaxyzoo.trees.euclid import EUCLID
from galkeras.galaxyzoo.trees.gzd5 import GZD5
from galkeras.surveys.catalog import read_catalog


@pytest.fixture(params=["{question}_{answer}_fraction", "{question}-euclid_{answer}_fraction"])
def catalog(request, tmp_path):
    """A clumpy face-on spiral, a smooth galaxy and a star, in each of the two spellings that are published.

    What is not asked of a galaxy is NaN, as in the catalog of Euclid Q1.
    """
    votes = {
        "smooth-or-featured": ("featured-or-disk", "smooth", "problem"),
        "disk-edge-on": ("no", None, None),
        "has-spiral-arms": ("yes", None, None),
        "clumps": ("yes", None, None),
        "how-rounded": (None, "round", None),
        "problem": (None, None, "star"),
    }
    table = Table({"object_id": [-2690000000000000001, 2690000000000000002, 3]})
    for question in EUCLID.asks:
        given = votes.get(question.name, (None, None, None))
        for answer in question.answers:
            name = request.param.format(question=question.name, answer=answer)
            table[name] = [np.nan if one is None else float(one == answer) for one in given]
    table.write(tmp_path / "euclid.parquet")
    return read_catalog(tmp_path / "euclid.parquet", position=False, columns=vote_columns())


def test_both_spellings_are_recognised_and_labelled(catalog):
    assert recognized(catalog) is EUCLID
    assert set(EUCLID.vote_columns) <= set(catalog.colnames)
    assert EUCLID.labels(catalog, "clumps").tolist() == ["yes", "", ""]
    assert EUCLID.labels(catalog, "has-spiral-arms").tolist() == ["yes", "", ""]
    assert EUCLID.labels(catalog, "how-rounded").tolist() == ["", "round", ""]


def test_problems_lead_to_artifacts(catalog):
    assert EUCLID.asked(catalog, "problem").tolist() == [0, 0, 1]
    assert EUCLID.asked(catalog, "artifact").tolist() == [0, 0, 0]
    assert EUCLID.asked(catalog, "merging").tolist() == [1, 1, 0]


def test_cosmic_dawn_has_a_suffix_of_its_own():
    names = ["spiral-arm-count-cd_more-than-4_fraction", "clumps_cd_yes_fraction", "problem-euclid_zoom_dirichlet"]
    assert canonical_names(names) == [
        "spiral-arm-count_more-than-4_fraction",
        "clumps_yes_fraction",
        "problem_zoom_dirichlet",
    ]


def test_a_catalog_of_gzd5_stays_one():
    assert recognized(Table({name: [0.0] for name in GZD5.vote_columns})) is GZD5
