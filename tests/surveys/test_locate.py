import numpy as np
import pytest
from astropy.table import Table
from sky import galaxy, write_csv, write_fits, write_png

from galkeras.io.errors import GalkerasError
from galkeras.surveys.catalog import read_catalog
from galkeras.surveys.locate import Source, locate_cutouts

PICTURE = np.full((8, 8, 3), 9, np.uint8)


def locate(folder, columns, **kwargs):
    catalog = write_csv(folder / "catalog.csv", columns)
    table = read_catalog(catalog, position=False)
    return locate_cutouts(table, kwargs.get("cutouts", folder / "cutouts"), catalog)


def test_by_id_in_the_folder_and_below(tmp_path):
    flat = write_fits(tmp_path / "cutouts" / "a.fits", galaxy(8))
    release = write_png(tmp_path / "cutouts" / "part1" / "J004" / "J004544.11-005037.5.png", PICTURE)
    found = locate(tmp_path, {"id": ["a", "J004544.11-005037.5", "absent"]})
    assert found == [Source(str(flat)), Source(str(release)), "no cutout found"]


def test_fits_goes_before_pictures(tmp_path):
    best = write_fits(tmp_path / "cutouts" / "a.fits", galaxy(8))
    write_png(tmp_path / "cutouts" / "a.png", PICTURE)
    assert locate(tmp_path, {"id": ["a"]}) == [Source(str(best))]


def test_by_file_beside_the_cutouts_or_the_catalog(tmp_path):
    one = write_png(tmp_path / "cutouts" / "x" / "1.png", PICTURE)
    two = write_png(tmp_path / "y" / "2.png", PICTURE)
    found = locate(tmp_path, {"id": ["a", "b", "c"], "file": ["x/1.png", "y/2.png", "z.png"]})
    assert found == [Source(str(one)), Source(str(two)), "no cutout found: no file z.png"]


def test_two_files_of_one_name_are_ambiguous(tmp_path):
    for survey in ("decals", "bass-mzls"):
        for name in "ab":
            write_fits(tmp_path / "cutouts" / survey / f"{name}.fits", galaxy(8))
    with pytest.raises(GalkerasError, match="ambiguous: 2 cutouts of this name.*folder of one survey"):
        locate(tmp_path, {"id": ["a", "b"]})
    (tmp_path / "cutouts" / "decals" / "b.fits").unlink()
    assert [isinstance(source, Source) for source in locate(tmp_path, {"id": ["a", "b"]})] == [False, True]


def test_an_id_is_no_path(tmp_path):
    write_png(tmp_path / "secret.png", PICTURE)
    write_png(tmp_path / "cutouts" / "a.png", PICTURE)
    assert locate(tmp_path, {"id": ["a", "../secret"]})[1] == "no cutout found"


def test_an_hdf5_file_needs_rows(tmp_path):
    (tmp_path / "c.h5").touch()
    with pytest.raises(GalkerasError, match="needs a column 'row'"):
        locate(tmp_path, {"id": ["a"]}, cutouts=tmp_path / "c.h5")
    assert locate(tmp_path, {"id": ["a"], "row": [7]}, cutouts=tmp_path / "c.h5")[0].row == 7


def test_published_layout(real_data):
    folder = real_data / "gz_decals_sample"
    for name in ("volunteers_5", "volunteers_1_and_2", "auto_posteriors"):
        catalog = folder / f"gz_decals_{name}.csv"
        found = locate_cutouts(read_catalog(catalog), folder, catalog)
        assert all(isinstance(source, Source) for source in found)


def test_masked_files_are_no_files(tmp_path):
    write_png(tmp_path / "a.png", PICTURE)
    table = Table({"id": ["a"], "file": [""]}, masked=True)
    table["file"].mask = True
    assert isinstance(locate_cutouts(table, tmp_path, tmp_path / "c.csv")[0], Source)
