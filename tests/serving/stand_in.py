"""A small server that speaks TensorFlow Serving's REST routes and gRPC services and runs a real SavedModel.

It stands in for the binary, which cannot be installed from a package index. Requests and answers are those of the
public protocol buffers of tensorflow-serving-api and of the documented REST interface; the model is run by
TensorFlow's C API, with the loader and the session that the binary links. By hand, from the folder tests/:

    python -m serving.stand_in ../saved_models/first [REST-PORT GRPC-PORT]
"""

__all__ = ["StandIn"]

import base64
import json
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from serving.c_api import CSession, TensorFlowError
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

_ROUTE = re.compile(r"/v1/models/(?P<name>[^/:]+)(/versions/(?P<version>\d+))?(?P<what>/metadata|:predict)?")
_GRPC_CODES = {400: grpc.StatusCode.INVALID_ARGUMENT, 404: grpc.StatusCode.NOT_FOUND, 503: grpc.StatusCode.UNAVAILABLE}


class _Refusal(Exception):
    """An HTTP status and the reason."""


class StandIn:
    """Serves the numbered SavedModels in ``folder`` under its name, on ports of the loopback interface (0: a free one).

    Attributes:
        failures: Statuses to answer the next Predict calls with instead.
        asked: What Predict was called with: version and signature.
    """

    def __init__(self, folder: Path, rest_port: int = 0, grpc_port: int = 0) -> None:
        self.name = folder.resolve().name
        self.failures: list[int] = []
        self.asked: list[tuple[int, str]] = []
        self._lock = threading.Lock()
        self._models = {int(path.name): CSession(path) for path in folder.iterdir() if path.name.isdecimal()}
        self._http = ThreadingHTTPServer(("127.0.0.1", rest_port), _handler(self))
        self._grpc = grpc.server(ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", -1)])
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_Prediction(self), self._grpc)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Model(self), self._grpc)
        self._grpc_port = self._grpc.add_insecure_port(f"127.0.0.1:{grpc_port}")
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)

    def __enter__(self) -> "StandIn":
        self._thread.start()
        self._grpc.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        self._grpc.stop(None).wait()
        for model in self._models.values():
            model.close()

    @property
    def rest(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/v1/models/{self.name}"

    @property
    def grpc(self) -> str:
        return f"grpc://127.0.0.1:{self._grpc_port}/{self.name}"

    def find(self, name: str, version: int | None) -> tuple[int, CSession]:
        wanted = max(self._models) if version is None else version
        if name != self.name or wanted not in self._models:
            which = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise _Refusal(404, f"Servable not found for request: {which}")
        return wanted, self._models[wanted]

    def predict(self, name: str, version: int | None, signature: str, inputs: dict[str, Any]):
        version, model = self.find(name, version)
        with self._lock:
            if self.failures:
                raise _Refusal(self.failures.pop(0), "the server is in trouble")
            self.asked.append((version, signature))
        signature = signature or "serving_default"
        if signature not in model.signatures:
            raise _Refusal(400, f'Serving signature key "{signature}" not found.')
        wanted = model.signatures[signature][0]
        if set(inputs) != set(wanted):
            raise _Refusal(400, f"input tensor alias not found in signature: {sorted(set(inputs) ^ set(wanted))}")
        try:
            return version, model.run(signature, **inputs)
        except TensorFlowError as error:
            raise _Refusal(400, str(error)) from None


# --- REST ---


def _handler(server: StandIn) -> type:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self._answer(lambda route, _: _rest_get(server, route))

        def do_POST(self) -> None:
            self._answer(lambda route, body: _rest_predict(server, route, body))

        def _answer(self, work) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                route = _ROUTE.fullmatch(self.path)
                if route is None:
                    raise _Refusal(404, f"Malformed request: {self.command} {self.path}")
                status, value = 200, work(route, body)
            except _Refusal as refusal:
                status, value = refusal.args[0], {"error": refusal.args[1]}
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler


def _version(route: re.Match) -> int | None:
    return route["version"] and int(route["version"])


def _rest_get(server: StandIn, route: re.Match) -> dict:
    version, model = server.find(route["name"], _version(route))
    if route["what"] is None:
        status = {"error_code": "OK", "error_message": ""}
        return {"model_version_status": [{"version": str(version), "state": "AVAILABLE", "status": status}]}
    if route["what"] != "/metadata":
        raise _Refusal(404, "Malformed request")

    def described(side: dict) -> dict:
        return {
            name: {
                "dtype": types_pb2.DataType.Name(info.dtype),
                "tensor_shape": {"dim": [{"size": str(size)} for size in info.shape]},
                "name": info.tensor,
            }
            for name, info in side.items()
        }

    signatures = {
        name: {"inputs": described(inputs), "outputs": described(outputs), "method_name": "tensorflow/serving/predict"}
        for name, (inputs, outputs) in model.signatures.items()
    }
    return {
        "model_spec": {"name": server.name, "signature_name": "", "version": str(version)},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }


def _rest_predict(server: StandIn, route: re.Match, body: bytes) -> dict:
    if route["what"] != ":predict":
        raise _Refusal(404, "Malformed request")
    try:
        value = json.loads(body)
        signature = value.get("signature_name", "")
    except (ValueError, AttributeError):
        raise _Refusal(400, "JSON Parse error") from None
    _, model = server.find(route["name"], _version(route))
    wanted = model.signatures.get(signature or "serving_default", ({}, {}))[0]
    by_row = "instances" in value
    if by_row == ("inputs" in value):
        raise _Refusal(400, "Missing 'inputs' or 'instances' key")
    given = value["instances"] if by_row else value["inputs"]
    if by_row and given and isinstance(given[0], dict) and "b64" not in given[0]:
        given = {name: [row[name] for row in given] for name in given[0]}
    elif not (isinstance(given, dict) and "b64" not in given):
        given = dict.fromkeys(wanted, given)
    inputs = {name: _from_json(values, wanted[name].dtype) for name, values in given.items() if name in wanted}
    unknown = {name: 0 for name in given if name not in wanted}
    _, outputs = server.predict(route["name"], _version(route), signature, inputs | unknown)
    lists = {name: _to_json(values) for name, values in outputs.items()}
    alone = len(lists) == 1
    if by_row:
        rows = [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
        return {"predictions": [next(iter(row.values())) for row in rows] if alone else rows}
    return {"outputs": next(iter(lists.values())) if alone else lists}


def _from_json(values: Any, dtype: int) -> np.ndarray:
    kind = tf.dtypes.as_dtype(dtype)

    def decoded(value: Any) -> Any:
        if isinstance(value, list):
            return [decoded(item) for item in value]
        return base64.b64decode(value["b64"]) if isinstance(value, dict) else str(value).encode()

    try:
        if kind == tf.string:
            return np.array(decoded(values), object)
        return np.array(values, kind.as_numpy_dtype)
    except (ValueError, TypeError, KeyError):
        raise _Refusal(400, f"JSON Value: not of type {kind.name}") from None


def _to_json(values: np.ndarray) -> list:
    if values.dtype == object:
        return [value.decode() for value in values]
    return values.tolist()


# --- gRPC ---


class _Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, server: StandIn) -> None:
        self._server = server

    def Predict(self, request, context):
        spec = request.model_spec
        version = spec.version.value if spec.HasField("version") else None
        inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        try:
            version, outputs = self._server.predict(spec.name, version, spec.signature_name, inputs)
        except _Refusal as refusal:
            context.abort(_GRPC_CODES[refusal.args[0]], refusal.args[1])
        answer = predict_pb2.PredictResponse()
        answer.model_spec.CopyFrom(spec)
        answer.model_spec.version.value = version
        for name in request.output_filter or outputs:
            answer.outputs[name].CopyFrom(tf.make_tensor_proto(outputs[name]))
        return answer

    def GetModelMetadata(self, request, context):
        answer = get_model_metadata_pb2.GetModelMetadataResponse()
        try:
            version, model = self._server.find(request.model_spec.name, None)
        except _Refusal as refusal:
            context.abort(_GRPC_CODES[refusal.args[0]], refusal.args[1])
        answer.model_spec.name, answer.model_spec.version.value = self._server.name, version
        found = get_model_metadata_pb2.SignatureDefMap()
        for name, sides in model.signatures.items():
            for side, infos in zip(("inputs", "outputs"), sides, strict=True):
                for key, info in infos.items():
                    tensor = getattr(found.signature_def[name], side)[key]
                    tensor.name, tensor.dtype = info.tensor, info.dtype
                    for size in info.shape:
                        tensor.tensor_shape.dim.add(size=size)
        answer.metadata["signature_def"].Pack(found)
        return answer


class _Model(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, server: StandIn) -> None:
        self._server = server

    def GetModelStatus(self, request, context):
        try:
            version, _ = self._server.find(request.model_spec.name, None)
        except _Refusal as refusal:
            context.abort(_GRPC_CODES[refusal.args[0]], refusal.args[1])
        answer = get_model_status_pb2.GetModelStatusResponse()
        answer.model_version_status.add(version=version, state=get_model_status_pb2.ModelVersionStatus.AVAILABLE)
        return answer


if __name__ == "__main__":
    with StandIn(Path(sys.argv[1]), *map(int, sys.argv[2:] or (8501, 8500))) as server:
        print(server.rest, server.grpc, flush=True)
        threading.Event().wait()
