"""A picture model with forests, and a nanomaggy model with forests on eight views, exported once."""

from pathlib import Path
from typing import NamedTuple

import pytest
from serving.c_api import CSession
from serving.models import sky, write_forests, write_model

from galkeras.models.vae import VAE
from galkeras.morphology.forests import Forests
from galkeras.serving.export import export


class Exported(NamedTuple):
    folder: Path
    path: Path
    model: VAE
    forests: Forests
    units: str
    session: CSession


def make(folder: Path, units: str, views: int) -> Exported:
    model = write_model(folder / units, units)
    forests = write_forests(folder / "forests", model, sky(120, units), views)
    path = export(folder / units, forests=folder / "forests").path
    return Exported(folder / units, path, model, forests, units, CSession(path))


@pytest.fixture(scope="session")
def picture(tmp_path_factory) -> Exported:
    return make(tmp_path_factory.mktemp("served"), "picture", 1)


@pytest.fixture(scope="session")
def nanomaggy(tmp_path_factory) -> Exported:
    return make(tmp_path_factory.mktemp("served"), "nanomaggy", 8)


@pytest.fixture(params=["picture", "nanomaggy"])
def served(request) -> Exported:
    return request.getfixturevalue(request.param)
