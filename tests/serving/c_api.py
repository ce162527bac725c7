"""A SavedModel run by TensorFlow's C API through ctypes: the loader that TF Serving links, and no Python of TensorFlow.

The shared libraries are those of the installed wheel. Neither this module nor what it calls imports tensorflow.
"""

__all__ = ["CSession", "TensorFlowError", "TensorInfo"]

import ctypes
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

_STRING = 7
_DTYPES = {1: np.float32, 2: np.float64, 3: np.int32, 4: np.uint8, 9: np.int64, 10: np.bool_}
_CODES = {np.dtype(dtype): code for code, dtype in _DTYPES.items()}
_TSTRING_BYTES = 24


class TensorFlowError(Exception):
    """What a TF_Status said."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class TensorInfo(NamedTuple):
    """An input or output of a signature: its tensor in the graph, its dtype and its shape (-1: free)."""

    tensor: str
    dtype: int
    shape: tuple[int, ...]


class _Output(ctypes.Structure):
    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


class _Buffer(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("length", ctypes.c_size_t), ("deallocator", ctypes.c_void_p)]


class _Library:
    """The functions we call, with their result types; every argument that is a pointer is passed as one."""

    _POINTERS = (
        *("TF_NewStatus", "TF_Message", "TF_NewBuffer", "TF_NewSessionOptions", "TF_NewGraph"),
        *("TF_LoadSessionFromSavedModel", "TF_GraphOperationByName", "TF_AllocateTensor", "TF_TensorData"),
        "TF_StringGetDataPointer",
    )
    _SIZES = ("TF_StringGetSize", "TF_TensorByteSize")

    def __init__(self) -> None:
        folder = Path(find_spec("tensorflow").submodule_search_locations[0])
        # Not RTLD_GLOBAL: TensorFlow's symbols would shadow those of other libraries.
        self._libraries = [
            ctypes.CDLL(str(folder / f"libtensorflow_{name}.so.2"), ctypes.RTLD_LOCAL) for name in ("framework", "cc")
        ]

    def __getattr__(self, name: str) -> Any:
        for library in self._libraries:
            try:
                function = getattr(library, name)
            except AttributeError:
                continue
            if name == "TF_Message":
                function.restype = ctypes.c_char_p
            elif name in self._POINTERS:
                function.restype = ctypes.c_void_p
            elif name in self._SIZES:
                function.restype = ctypes.c_size_t
            elif name == "TF_Dim":
                function.restype = ctypes.c_int64
            setattr(self, name, function)
            return function
        raise AttributeError(name)


_c = _Library()


class _Status:
    def __enter__(self) -> ctypes.c_void_p:
        self._pointer = ctypes.c_void_p(_c.TF_NewStatus())
        return self._pointer

    def __exit__(self, *_: object) -> None:
        code, message = _c.TF_GetCode(self._pointer), _c.TF_Message(self._pointer).decode(errors="replace")
        _c.TF_DeleteStatus(self._pointer)
        if code:
            raise TensorFlowError(code, message)


class CSession:
    """A SavedModel folder, loaded with the tag ``serve``.

    Attributes:
        signatures: By name, the inputs and the outputs, each by name.
    """

    def __init__(self, folder: str | Path) -> None:
        options, self._graph = ctypes.c_void_p(_c.TF_NewSessionOptions()), ctypes.c_void_p(_c.TF_NewGraph())
        tags = (ctypes.c_char_p * 1)(b"serve")
        meta = ctypes.cast(_c.TF_NewBuffer(), ctypes.POINTER(_Buffer))
        with _Status() as status:
            session = _c.TF_LoadSessionFromSavedModel(
                options, None, str(folder).encode(), tags, 1, self._graph, meta, status
            )
        self._session = ctypes.c_void_p(session)
        self.signatures = _signatures(ctypes.string_at(meta.contents.data, meta.contents.length))
        _c.TF_DeleteBuffer(meta)
        _c.TF_DeleteSessionOptions(options)

    def run(self, signature: str, **inputs: Any) -> dict[str, np.ndarray]:
        """Return the outputs of a signature, by name, for its inputs by name."""
        wanted_inputs, wanted_outputs = self.signatures[signature]
        feeds = [self._output(wanted_inputs[name].tensor) for name in inputs]
        fetches = [self._output(info.tensor) for info in wanted_outputs.values()]
        tensors = [_to_tensor(value, wanted_inputs[name].dtype) for name, value in inputs.items()]
        results = (ctypes.c_void_p * len(fetches))()
        try:
            with _Status() as status:
                _c.TF_SessionRun(
                    *(self._session, None),
                    *((_Output * len(feeds))(*feeds), (ctypes.c_void_p * len(tensors))(*tensors), len(feeds)),
                    *((_Output * len(fetches))(*fetches), results, len(fetches)),
                    *(None, 0, None, status),
                )
        finally:
            for tensor in tensors:
                _c.TF_DeleteTensor(ctypes.c_void_p(tensor))
        return {name: _to_numpy(result) for name, result in zip(wanted_outputs, results, strict=True)}

    def close(self) -> None:
        """Free the session and its graph."""
        with _Status() as status:
            _c.TF_DeleteSession(self._session, status)
        _c.TF_DeleteGraph(self._graph)

    def _output(self, tensor: str) -> _Output:
        name, _, index = tensor.partition(":")
        return _Output(_c.TF_GraphOperationByName(self._graph, name.encode()), int(index or 0))


def _to_tensor(value: Any, dtype: int) -> int:
    array = np.asarray(value, object if dtype == _STRING else None)
    if dtype != _STRING:
        # As they come: a wrong dtype is for TensorFlow to refuse.
        array = np.asarray(array, order="C")
        dtype = _CODES[array.dtype]
    size = array.size * _TSTRING_BYTES if dtype == _STRING else array.nbytes
    shape = (ctypes.c_int64 * array.ndim)(*array.shape)
    tensor = _c.TF_AllocateTensor(dtype, shape, array.ndim, ctypes.c_size_t(size))
    data = _c.TF_TensorData(ctypes.c_void_p(tensor))
    if dtype != _STRING:
        ctypes.memmove(data, array.ctypes.data, array.nbytes)
        return tensor
    for index, text in enumerate(array.ravel()):
        place = ctypes.c_void_p(data + index * _TSTRING_BYTES)
        _c.TF_StringInit(place)
        _c.TF_StringCopy(place, text, ctypes.c_size_t(len(text)))
    return tensor


def _to_numpy(pointer: int) -> np.ndarray:
    tensor = ctypes.c_void_p(pointer)
    shape = tuple(_c.TF_Dim(tensor, axis) for axis in range(_c.TF_NumDims(tensor)))
    data, dtype = _c.TF_TensorData(tensor), _c.TF_TensorType(tensor)
    if dtype == _STRING:
        places = [ctypes.c_void_p(data + i * _TSTRING_BYTES) for i in range(int(np.prod(shape)))]
        texts = [ctypes.string_at(_c.TF_StringGetDataPointer(p), _c.TF_StringGetSize(p)) for p in places]
        array = np.array(texts, object).reshape(shape)
    else:
        array = np.frombuffer(ctypes.string_at(data, _c.TF_TensorByteSize(tensor)), _DTYPES[dtype]).reshape(shape)
    _c.TF_DeleteTensor(tensor)
    return array


# The few fields of a MetaGraphDef that we need, read from the wire: TensorFlow's own classes would import it.


def _signatures(meta_graph: bytes) -> dict[str, tuple[dict[str, TensorInfo], dict[str, TensorInfo]]]:
    found = {}
    for entry in _all(meta_graph, 5):
        signature = _one(entry, 2)
        sides = (
            {_one(side, 1).decode(): _tensor_info(_one(side, 2)) for side in _all(signature, number)}
            for number in (1, 2)
        )
        found[_one(entry, 1).decode()] = tuple(sides)
    return found


def _tensor_info(data: bytes) -> TensorInfo:
    sizes = (_one(dim, 1, 0) for dim in _all(_one(data, 3, b""), 2))
    shape = tuple(size - 2**64 if size >= 2**63 else size for size in sizes)
    return TensorInfo(_one(data, 1).decode(), _one(data, 2, 0), shape)


def _all(message: bytes, number: int) -> list[Any]:
    return [value for field, value in _fields(message) if field == number]


def _one(message: bytes, number: int, default: Any = None) -> Any:
    return next(iter(_all(message, number)), default)


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    position = 0

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = message[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while position < len(message):
        key = varint()
        kind = key & 7
        if kind == 0:
            yield key >> 3, varint()
            continue
        length = {1: 8, 5: 4}.get(kind) or varint()
        yield key >> 3, message[position : position + length]
        position += length
