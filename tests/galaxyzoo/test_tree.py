import numpy as np
import pytest
from astropy.table import Table

from galkeras.galaxyzoo.trees.gzd5 import GZD5
from galkeras.io.errors import GalkerasError
from galkeras.surveys.catalog import read_catalog


def test_every_question_follows_from_answers_that_exist():
    for question in GZD5.questions.values():
        if question.after is None:
            assert question.name == "smooth-or-featured" and not question.when
        else:
            assert question.when and set(question.when) <= set(GZD5.questions[question.after].answers)


def test_tree_is_that_of_the_published_columns(real_data):
    for name in ("volunteers_5", "auto_posteriors"):
        published = (real_data / "gzd5_catalogue" / f"columns_{name}.txt").read_text().split()
        fractions = {column for column in published if column.endswith("_fraction")}
        assert fractions == set(GZD5.vote_columns)


def test_asked_is_the_share_of_votes_that_real_volunteers_gave(real_data):
    table = read_catalog(real_data / "gzd5_catalogue" / "full_tree_1418.csv")
    total = np.asarray(table["smooth-or-featured_total-votes"], float)
    for question in GZD5.questions:
        if question != "merging":
            votes = np.asarray(table[f"{question}_total-votes"], float)
            # A volunteer may stop half way.
            np.testing.assert_allclose(GZD5.asked(table, question), votes / total, atol=0.05)


def test_fractions_of_a_question_nobody_was_asked_are_nan():
    columns = {"how-rounded_round_fraction": [0.5, 0.0, np.nan], "how-rounded_in-between_fraction": [0.5, 0.0, np.nan]}
    table = Table(columns | {"how-rounded_cigar-shaped_fraction": [0.0, 0.0, np.nan]})
    fractions = GZD5.answer_fractions(table, "how-rounded")
    np.testing.assert_array_equal(fractions[0], [0.5, 0.5, 0])
    assert np.isnan(fractions[1:]).all()


def test_missing_column_is_named_with_the_nearest():
    table = Table({"how-rounded_round_fractions": [1.0]})
    with pytest.raises(GalkerasError, match="'how-rounded_round_fraction'.*Did you mean 'how-rounded_round_fractions'"):
        GZD5.answer_fractions(table, "how-rounded")
