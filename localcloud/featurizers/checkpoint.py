"""Reads a PyTorch checkpoint of weights into numpy arrays, without torch.

The format is torch's first one (`torch.save` before 1.6): four pickles (a magic number, the protocol version,
facts about the machine, the state dictionary), a fifth with the keys of the storages, and then for each
storage its element count (int64) and its elements, little-endian.
Source: torch/serialization.py, `_legacy_save`.

A pickle can call anything, so that only the names that weights need are let through.
"""

from __future__ import annotations

import math
import pickle
import struct
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_STORAGE_TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class CheckpointError(ValueError):
    """A file that is no checkpoint that can be read here. The message says what was found."""


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: np.dtype[Any]
    count: int


@dataclass(frozen=True)
class _Tensor:
    """A tensor's place: its storage, and where in it its elements are; sizes and strides are in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild_tensor_v2(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_unused: object
) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


class _WeightsUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor_v2
        if module == "torch" and name in _STORAGE_TYPES:
            return _STORAGE_TYPES[name]
        raise CheckpointError(f"The checkpoint names {module}.{name}, which is nothing that weights need.")

    def persistent_load(self, pid: tuple[Any, ...]) -> _Storage:
        kind, dtype, key, _device, count, view = pid
        if kind != "storage" or view is not None:
            raise CheckpointError(f"The checkpoint refers to a {kind} that cannot be read.")
        return _Storage(key, dtype, count)


def read_checkpoint(path: Path) -> Mapping[str, npt.NDArray[Any]]:
    """The tensors of a checkpoint by name, in the order in which they are stored, row-major.

    Raises:
        CheckpointError: the file is of another format, names what weights do not need, or ends early.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        try:
            magic, protocol, _machine = (_WeightsUnpickler(file).load() for _ in range(3))
            if magic != _MAGIC or protocol != _PROTOCOL:
                raise CheckpointError(f"{path.name} is not a PyTorch checkpoint of protocol {_PROTOCOL}.")
            state = _WeightsUnpickler(file).load()
            keys = _WeightsUnpickler(file).load()
        except (pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError) as error:
            if isinstance(error, CheckpointError):
                raise
            raise CheckpointError(f"{path.name} is not a PyTorch checkpoint: {error}") from error
        tensors = {name: value for name, value in state.items() if isinstance(value, _Tensor)}
        storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
        if set(keys) != set(storages):
            raise CheckpointError(f"{path.name} lists other storages than its tensors are in.")
        data = {key: _read_storage(file, storages[key]) for key in keys}
    return {name: _view(tensor, data[tensor.storage.key]) for name, tensor in tensors.items()}


def _read_storage(file: IO[bytes], storage: _Storage) -> npt.NDArray[Any]:
    header = file.read(8)
    size = storage.count * storage.dtype.itemsize
    if len(header) != 8 or struct.unpack("<q", header) != (storage.count,):
        raise CheckpointError(f"Storage {storage.key} does not begin with its count of {storage.count}.")
    content = file.read(size)
    if len(content) != size:
        raise CheckpointError(f"The checkpoint ends inside storage {storage.key}.")
    return np.frombuffer(content, dtype=storage.dtype)


def _view(tensor: _Tensor, data: npt.NDArray[Any]) -> npt.NDArray[Any]:
    last = tensor.offset + sum((n - 1) * step for n, step in zip(tensor.shape, tensor.strides, strict=True))
    if math.prod(tensor.shape) and not 0 <= last < len(data):
        raise CheckpointError(
            f"A tensor of shape {tensor.shape} reaches beyond storage {tensor.storage.key}."
        )
    strided = np.lib.stride_tricks.as_strided(
        data[tensor.offset :],
        tensor.shape,
        tuple(step * data.itemsize for step in tensor.strides),
        writeable=False,
    )
    return np.ascontiguousarray(strided).reshape(tensor.shape)
