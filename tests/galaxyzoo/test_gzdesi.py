import pytest
from astropy.table import Table
from morphology.data import votes

from galkeras.galaxyzoo.trees import recognized
from galkeras.galaxyzoo.trees.gzd5 import GZD5
from galkeras.galaxyzoo.trees.gzdesi import GZ_DESI
from galkeras.surveys.catalog import read_catalog


@pytest.fixture
def catalog(tmp_path):
    """A catalog with the columns of the published predictions, read as `classify` reads it."""
    table = votes(30)
    table.rename_column("id", "dr8_id")
    table["brickid"], table["ra"], table["dec"] = 7, 10.0, 20.0
    Table(table).write(tmp_path / "desi.parquet")
    return read_catalog(tmp_path / "desi.parquet", position=False, columns=GZD5.vote_columns)


def test_the_catalog_of_predictions_is_recognised_by_its_ids(catalog):
    assert recognized(catalog) is GZ_DESI
    catalog.remove_column("dr8_id")
    assert recognized(catalog) is GZD5


def test_labels_are_those_of_gzd5_without_the_papers_numbers(catalog):
    for question in GZD5.label_questions:
        assert GZ_DESI.labels(catalog, question).tolist() == GZD5.labels(catalog, question).tolist()
    for question in GZ_DESI.classes:
        assert question.paper is None and question.paper_adapted is None
        assert all(label.paper is None for label in question.labels)
