"""Every hostile file has its answer: it costs its galaxy, or one line; never a traceback, a hang, or all memory."""

import resource
import signal

import pytest
from attacks import hostile

from galkeras.io.errors import GalkerasError
from galkeras.records.make import make_tfrecords
from galkeras.records.schema import RecordSet

SECONDS = 60
MEGABYTES = 700


@pytest.fixture(autouse=True)
def no_hang():
    def late(*_):
        raise TimeoutError(f"more than {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < MEGABYTES * 1000


@pytest.mark.parametrize("name", hostile.CUTOUTS)
def test_a_cutout_costs_one_galaxy_at_most(tmp_path, name):
    catalog, cutouts = hostile.survey(tmp_path)
    hostile.CUTOUTS[name](cutouts / "g3.fits")
    records = make_tfrecords(catalog, cutouts, tmp_path / "out", survey="decals", workers=1)
    assert records.read == hostile.GALAXIES and records.written >= hostile.GALAXIES - 1
    assert RecordSet.load(tmp_path / "out") == records


@pytest.mark.parametrize("name", hostile.CATALOGS)
def test_a_catalog_is_told_in_one_line_or_gone_on_with(tmp_path, name):
    write, answer = hostile.CATALOGS[name]
    catalog, cutouts = write(tmp_path / "survey")
    options = {"survey": "decals", "position": False, "workers": 1}
    if answer == hostile.TELLS:
        with pytest.raises(GalkerasError) as told:
            make_tfrecords(catalog, cutouts, tmp_path / "out", **options)
        assert "\n" not in str(told.value)
    else:
        records = make_tfrecords(catalog, cutouts, tmp_path / "out", **options)
        assert records.written >= hostile.GALAXIES - 3 and RecordSet.load(tmp_path / "out") == records
