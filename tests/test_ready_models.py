"""The models that come with the repository work at once, and on galaxies that they never saw."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from galkeras.latents.encode import encode
from galkeras.models.folder import load_model
from galkeras.morphology.forests import Forests
from galkeras.morphology.predict import predict
from galkeras.records.make import make_tfrecords
from galkeras.simulation.survey_pair import mock

MODELS = Path(__file__).parents[1] / "saved_models"
READY = {"mock-decals-64": "decals", "pictures-64": "sdss"}


@pytest.mark.parametrize("name", READY)
def test_a_ready_model_is_small_whole_and_has_a_card(name):
    folder = MODELS / name
    model, forests = load_model(folder), Forests.load(folder / "forests")
    assert model.config.surveys == (READY[name],) and model.config.latent_dim == 40
    assert forests.model == model.digest and forests.trained
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) < 9_000_000
    card = (folder / "README.md").read_text()
    assert all(part in card for part in ("## Data", "## Training", "## Scores", "## Not for"))
    # The card's table has a line for each forest.
    assert all(f"| {question} " in card for question in forests.by_question)


def judged(name: str, cutouts: Path, catalog: Path, tmp_path: Path, label_column: str | None = None, **options):
    """Return the scores of a ready model's forests on new galaxies."""
    folder, options = MODELS / name, options | {"survey": READY[name], "position": False, "workers": 1}
    make_tfrecords(catalog, cutouts, tmp_path / "records", like=folder, **options)
    latents = encode(folder, tmp_path / "records", tmp_path / "latents.parquet")
    return predict(latents, folder / "forests", catalog=catalog, label_column=label_column).scores


def test_new_mock_galaxies_are_told_apart(tmp_path):
    mock(tmp_path / "mock", galaxies=120, surveys=("decals",), size=64, pixel_scale=0.524, seed=7, workers=1)
    drawn = tmp_path / "mock"
    scores = judged("mock-decals-64", drawn / "cutouts" / "decals", drawn / "catalog.parquet", tmp_path)
    by_name = {result.name: result.scores.balanced_accuracy for result in scores.results}
    assert by_name["disk-edge-on"] > 0.8 and np.mean(list(by_name.values())) > 0.65


def test_new_real_galaxies_are_told_apart(tmp_path, real_data):
    learned = Forests.load(MODELS / "pictures-64" / "forests").trained
    with open(real_data / "efigi_sdss" / "catalog.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if f"efigi-{row['id']}" not in learned and row["stage"]][:200]
    assert len(rows) == 200
    # Galaxies are known by the names that their catalog gives them, too.
    assert learned >= {name.partition("-")[2] for name in learned if name.startswith(("efigi-", "gz2-", "rings-"))}
    (tmp_path / "cutouts").mkdir()
    for row in rows:
        shutil.copy(real_data / "efigi_sdss" / row["file"], tmp_path / "cutouts" / f"efigi-{row['id']}.jpg")
    table = Table({"id": [f"efigi-{row['id']}" for row in rows], "stage": [row["stage"] for row in rows]})
    table["file"] = [f"{name}.jpg" for name in table["id"]]
    table.write(tmp_path / "catalog.csv")
    # Pictures of 88 pixels, cut as the model's own were.
    scores = judged("pictures-64", tmp_path / "cutouts", tmp_path / "catalog.csv", tmp_path, "stage", crop=88)
    assert scores.results[0].scores.balanced_accuracy > 0.65
