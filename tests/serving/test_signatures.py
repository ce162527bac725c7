"""Every signature answers what the Keras model and the forests say, by loaders that are not ours."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from serving.c_api import CSession
from serving.models import LATENTS, QUESTIONS, SIDE, file_of, sky

from galkeras.backend import tf
from galkeras.latents.views import encode_views
from galkeras.models.ssim import ssim
from galkeras.morphology.predict import share_columns
from galkeras.records.example import Galaxy, encode_example
from galkeras.surveys.cutouts import read_cutout

BATCHES = (1, 32)
CLOSE = {"rtol": 1e-4, "atol": 1e-5}
NAN = float("nan")


def record(image: np.ndarray, dtype: str) -> bytes:
    return encode_example(Galaxy("g", image.astype(dtype), NAN, NAN, NAN))


def expected(served, images: np.ndarray) -> dict[str, np.ndarray]:
    """What the library says, signature by signature, without the code of the served one."""
    model, forests = served.model, served.forests
    z, log_var = (value.numpy() for value in model.encode(images))
    stretched, decoded = model.stretch(images), model.decode_stretched(z)
    mse = np.mean(np.square(stretched - decoded), (1, 2, 3))
    scores = {"reconstruction_mse": mse, "ssim": ssim(stretched, decoded).numpy()}
    encoded = {"z_mean": z, "z_log_var": log_var}
    seen, seen_log_var = (value.numpy() for value in encode_views(model, images, forests.views))
    outlier = np.max(np.abs(seen - np.array(forests.latent_mean)) / np.array(forests.latent_std), -1)
    classified = {"z_mean": seen, "z_log_var": seen_log_var, "outlier_score": outlier}
    return {
        "serving_default": encoded,
        "encode": encoded,
        "measure": classified | scores,
        "classify": classified,
        "reconstruct": {"images": model(images).numpy(), **scores},
    }


def compare(found: dict, wanted: dict) -> None:
    for name, values in wanted.items():
        scale = max(1.0, float(np.abs(values).max()))
        np.testing.assert_allclose(found[name] / scale, values / scale, err_msg=name, **CLOSE)


@pytest.mark.parametrize("batch", BATCHES)
def test_c_api_answers_as_keras(served, batch):
    images = sky(batch, served.units, seed=batch)
    for signature, wanted in expected(served, images).items():
        found = served.session.run(signature, images=images)
        compare(found, wanted)
        morphology = {name for name in found if name.split("_")[0] in {*QUESTIONS, *served.forests.votes.questions}}
        assert set(found) - morphology == set(wanted)
        assert bool(morphology) == (signature in ("classify", "measure"))
    z = np.random.default_rng(0).normal(size=(batch, served.model.config.latent_dim)).astype(np.float32)
    compare(served.session.run("decode", z=z), {"images": served.model.decode(z).numpy()})
    drawn = served.session.run("generate", seed=np.arange(batch))
    compare(drawn, {"images": served.model.decode(drawn["z"]).numpy()})


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("task", ["classify", "measure"])
def test_served_forests_are_scikit_learns(served, task, batch):
    found = served.session.run(task, images=sky(batch, served.units, seed=5))
    for name, forest in served.forests.by_question.items():
        wanted = forest.probabilities(found["z_mean"])
        served_as = np.stack([found[f"{name}_{answer}"] for answer in QUESTIONS[name]], -1)
        np.testing.assert_allclose(served_as, wanted, rtol=0, atol=1e-6)
        answers = [forest.classes[index].encode() for index in wanted.argmax(-1)]
        assert [a for a, w in zip(found[name], wanted, strict=True) if np.sum(w == w.max()) == 1] == [
            a for a, w in zip(answers, wanted, strict=True) if np.sum(w == w.max()) == 1
        ]


@pytest.mark.parametrize("task", ["classify", "measure"])
def test_served_votes_are_those_that_predict_expects(served, task):
    found = served.session.run(task, images=sky(3, served.units, seed=5))
    wanted = share_columns(served.forests.votes, found["z_mean"], ())
    assert len(wanted) == 7 and wanted.keys() <= found.keys()
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values, rtol=0, atol=1e-6, err_msg=name)
    assert np.all(found["has-spiral-arms_proportion_volunteers_asked"] < 1)


def test_records_and_files_answer_as_images(served):
    images = sky(5, served.units, seed=7)
    for dtype in ("uint8", "float16") if served.units == "picture" else ("float16", "float32"):
        stored = images.astype(dtype).astype(np.float32)
        examples = [record(image, dtype) for image in images]
        for task in ("encode", "measure", "classify"):
            wanted = served.session.run(task, images=stored)
            found = served.session.run(f"{task}_example", examples=examples)
            compare(found, {k: v for k, v in wanted.items() if v.dtype != object})
            assert set(found) == set(wanted)


def test_files_are_decoded_as_read_cutout_does(picture, tmp_path):
    for kind in ("PNG", "JPEG"):
        path = tmp_path / f"galaxy.{kind.lower()}"
        path.write_bytes(file_of(sky(1)[0], kind))
        wanted = picture.session.run("classify", images=np.stack([read_cutout(path).image] * 3).astype(np.float32))
        found = picture.session.run("classify_bytes", bytes=[path.read_bytes()] * 3)
        for name, values in wanted.items():
            np.testing.assert_array_equal(found[name], values, err_msg=f"{kind} {name}")


def test_files_are_only_for_pictures(nanomaggy):
    assert not [name for name in nanomaggy.session.signatures if name.endswith("_bytes")]


def test_generation_follows_from_each_rows_seed(served):
    run = served.session.run
    together = run("generate", seed=np.array([3, -1, 2**40, 3]))
    alone = run("generate", seed=np.array([2**40]))
    np.testing.assert_array_equal(together["z"][2], alone["z"][0])
    np.testing.assert_array_equal(together["images"][0], together["images"][3])
    assert len(np.unique(together["z"][:3])) == together["z"][:3].size
    drawn = run("generate", seed=np.arange(500))["z"]
    assert abs(drawn.mean()) < 0.1 and abs(drawn.std() - 1) < 0.1


def test_eight_views_do_not_see_the_turn(nanomaggy):
    images = sky(3, "nanomaggy")
    found = [nanomaggy.session.run("classify", images=np.rot90(images, k, (1, 2)).copy()) for k in range(2)]
    np.testing.assert_allclose(found[0]["z_mean"], found[1]["z_mean"], atol=1e-5)


def test_python_loader_and_its_names(served):
    loaded = tf.saved_model.load(str(served.path))
    images = sky(2, served.units)
    for name, (inputs, outputs) in served.session.signatures.items():
        if name == "__saved_model_init_op":
            continue
        function = loaded.signatures[name]
        assert {key: tuple(spec.shape)[1:] for key, spec in function.structured_input_signature[1].items()} == {
            key: info.shape[1:] for key, info in inputs.items()
        }
        assert set(function.structured_outputs) == set(outputs)
        assert all(info.shape[0] == -1 for info in inputs.values())
        if "images" in inputs:
            found = {key: value.numpy() for key, value in function(images=images).items()}
            compare(found, {k: v for k, v in served.session.run(name, images=images).items() if v.dtype != object})


def test_describes_itself(served):
    (text,) = served.session.run("describe", anything=[b""])["description"]
    about = json.loads(text)
    assert about == json.loads((served.path / "assets" / "model.json").read_text())
    assert about["model"] == served.model.digest
    assert about["input"]["units"] == served.units and about["input"]["image_size"] == SIDE
    assert {name: tuple(q["classes"]) for name, q in about["questions"].items()} == QUESTIONS
    assert about["views"] == served.forests.views


def test_standard_operations_and_weights_once(served):
    from tensorflow.core.protobuf import saved_model_pb2
    from tensorflow.python.framework import op_def_registry

    saved = saved_model_pb2.SavedModel.FromString((served.path / "saved_model.pb").read_bytes())
    (meta,) = saved.meta_graphs
    nodes = [*meta.graph_def.node, *(node for f in meta.graph_def.library.function for node in f.node_def)]
    operations = {node.op for node in nodes}
    assert not [name for name in operations if op_def_registry.get(name) is None]
    assert not [name for name in operations if "Py" in name or "Xla" in name or "Custom" in name]
    weights = sum(int(np.prod(v.shape)) for v in served.model.weights)
    stored = tf.train.list_variables(str(served.path / "variables" / "variables"))
    assert sum(int(np.prod(shape)) for name, shape in stored if name.startswith("weights/")) == weights


def test_c_api_needs_no_python_of_tensorflow(picture):
    code = (
        "import sys, numpy as np; from serving.c_api import CSession\n"
        f"found = CSession({str(picture.path)!r}).run('encode', images=np.ones((1, {SIDE}, {SIDE}, 3), np.float32))\n"
        "import numpy.random\n"
        "assert 'tensorflow' not in sys.modules; print(found['z_mean'].tolist())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=_environment(), check=True)
    wanted = picture.model.encode(np.ones((1, SIDE, SIDE, 3), np.float32))[0].numpy()
    np.testing.assert_allclose(json.loads(done.stdout), wanted, **CLOSE)


def test_saved_model_cli(picture, tmp_path):
    picked = ["--dir", str(picture.path), "--tag_set", "serve", "--signature_def", "encode"]
    images = sky(2)
    np.save(tmp_path / "images.npy", images)
    run = ["--inputs", f"images={tmp_path / 'images.npy'}", "--outdir", str(tmp_path)]
    # One process, for TensorFlow takes long to load: the child shows, the parent runs.
    code = (
        "import os, sys\n"
        "from tensorflow.python.tools import saved_model_cli\n"
        f"shown, ran = {['show', *picked]!r}, {['run', *picked, *run]!r}\n"
        "if child := os.fork():\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
        "sys.argv[1:] = ran if child else shown\n"
        "saved_model_cli.main()\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=_environment(), check=True)
    assert f"shape: (-1, {SIDE}, {SIDE}, 3)" in shown.stdout and "outputs['z_mean']" in shown.stdout
    np.testing.assert_allclose(np.load(tmp_path / "z_mean.npy"), picture.model.encode(images)[0], **CLOSE)


def test_openvino_reads_encode(served):
    openvino = pytest.importorskip("openvino")
    run = compiled(openvino, str(served.path))
    for batch in BATCHES:
        images = sky(batch, served.units)
        compare(run(images), served.session.run("encode", images=images))


@pytest.mark.skipif(
    sys.version_info >= (3, 13), reason="OpenVINO 2026 deletes a name by exec(), which Python 3.13 does not let it"
)
def test_openvino_runs_decode(nanomaggy):
    # Its reader knows the default signature alone, so TensorFlow hands it the function.
    openvino = pytest.importorskip("openvino")
    loaded = tf.saved_model.load(str(nanomaggy.path))
    run = compiled(openvino, loaded.signatures["decode"])
    for batch in BATCHES:
        z = np.random.default_rng(0).normal(size=(batch, LATENTS)).astype(np.float32)
        wanted = nanomaggy.session.run("decode", z=z)
        assert wanted["images"].std() > 0
        compare(run(z), wanted)


def compiled(openvino, model):
    # On processors that have bfloat16 it would be used.
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    model = openvino.Core().compile_model(openvino.convert_model(model), "CPU", exact)
    return lambda value: {output.any_name: found for output, found in model(value).items()}


def _environment() -> dict[str, str]:
    tests = Path(__file__).parents[1]
    return {**os.environ, "PYTHONPATH": f"{tests}{os.pathsep}{tests.parent}"}


def test_sessions_end(picture):
    CSession(picture.path).close()
