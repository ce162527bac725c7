"""Versions appear whole, in order, and never over one another."""

import fcntl
import os

import numpy as np
import pytest
from serving.c_api import CSession
from serving.models import sky, write_forests, write_model
from typer.testing import CliRunner

from galkeras.cli import app
from galkeras.io.errors import GalkerasError
from galkeras.serving import export as module
from galkeras.serving.export import export


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "small"
    return folder, write_model(folder)


@pytest.fixture
def quick(monkeypatch):
    """Writes a file in place of the SavedModel, whose writing other tests see."""

    def write(staged, assets, *_):
        staged.mkdir()
        (staged / "saved_model.pb").write_bytes(b"x" * 100)
        return ("encode",)

    monkeypatch.setattr(module, "_write", write)


def versions(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def test_versions_count_up(tmp_path, quick):
    write_model(tmp_path)
    assert [export(tmp_path).version for _ in range(2)] == [1, 2]
    assert export(tmp_path, version=7).path == tmp_path / "7"
    assert export(tmp_path).version == 8
    assert versions(tmp_path) == ["1", "2", "7", "8"]
    assert export(tmp_path).bytes == 100


def test_existing_version_is_kept(tmp_path, quick):
    write_model(tmp_path)
    export(tmp_path, version=3)
    (tmp_path / "4").mkdir()
    for version in (3, 4):
        with pytest.raises(GalkerasError, match=f"{version} exists"):
            export(tmp_path, version=version)
    with pytest.raises(GalkerasError, match="version=0"):
        export(tmp_path, version=0)
    assert versions(tmp_path) == ["3", "4"]


def test_another_version_in_between_is_not_replaced(tmp_path, quick, monkeypatch):
    write_model(tmp_path)

    def meanwhile(folder):
        (tmp_path / "1").mkdir()
        (tmp_path / "1" / "saved_model.pb").write_bytes(b"other")

    monkeypatch.setattr(module, "_sync", meanwhile)
    with pytest.raises(GalkerasError, match="1 exists"):
        export(tmp_path)
    assert (tmp_path / "1" / "saved_model.pb").read_bytes() == b"other"
    assert versions(tmp_path) == ["1"]


def test_nothing_is_left_of_a_broken_export(tmp_path, monkeypatch):
    write_model(tmp_path)
    seen = []

    def broken(folder, *_):
        # The SavedModel is complete here, and no server may take it for a version.
        seen.extend(path.name for path in tmp_path.iterdir() if path.is_dir())
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_warmup", broken)
    with pytest.raises(KeyboardInterrupt):
        export(tmp_path)
    assert seen and not any(name.isdecimal() for name in seen)
    assert versions(tmp_path) == []


@pytest.mark.parametrize("trouble", [OSError(28, "No space left on device"), MemoryError()])
def test_nothing_is_left_without_room(tmp_path, quick, monkeypatch, trouble):
    write_model(tmp_path)

    def full(folder):
        raise trouble

    monkeypatch.setattr(module, "_sync", full)
    with pytest.raises(type(trouble)):
        export(tmp_path)
    assert versions(tmp_path) == []


def test_what_a_killed_export_left_is_cleared(tmp_path, quick):
    write_model(tmp_path)
    (tmp_path / ".export" / "variables").mkdir(parents=True)
    (tmp_path / ".export" / "variables" / "half").write_bytes(b"")
    done = export(tmp_path)
    assert [path.name for path in done.path.iterdir()] == ["saved_model.pb"]
    assert versions(tmp_path) == ["1"]


def test_one_export_at_a_time(tmp_path, quick):
    write_model(tmp_path)
    folder = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    with pytest.raises(GalkerasError, match="another export"):
        export(tmp_path)
    os.close(folder)
    assert export(tmp_path).version == 1


def test_forests_of_another_model(fitted, tmp_path):
    folder, model = fitted
    write_forests(tmp_path / "other", write_model(tmp_path / "model", seed=1), sky(60))
    with pytest.raises(GalkerasError, match="was fitted on latents of model"):
        export(folder, forests=tmp_path / "other")
    with pytest.raises(GalkerasError, match="no folder of forests"):
        export(folder, forests=tmp_path / "nothing")
    write_forests(tmp_path / "odd", model, sky(60), views=5)
    with pytest.raises(GalkerasError, match="views=5"):
        export(folder, forests=tmp_path / "odd")
    assert versions(folder) == []


def test_label_with_the_name_of_another_answer(fitted, tmp_path):
    folder, model = fitted
    forests = write_forests(tmp_path / "clash", model, sky(60))
    forests.by_question["ssim"] = forests.by_question.pop("bar")
    forests.save(tmp_path / "clash")
    with pytest.raises(GalkerasError, match="'ssim'"):
        export(folder, forests=tmp_path / "clash")
    assert versions(folder) == []


def test_no_fitted_model(tmp_path):
    runner = CliRunner()
    for folder, reason in ((tmp_path / "none", "no config.json"), (tmp_path / "begun", "no finished model")):
        if folder.name == "begun":
            write_model(folder)
            (folder / "model.weights.h5").unlink()
        done = runner.invoke(app, ["export", str(folder)])
        assert done.exit_code != 0 and reason in str(done.exception)
        assert not folder.exists() or versions(folder) == []


def test_warm_up_requests_are_real_and_answered(served):
    pytest.importorskip("tensorflow_serving")
    from tensorflow_serving.apis import prediction_log_pb2

    from galkeras.backend import tf

    file = served.path / "assets.extra" / "tf_serving_warmup_requests"
    asked = set()
    for data in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog.FromString(data)
        assert log.SerializeToString() == data
        request = log.predict_log.request
        assert request.model_spec.name == served.folder.name
        asked.add(request.model_spec.signature_name)
        inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        assert all(len(values) == 1 for values in inputs.values())
        served.session.run(request.model_spec.signature_name, **inputs)
    assert asked == set(served.session.signatures) - {"__saved_model_init_op"}


def test_residual_networks_without_forests(tmp_path):
    model = write_model(tmp_path, architecture="residual")
    done = CliRunner().invoke(app, ["export", str(tmp_path)])
    assert done.exit_code == 0 and "version 1" in done.stdout and "measure_example" in done.stdout
    assert "classify" not in done.stdout
    images = sky(3)
    found = CSession(tmp_path / "1").run("encode", images=images)
    np.testing.assert_allclose(found["z_mean"], model.encode(images)[0], rtol=1e-4, atol=1e-5)
