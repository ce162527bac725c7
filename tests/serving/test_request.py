"""`galkeras request` against a stand-in server, over real sockets and with the real SavedModel."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
from serving.models import QUESTIONS, SIDE, file_of, sky
from sky import write_fits
from typer.testing import CliRunner

from galkeras.cli import app
from galkeras.io.columns import read_columns
from galkeras.io.errors import GalkerasError
from galkeras.latents.table import read_latents
from galkeras.serving.client import connect
from galkeras.serving.request import request
from galkeras.surveys.cutouts import read_cutout

serving = pytest.importorskip("tensorflow_serving")


@pytest.fixture(scope="module")
def pictures(picture):
    from serving.stand_in import StandIn

    with StandIn(picture.folder) as server:
        yield server


@pytest.fixture(scope="module")
def fluxes(nanomaggy):
    from serving.stand_in import StandIn

    with StandIn(nanomaggy.folder) as server:
        yield server


@pytest.fixture
def folder(tmp_path):
    """Seven pictures, and three files that are of no use."""
    files = tmp_path / "cutouts"
    (files / "J00").mkdir(parents=True)
    for index, image in enumerate(sky(7)):
        (files / f"J00/g{index}.png").write_bytes(file_of(image))
    (files / "broken.png").write_bytes(b"no image")
    (files / "small.png").write_bytes(file_of(sky(1)[0][:32, :32]))
    write_fits(files / "flux.fits", sky(1, "nanomaggy")[0])
    (files / "notes.txt").write_text("not asked for")
    return files


@pytest.mark.parametrize("way", ["rest", "grpc"])
def test_folder_to_latent_table(pictures, picture, folder, tmp_path, way):
    out = tmp_path / "latents.parquet"
    done = request(getattr(pictures, way), folder, out, batch_size=3)
    assert done.galaxies == 7 and len(done.rejected) == 3 and done.rows is None
    table = read_latents(out)
    assert table.model == picture.model.digest and table.views == 1
    files = [folder / f"J00/{name}.png" for name in table.id]
    assert sorted(table.id) == [f"g{index}" for index in range(7)]
    images = np.stack([read_cutout(file).image for file in files]).astype(np.float32)
    z, log_var = picture.model.encode(images)
    np.testing.assert_allclose(table.z, z, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(table.log_var, log_var, rtol=1e-4, atol=1e-5)
    answers = picture.session.run("measure", images=images)
    np.testing.assert_allclose(table.ssim, answers["ssim"], atol=1e-4)
    columns, _ = read_columns(out)
    for question, classes in QUESTIONS.items():
        assert columns[question].tolist() == [answer.decode() for answer in answers[question]]
        for name in classes:
            np.testing.assert_allclose(columns[f"{question}_{name}"], answers[f"{question}_{name}"], atol=1e-6)
    rejected = (tmp_path / "latents.parquet.rejected.csv").read_text()
    assert all(name in rejected for name in ("broken.png", "small.png", "flux.fits")) and "notes" not in rejected


def test_both_ways_answer_alike_and_in_order(pictures, folder):
    rest, grpc = (request(url, sorted((folder / "J00").iterdir())).rows for url in (pictures.rest, pictures.grpc))
    assert rest["id"].tolist() == [f"g{index}" for index in range(7)]
    assert set(rest) == set(grpc)
    for name, values in rest.items():
        if values.dtype.kind == "f":
            np.testing.assert_allclose(values, grpc[name], rtol=1e-6, atol=1e-7)
        else:
            assert values.tolist() == grpc[name].tolist()


def test_fits_is_cropped_where_the_scale_is_the_models(fluxes, nanomaggy, tmp_path):
    image = np.pad(sky(1, "nanomaggy")[0], ((8, 8), (8, 8), (0, 0)), constant_values=0.1)
    path = write_fits(tmp_path / "big.fits", image)
    rows = request(fluxes.grpc, path).rows
    wanted = nanomaggy.session.run("classify", images=image[None, 8:-8, 8:-8])
    np.testing.assert_allclose(rows["z_mean"], wanted["z_mean"], rtol=1e-4, atol=1e-5)
    assert rows["survey"].tolist() == ["decals"]
    coarse = write_fits(tmp_path / "coarse.fits", image, scale=0.524)
    with pytest.raises(GalkerasError, match="0.524 arcsec a pixel where the model takes 0.262"):
        request(fluxes.grpc, coarse, crop=SIDE)
    fine = write_fits(tmp_path / "fine.fits", np.repeat(np.repeat(image, 2, 0), 2, 1) / 4, scale=0.131)
    for crop in (2 * SIDE, None):
        rows = request(fluxes.grpc, fine, crop=crop).rows
        np.testing.assert_allclose(rows["z_mean"], wanted["z_mean"], rtol=1e-4, atol=1e-5)
    small = write_fits(tmp_path / "small.fits", image[8:-8, 8:-8], scale=0.131)
    with pytest.raises(GalkerasError, match="wrong shape"):
        request(fluxes.grpc, small)
    other = write_fits(tmp_path / "north.fits", image, VERSION="DR9-north")
    with pytest.raises(GalkerasError, match="bass-mzls, not decals"):
        request(fluxes.grpc, other)


def test_command_prints_answers(pictures, folder):
    done = CliRunner().invoke(app, ["request", pictures.rest, str(folder / "J00/g1.png"), str(folder / "broken.png")])
    assert done.exit_code == 0 and "broken.png left out: no image" in done.stderr
    (line,) = done.stdout.splitlines()
    answer = json.loads(line)
    assert answer["id"] == "g1" and len(answer["z_mean"]) == 6 and answer["bar"] in QUESTIONS["bar"]
    assert abs(sum(answer[f"bar_{name}"] for name in QUESTIONS["bar"]) - 1) < 1e-6


@pytest.mark.parametrize("way", ["rest", "grpc"])
def test_a_busy_server_is_asked_again(pictures, folder, way):
    pictures.failures = [503, 503]
    assert request(getattr(pictures, way), folder / "J00/g0.png").galaxies == 1
    pictures.failures = [503] * 50
    with pytest.raises(GalkerasError, match="no answer from .* in 0.5 s"):
        request(getattr(pictures, way), folder / "J00/g0.png", patience=0.5)
    pictures.failures = []


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/v1/models/first", "grpc://127.0.0.1:9/first"])
def test_server_down(url, folder, tmp_path):
    with pytest.raises(GalkerasError, match="is the server running.*serve.sh"):
        request(url, folder, tmp_path / "out.parquet", patience=0.5)
    assert not list(tmp_path.glob("*.parquet*"))


@pytest.mark.parametrize("way", ["rest", "grpc"])
def test_model_or_version_missing(pictures, folder, way):
    url = getattr(pictures, way)
    with pytest.raises(GalkerasError, match="has no model absent"):
        request(url.replace("/picture", "/absent"), folder)
    with pytest.raises(GalkerasError, match="has no model picture version 99"):
        request(f"{url}/versions/99", folder)
    assert request(f"{url}/versions/1", folder / "J00/g0.png").galaxies == 1


@pytest.mark.parametrize("way", ["rest", "grpc"])
def test_refusals_of_the_graph_are_told(pictures, way):
    server = connect(getattr(pictures, way))
    with pytest.raises(GalkerasError, match="refused the request.*PNG or JPEG"):
        server.ask("encode_bytes", "bytes", [b"no image"])
    with pytest.raises(GalkerasError, match="refused the request.*64 x 64 pixels"):
        server.ask("encode_bytes", "bytes", [file_of(sky(1)[0][:32, :32])])
    with pytest.raises(GalkerasError, match='"dream" not found'):
        server.ask("dream", "bytes", [b""])


def test_one_version_answers_throughout(pictures, folder):
    pictures.asked.clear()
    request(pictures.rest, folder / "J00", batch_size=2)
    assert {version for version, _ in pictures.asked} == {1} and len(pictures.asked) == 1 + 4


@pytest.mark.parametrize("url", ["localhost:8501", "http://host:8501", "grpc://host", "ftp://host/v1/models/a"])
def test_urls(url):
    with pytest.raises(GalkerasError, match="the URL of a model must be"):
        connect(url)


def test_what_is_no_cutout(pictures, tmp_path):
    with pytest.raises(GalkerasError, match="does not exist"):
        request(pictures.rest, tmp_path / "absent.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(GalkerasError, match="holds no cutouts"):
        request(pictures.rest, tmp_path / "empty")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "g.png").write_bytes(file_of(sky(1)[0]))
    with pytest.raises(GalkerasError, match="of one name"):
        request(pictures.rest, [tmp_path / "a", tmp_path / "b"])
    (tmp_path / "bad.png").write_bytes(b"")
    with pytest.raises(GalkerasError, match="none of 1 cutouts can be used"):
        request(pictures.rest, tmp_path / "bad.png", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def _server(body: bytes, status: int = 200):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"<html>", 200, "no TensorFlow Serving"),
        (b"[1]", 200, "no TensorFlow Serving"),
        (b"{}", 200, "refused"),
        (b'{"outputs": ["{}"]}', 200, "was not exported by galkeras"),
        (b'{"outputs": [1.5]}', 200, "was not exported by galkeras"),
        (b'{"outputs": []}', 200, "was not exported by galkeras"),
        (b'{"error": "what is this"}', 400, "what is this"),
        (b'{"error": 7}', 500, "refused"),
    ],
)
def test_servers_of_another_kind(body, status, reason, tmp_path):
    (tmp_path / "g.png").write_bytes(file_of(sky(1)[0]))
    server = _server(body, status)
    try:
        with pytest.raises(GalkerasError, match=reason):
            request(f"http://127.0.0.1:{server.server_port}/v1/models/a", tmp_path / "g.png")
    finally:
        server.shutdown()
        server.server_close()


def test_stand_in_speaks_rest_as_documented(pictures):
    """The curl lines of docs/serving.md."""
    import base64

    import requests

    status = requests.get(pictures.rest).json()
    assert status["model_version_status"][0]["state"] == "AVAILABLE"
    metadata = requests.get(f"{pictures.rest}/metadata").json()
    assert "images" in metadata["metadata"]["signature_def"]["signature_def"]["encode"]["inputs"]
    image = {"b64": base64.b64encode(file_of(sky(1)[0])).decode()}

    def post(**body):
        return requests.post(f"{pictures.rest}:predict", json=body).json()

    by_row = post(signature_name="encode_bytes", instances=[image] * 2)["predictions"][1]["z_mean"]
    by_column = post(signature_name="encode_bytes", inputs=[image])["outputs"]["z_mean"][0]
    default = post(instances=sky(1).tolist())["predictions"][0]["z_mean"]
    np.testing.assert_allclose(by_row, by_column, rtol=1e-4)
    np.testing.assert_allclose(by_row, default, rtol=1e-4)


def test_stand_in_speaks_grpc_as_documented(pictures):
    import grpc
    from tensorflow_serving.apis import (
        get_model_metadata_pb2,
        get_model_status_pb2,
        model_service_pb2_grpc,
        predict_pb2,
        prediction_service_pb2_grpc,
    )

    from galkeras.backend import tf

    channel = grpc.insecure_channel(pictures.grpc.removeprefix("grpc://").split("/")[0])
    service = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    ask = predict_pb2.PredictRequest(output_filter=["bar"])
    ask.model_spec.name, ask.model_spec.signature_name = "picture", "classify"
    ask.inputs["images"].CopyFrom(tf.make_tensor_proto(sky(2)))
    answer = service.Predict(ask)
    assert list(answer.outputs) == ["bar"] and len(tf.make_ndarray(answer.outputs["bar"])) == 2
    ask = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    ask.model_spec.name = "picture"
    found = get_model_metadata_pb2.SignatureDefMap()
    service.GetModelMetadata(ask).metadata["signature_def"].Unpack(found)
    assert [dim.size for dim in found.signature_def["encode"].inputs["images"].tensor_shape.dim] == [-1, SIDE, SIDE, 3]
    ask = get_model_status_pb2.GetModelStatusRequest()
    ask.model_spec.name = "picture"
    assert model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(ask).model_version_status[0].version == 1
