import numpy as np
import pytest
from astropy.table import Table
from sky import write_csv

from galkeras.galaxyzoo.labels import column_labels, labels
from galkeras.galaxyzoo.trees.gzd5 import GZD5
from galkeras.io.errors import GalkerasError, did_you_mean
from galkeras.surveys.catalog import read_catalog

TABLE_2 = GZD5.label_questions


def a_galaxy(**votes: float) -> Table:
    """One galaxy that everybody calls a face-on spiral, with other fractions as told."""
    table = Table({name: [0.0] for name in GZD5.vote_columns})
    answers = {
        "smooth-or-featured": "featured-or-disk",
        "disk-edge-on": "no",
        "has-spiral-arms": "yes",
        "bar": "no",
        "bulge-size": "small",
        "spiral-winding": "tight",
        "spiral-arm-count": "2",
        "merging": "none",
    }
    for question, answer in answers.items():
        table[f"{question}_{answer}_fraction"] = 1.0
    for name, fraction in votes.items():
        question, answer = name.split("__")
        table[f"{question.replace('_', '-')}_{answer.replace('_', '-')}_fraction"] = fraction
    return table


def test_table_2_is_the_papers():
    assert len(TABLE_2) == 9
    assert sum(len(question.labels) for question in TABLE_2.values()) == 26
    for question in TABLE_2.values():
        answers = [label.answer for label in question.labels]
        assert len(set(answers)) == len(answers) and set(answers) <= set(GZD5.questions[question.name].answers)
        assert question.positive is None if len(answers) > 2 else question.positive in answers
    # The share of the largest class, as the counts of Table 2 have it.
    majority = {
        name: max(label.paper for label in question.labels) / sum(label.paper for label in question.labels)
        for name, question in TABLE_2.items()
    }
    for name, share in {"disk-edge-on": 0.851, "has-spiral-arms": 0.923, "spiral-arm-count": 0.956}.items():
        assert majority[name] == pytest.approx(share, abs=5e-4)


def test_thresholds_are_exceeded_and_not_reached():
    for question in TABLE_2.values():
        for label in question.labels:
            others = [answer for answer in GZD5.questions[question.name].answers if answer != label.answer]
            for fraction, expected in ((label.above, ""), (label.above + 0.01, label.answer)):
                table = a_galaxy()
                # Let everybody be led to the question.
                this = GZD5.questions[question.name]
                while this.after:
                    for answer in GZD5.questions[this.after].answers:
                        table[f"{this.after}_{answer}_fraction"] = float(answer == this.when[-1])
                    this = GZD5.questions[this.after]
                for answer in others:
                    table[f"{question.name}_{answer}_fraction"] = (1 - fraction) / len(others)
                table[f"{question.name}_{label.answer}_fraction"] = fraction
                assert labels(table, question.name).tolist() == [expected], (question.name, label.answer, fraction)


@pytest.mark.parametrize(
    "question", ["disk-edge-on", "bar", "has-spiral-arms", "spiral-winding", "spiral-arm-count", "bulge-size"]
)
def test_no_label_where_few_were_asked(question):
    assert labels(a_galaxy(), question)[0]
    mostly_smooth = a_galaxy(smooth_or_featured__featured_or_disk=0.5, smooth_or_featured__smooth=0.5)
    assert labels(mostly_smooth, question)[0] == ""


def test_bulge_size_is_asked_of_galaxies_that_are_not_edge_on():
    edge_on = a_galaxy(disk_edge_on__yes=1.0, disk_edge_on__no=0.0, edge_on_bulge__boxy=0.6, edge_on_bulge__none=0.4)
    assert labels(edge_on, "bulge-size")[0] == ""
    assert labels(edge_on, "edge-on-bulge")[0] == "boxy"
    assert labels(a_galaxy(), "bulge-size")[0] == "small"


def test_the_larger_fraction_wins_where_two_classes_are_reached():
    table = a_galaxy(spiral_arm_count__1=0.55, spiral_arm_count__2=0.0, spiral_arm_count__4=0.45)
    assert labels(table, "spiral-arm-count")[0] == "1"
    table = a_galaxy(bulge_size__none=0.45, bulge_size__small=0.0, bulge_size__large=0.55)
    assert labels(table, "bulge-size")[0] == "large"
    table = a_galaxy(bulge_size__none=0.54, bulge_size__small=0.0, bulge_size__large=0.46)
    assert labels(table, "bulge-size")[0] == "none"


def test_artifacts_are_no_galaxies():
    table = a_galaxy(smooth_or_featured__featured_or_disk=0.1, smooth_or_featured__artifact=0.9)
    assert labels(table, "merging")[0] == ""


def test_real_galaxies_get_the_counts_that_their_votes_give(real_data):
    table = read_catalog(real_data / "gzd5_catalogue" / "full_tree_1418.csv")
    counts = {
        question: {
            label.answer: int(np.sum(labels(table, question) == label.answer)) for label in TABLE_2[question].labels
        }
        for question in TABLE_2
    }
    assert counts["how-rounded"] == {"round": 142, "in-between": 137, "cigar-shaped": 15}
    assert counts["disk-edge-on"] == {"yes": 44, "no": 659}
    assert counts["bar"] == {"no": 222, "weak": 48, "strong": 43}
    assert counts["bulge-size"] == {"none": 18, "small": 207, "moderate": 146, "large": 8}
    # All of an early campaign, which was asked another question about mergers.
    assert counts["merging"] == {"merger": 0, "none": 0}


@pytest.mark.parametrize("name", ["volunteers_5", "auto_posteriors"])
def test_published_catalogs_are_labelled_unedited(real_data, name):
    table = read_catalog(real_data / "gz_decals_sample" / f"gz_decals_{name}.csv")
    found = {question: set(labels(table, question)) - {""} for question in TABLE_2}
    assert found["merging"] or found["how-rounded"] or found["disk-edge-on"]
    for question, classes in found.items():
        assert classes <= {label.answer for label in TABLE_2[question].labels}


def test_every_question_of_another_tree_is_refused(real_data):
    table = read_catalog(real_data / "gz_decals_sample" / "gz_decals_volunteers_1_and_2.csv")
    for question in TABLE_2:
        with pytest.raises(GalkerasError, match="volunteers_1_and_2"):
            labels(table, question)


def test_unknown_question_suggests():
    with pytest.raises(GalkerasError, match="Did you mean 'merging'"):
        labels(a_galaxy(), "mergin")


def test_a_column_of_labels_is_told_with_its_classes_and_empty_cells(caplog):
    table = Table({"ring": np.ma.array(["yes", "no", "no", " ", "x"], mask=[0, 0, 0, 0, 1])})
    assert column_labels(table, "ring").tolist() == ["yes", "no", "no", "", ""]
    assert caplog.messages == ["column 'ring': 2 no, 1 yes; 2 cells empty"]
    with pytest.raises(GalkerasError, match=r"Did you mean 'ring'\?"):
        column_labels(table, "rign")


def test_a_near_word_of_an_array_is_a_word():
    assert did_you_mean("rign", np.array(["bar", "ring"])) == " Did you mean 'ring'?"


def test_a_column_that_is_not_there_is_told_with_those_of_the_file(tmp_path):
    # The reader kept none of them: they were not asked for.
    catalog = write_csv(tmp_path / "c.csv", {"id": ["a"], "ring": [1], "other": [2]})
    with pytest.raises(GalkerasError, match="no column 'rings'. Did you mean 'ring'. It has: id, ring, other"):
        column_labels(read_catalog(catalog, position=False, columns=["rings"]), "rings")
