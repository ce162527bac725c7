"""A served model over REST or gRPC: one question, its answer, and errors that say what to do."""

__all__ = ["Server", "connect"]

import base64
import re
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from galkeras.io.errors import GalkerasError, missing_extra

_REST = re.compile(r"(?P<root>https?://[^/]+)/v1/models/(?P<name>[^/:]+)(/versions/(?P<version>\d+))?")
_GRPC = re.compile(r"grpc://(?P<root>[^/]+)/(?P<name>[^/:]+)(/versions/(?P<version>\d+))?")

# Seconds: between tries, doubling, and for one answer.
_FIRST_PAUSE, _LONGEST_PAUSE, _TIMEOUT = 0.2, 5.0, 120.0


def connect(url: str, patience: float = 30.0) -> "Server":
    """Return the served model at ``url``; nothing is sent yet.

    Args:
        url: ``http://HOST:8501/v1/models/NAME`` or ``grpc://HOST:8500/NAME``, with ``/versions/N`` behind it for
            another version than the latest.
        patience: Seconds for which to try again where the server is down, starting or overloaded.

    Raises:
        GalkerasError: The URL is of neither form, or gRPC's packages are not installed.
    """
    for pattern, kind in ((_REST, _RestServer), (_GRPC, _GrpcServer)):
        if match := pattern.fullmatch(url.rstrip("/")):
            version = match["version"] and int(match["version"])
            return kind(match["root"], match["name"], version, patience)
    raise GalkerasError(
        f"the URL of a model must be http://HOST:8501/v1/models/NAME or grpc://HOST:8500/NAME. Received: {url}"
    )


class _Busy(Exception):
    """Trouble that may pass."""


class Server(ABC):
    """A served model.

    Attributes:
        root: Where the server is.
        name: The model's name.
        version: Its version, None for the latest.
        patience: Seconds for which to try again.
    """

    def __init__(self, root: str, name: str, version: int | None, patience: float) -> None:
        self.root, self.name, self.version, self.patience = root, name, version, patience
        self._closed = threading.Event()

    def close(self) -> None:
        """End the waiting of all threads that ask."""
        self._closed.set()

    def ask(self, signature: str, source: str, rows: Sequence[bytes]) -> dict[str, np.ndarray]:
        """Return the outputs of a signature by name, for the rows of its one input, ``source``.

        Safe to call from several threads.

        Raises:
            GalkerasError: No server answers, it has no such model or signature, or it refuses the rows.
        """
        return self._patiently(lambda: self._ask(signature, source, rows))

    @abstractmethod
    def _ask(self, signature: str, source: str, rows: Sequence[bytes]) -> dict[str, np.ndarray]: ...

    def _patiently(self, attempt: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        until, pause = time.monotonic() + self.patience, _FIRST_PAUSE
        while True:
            try:
                return attempt()
            except _Busy as error:
                if time.monotonic() + pause > until:
                    raise GalkerasError(
                        f"no answer from {self.root} in {self.patience:g} s ({error}): is the server running?"
                        f" bash scripts/serve.sh saved_models/{self.name} starts one"
                    ) from None
            if self._closed.wait(pause):
                raise GalkerasError(f"given up on {self.root}")
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _missing(self, reason: str) -> GalkerasError:
        what = self.name if self.version is None else f"{self.name} version {self.version}"
        return GalkerasError(f"the server {self.root} has no model {what}: {reason}")

    def _refused(self, reason: str) -> GalkerasError:
        return GalkerasError(f"model {self.name} on {self.root} refused the request: {reason}")


class _RestServer(Server):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        import requests

        self._requests = requests
        self._session = requests.Session()

    def _ask(self, signature: str, source: str, rows: Sequence[bytes]) -> dict[str, np.ndarray]:
        version = "" if self.version is None else f"/versions/{self.version}"
        body = {
            "signature_name": signature,
            "inputs": {source: [{"b64": base64.b64encode(row).decode()} for row in rows]},
        }
        try:
            response = self._session.post(
                f"{self.root}/v1/models/{self.name}{version}:predict", json=body, timeout=_TIMEOUT
            )
        except (self._requests.ConnectionError, self._requests.Timeout) as error:
            raise _Busy(_innermost(error)) from None
        except self._requests.RequestException as error:
            raise GalkerasError(f"{self.root} cannot be asked: {_first_line(str(error))}") from None
        try:
            answer = response.json()
        except ValueError:
            answer = None
        reason = _first_line(str(answer.get("error", ""))) if isinstance(answer, dict) else response.reason
        if response.status_code in (429, 502, 503, 504):
            raise _Busy(reason)
        if not isinstance(answer, dict):
            raise GalkerasError(f"{self.root} is no TensorFlow Serving: it answered {response.status_code} {reason}")
        if response.status_code == 404:
            raise self._missing(reason)
        if response.status_code != 200 or "outputs" not in answer:
            raise self._refused(reason or f"status {response.status_code}")
        outputs = answer["outputs"]
        # A lone output comes without its name.
        named = outputs if isinstance(outputs, dict) else {"": outputs}
        return {name: _array(values) for name, values in named.items()}


class _GrpcServer(Server):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        from galkeras.backend import tf

        try:
            import grpc
            from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
        except ImportError:
            raise missing_extra("tensorflow-serving-api", "serving") from None
        self._tf, self._grpc, self._predict = tf, grpc, predict_pb2
        unlimited = [(f"grpc.max_{way}_message_length", -1) for way in ("send", "receive")]
        channel = grpc.insecure_channel(self.root, options=unlimited)
        self._service = prediction_service_pb2_grpc.PredictionServiceStub(channel)

    def _ask(self, signature: str, source: str, rows: Sequence[bytes]) -> dict[str, np.ndarray]:
        message = self._predict.PredictRequest()
        message.model_spec.name = self.name
        message.model_spec.signature_name = signature
        if self.version is not None:
            message.model_spec.version.value = self.version
        message.inputs[source].CopyFrom(self._tf.make_tensor_proto(list(rows), self._tf.string))
        try:
            answer = self._service.Predict(message, timeout=_TIMEOUT)
        except self._grpc.RpcError as error:
            code, reason = error.code().name, _first_line(error.details() or "")
            if code in ("UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"):
                raise _Busy(reason) from None
            if code == "NOT_FOUND":
                raise self._missing(reason) from None
            raise self._refused(reason or code) from None
        return {name: _array(self._tf.make_ndarray(tensor)) for name, tensor in answer.outputs.items()}


def _array(values: Any) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype == object:
        return np.array([value.decode() for value in array.ravel()]).reshape(array.shape)
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:300] if text.strip() else ""


def _innermost(error: BaseException) -> str:
    """Return the reason at the bottom of what requests and urllib3 wrap around it."""
    text = str(error).rsplit(": ", 1)[-1].strip("\"')(")
    return _first_line(text) or type(error).__name__
