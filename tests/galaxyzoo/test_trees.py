import numpy as np
import pytest
from astropy.table import Table
from morphology.data import telling_latents

from galkeras.evaluation.scan.types import galaxy_types
from galkeras.galaxyzoo.labels import labels
from galkeras.galaxyzoo.tree import Label, LabelQuestion, Question, Tree
from galkeras.galaxyzoo.trees import TREES, recognized, tree_of, vote_columns
from galkeras.io.errors import GalkerasError
from galkeras.morphology.classify import classify
from galkeras.surveys.catalog import read_catalog

TOY = Tree(
    name="toy",
    title="Galaxy Zoo Toys",
    asks=(
        Question("is-a-toy", ("yes", "no-real-galaxy")),
        Question("sort-of-toy", ("ball", "spinning-top"), "is-a-toy", ("yes",)),
    ),
    classes=(LabelQuestion("sort-of-toy", "Sort", (Label("ball", 0.5), Label("spinning-top", 0.5))),),
    recognizes=lambda columns: any(name.startswith("is-a-toy_") for name in columns),
    types={"balls": ("sort-of-toy", "ball"), "tops": ("sort-of-toy", "spinning-top")},
    colored=("sort-of-toy",),
    release="shop",
)


@pytest.fixture
def toys(tmp_path, monkeypatch):
    """A catalog of a tree that the registry holds for a while, in a spelling of its own."""
    monkeypatch.setitem(TREES, "toy", TOY)
    rng = np.random.default_rng(0)
    toy, ball = rng.random(200) < 0.7, rng.random(200) < 0.5
    table = Table({"id": [f"t{index:03d}" for index in range(200)]})
    table["is_a_toy_yes_fraction"], table["is_a_toy_no_real_galaxy_fraction"] = toy * 1.0, ~toy * 1.0
    table["sort_of_toy_shop_ball_fraction"] = ball * 1.0
    table["sort_of_toy_shop_spinning_top_fraction"] = ~ball * 1.0
    table.write(tmp_path / "toys.csv")
    return tmp_path / "toys.csv", toy, ball


def test_a_tree_that_is_put_in_is_read_and_labelled(toys):
    path, toy, ball = toys
    table = read_catalog(path, position=False, columns=vote_columns())
    assert recognized(table) is TOY and set(TOY.vote_columns) <= set(table.colnames)
    expected = np.where(toy, np.where(ball, "ball", "spinning-top"), "")
    assert labels(table, "sort-of-toy").tolist() == expected.tolist()


def test_a_tree_that_is_put_in_is_classified_and_has_types(toys, tmp_path):
    path, toy, ball = toys
    catalog = read_catalog(path, position=False)
    latents = telling_latents(catalog)
    done = classify(latents, path, tmp_path / "forests")
    (result,) = done.results
    assert result.name == "sort-of-toy" and result.scores.balanced_accuracy > 0.9
    assert result.galaxies == {"ball": int(sum(toy & ball)), "spinning-top": int(sum(toy & ~ball))}
    types, left_out = galaxy_types(latents.id, path)
    assert set(types.values()) == {"balls", "tops"} and len(types) == toy.sum() and not left_out


def test_a_tree_that_is_gone_is_not_recognised(toys, monkeypatch):
    monkeypatch.delitem(TREES, "toy")
    with pytest.raises(GalkerasError, match="no votes of a known decision tree.*Galaxy Zoo DECaLS"):
        tree_of(read_catalog(toys[0], position=False))


@pytest.mark.parametrize("tree", TREES.values(), ids=list(TREES))
def test_every_tree_holds_together(tree):
    assert TREES[tree.name] is tree and len(set(tree.vote_columns)) == len(tree.vote_columns)
    for question in tree.classes:
        answers = tree.questions[question.name].answers
        assert len(question.labels) > 1 and {label.answer for label in question.labels} <= set(answers)
        assert question.positive in (None, *answers)
    for question, answer in tree.types.values():
        assert answer in {label.answer for label in tree.label_questions[question].labels}
    assert set(tree.colored) <= set(tree.label_questions)
    assert bool(tree.refused) != bool(tree.classes)
    # The columns it speaks of are in its one spelling, and tell whose they are.
    if tree.spelling is None:
        assert [tree.canonical(name) for name in tree.vote_columns] == list(tree.vote_columns)
    assert tree.recognizes(["dr8_id", *tree.vote_columns])


def test_the_general_tree_is_asked_last():
    assert list(TREES)[-1] == "gzd-5"


def test_a_question_must_follow_from_an_answer():
    with pytest.raises(ValueError, match="'b' follows from no answer"):
        Tree("x", "X", (Question("a", ("1", "2")), Question("b", ("1",), "a", ("3",))), (), lambda _: False, {})
