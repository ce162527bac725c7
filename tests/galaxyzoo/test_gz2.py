import json

import numpy as np
from astropy.table import Table
from morphology.data import telling_latents

from galkeras.galaxyzoo.trees import TREES, canonical_names, recognized
from galkeras.galaxyzoo.trees.gz2 import GZ2
from galkeras.morphology.classify import classify
from galkeras.surveys.catalog import read_catalog

# As the release numbers them.
TASKS = {name: number for number, name in enumerate(GZ2.questions, 1)}


def published(question: str, answer: str, number: int, measure: str = "weighted_fraction") -> str:
    return f"t{TASKS[question]:02d}_{question}_a{number:02d}_{answer}_{measure}".replace("-", "_")


def gz2_votes(rows: int, seed: int = 0) -> Table:
    """A catalog as published: volunteers agree, a third each on smooth, edge-on and face-on galaxies."""
    rng = np.random.default_rng(seed)
    table = Table({"objid": 587739505552785605 + np.arange(rows)})
    number = 0
    for question in GZ2.asks:
        answers = rng.integers(len(question.answers), size=rows)
        if question.name == "smooth-or-features":
            answers = rng.choice([0, 1, 1], rows)
        for index, answer in enumerate(question.answers):
            number += 1
            fraction = np.where(answers == index, 1.0, 0.0)
            table[published(question.name, answer, number)] = fraction
            table[published(question.name, answer, number, "debiased")] = fraction * 0.9
            table[published(question.name, answer, number, "fraction")] = fraction * 0.8
    return table


def test_published_columns_get_one_spelling():
    canonical = {
        "t01_smooth_or_features_a01_smooth_weighted_fraction": "smooth-or-features_smooth_fraction",
        "t01_smooth_or_features_a02_features_or_disk_debiased": "smooth-or-features_features-or-disk_debiased",
        "t01_smooth_or_features_a01_smooth_fraction": "smooth-or-features_smooth_unweighted-fraction",
        "t03_bar_a07_no_bar_count": "bar_no-bar",
        "t08_odd_feature_a38_dust_lane_weighted_fraction": "odd-feature_dust-lane_fraction",
        "t11_arms_number_a36_more_than_4_weighted_fraction": "arms-number_more-than-4_fraction",
        "t01_smooth_or_features_a01_smooth_flag": "t01_smooth_or_features_a01_smooth_flag",
        "t11_total": "t11_total",
    }
    assert {name: canonical_names([name]) for name in canonical} == {name: [one] for name, one in canonical.items()}


def test_the_published_catalog_is_recognised_and_has_every_column(real_data):
    table = read_catalog(real_data / "sdss_gz2" / "catalog.csv", position=False)
    assert recognized(table) is GZ2 is TREES["gz2"]
    assert set(GZ2.vote_columns) <= set(table.colnames)
    for question in GZ2.questions:
        fractions = GZ2.answer_fractions(table, question)
        # A question that was asked has fractions that add up to 1.
        assert np.isfinite(fractions).all(-1).mean() > 0.39, question
    edge_on = GZ2.labels(table, "edgeon") == "yes"
    assert edge_on.sum() > 50 and np.mean(table["derived_label"][edge_on] == "edge-on") > 0.8


def test_titles_are_told_apart_and_thresholds_never_reached_by_two():
    assert len({question.title for question in GZ2.classes}) == len(GZ2.classes) == 10
    for question in GZ2.classes:
        assert all(label.above >= 0.5 and label.paper is None for label in question.labels)
        assert question.paper is None
        assert {label.answer for label in question.labels} <= set(GZ2.questions[question.name].answers)


def test_a_catalog_as_published_is_classified(tmp_path):
    gz2_votes(900).write(tmp_path / "gz2.csv")
    catalog = read_catalog(tmp_path / "gz2.csv", position=False)
    unit = Table({name: catalog[name] for name in ("id", *GZ2.vote_columns)})
    latents = telling_latents(unit, noise=0.1)
    done = classify(latents, tmp_path / "gz2.csv", tmp_path / "forests", minimum=5, trees=50)
    assert [result.name for result in done.results] == list(GZ2.label_questions)
    scores = {result.name: result.scores for result in done.results}
    assert scores["bar"].classes == ("bar", "no-bar") and scores["bar"].balanced_accuracy > 0.9
    assert scores["rounded"].balanced_accuracy > 0.9
    # No paper has numbers beside this tree, though one has a question `bar`.
    stored = json.loads((tmp_path / "forests" / "scores.json").read_text())
    assert all(question["paper"] == {"galaxies": {}} for question in stored["questions"].values())
    assert "paper's accuracy" not in (tmp_path / "forests" / "scores.md").read_text()
