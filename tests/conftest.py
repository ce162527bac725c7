"""Fixtures for all tests."""

import signal
import threading
from pathlib import Path

import pytest
from sky import write_survey

# A suite that is started in the background inherits an ignored Ctrl-C and hands it on to the commands it interrupts.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real galaxies and catalogs, which is no part of the project."""
    folder = Path(__file__).parents[1].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real data: no folder {folder}")
    return folder


@pytest.fixture(scope="session")
def records(tmp_path_factory) -> Path:
    """A record set of 80 blobs of 64 pixels."""
    from galkeras.records.make import make_tfrecords

    folder = tmp_path_factory.mktemp("survey")
    catalog, cutouts = write_survey(folder, 80, 64)
    make_tfrecords(catalog, cutouts, folder / "records", workers=1)
    return folder / "records"
