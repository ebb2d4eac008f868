"""The checkpoint reader against checkpoints written by hand, as torch did before 1.6."""

from __future__ import annotations

import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from localcloud.featurizers.checkpoint import CheckpointError, read_checkpoint

MAGIC = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2)


def _global(module: str, name: str) -> bytes:
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def _text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def _integer(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def _tuple(*values: bytes) -> bytes:
    return b"(" + b"".join(values) + b"t"


def _tensor(kind: str, key: str, count: int, offset: int, shape: list[int], strides: list[int]) -> bytes:
    storage = _tuple(
        _text("storage"), _global("torch", kind), _text(key), _text("cpu"), _integer(count), b"N"
    )
    return (
        _global("torch._utils", "_rebuild_tensor_v2")
        + _tuple(
            storage + b"Q",
            _integer(offset),
            _tuple(*map(_integer, shape)),
            _tuple(*map(_integer, strides)),
            b"\x89",
            _global("collections", "OrderedDict") + b")R",
        )
        + b"R"
    )


def _state(**tensors: bytes) -> bytes:
    items = b"".join(_text(name) + value for name, value in tensors.items())
    return b"\x80\x02" + _global("collections", "OrderedDict") + b")R(" + items + b"u."


def _storage(values: Any, dtype: str) -> bytes:
    array = np.array(values, dtype=dtype)
    return struct.pack("<q", array.size) + array.tobytes()


def _read(tmp_path: Path, content: bytes) -> dict[str, Any]:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    return dict(read_checkpoint(path))


def test_tensors_come_out_by_name_and_row_major(tmp_path: Path) -> None:
    state = _state(
        straight=_tensor("FloatStorage", "7", 6, 0, [2, 3], [3, 1]),
        turned=_tensor("FloatStorage", "7", 6, 0, [3, 2], [1, 3]),
        later=_tensor("FloatStorage", "7", 6, 4, [2], [1]),
        count=_tensor("LongStorage", "3", 1, 0, [], []),
    )
    content = MAGIC + state + pickle.dumps(["3", "7"], 2) + _storage([42], "<i8") + _storage(range(6), "<f4")
    tensors = _read(tmp_path, content)
    assert list(tensors) == ["straight", "turned", "later", "count"]
    assert tensors["straight"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert tensors["turned"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert tensors["turned"].flags.c_contiguous
    assert tensors["later"].tolist() == [4, 5]
    assert tensors["count"].shape == ()
    assert tensors["count"] == 42


class _Harmful:
    def __reduce__(self) -> Any:
        return os.system, ("touch harmed",)


FLOATS = _state(a=_tensor("FloatStorage", "1", 2, 0, [2], [1]))
KEYS = pickle.dumps(["1"], 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a PyTorch checkpoint"),
        (b"PK\x03\x04 a newer checkpoint is a zip", "is not a PyTorch checkpoint"),
        (pickle.dumps(1, 2) * 3 + FLOATS + KEYS, "is not a PyTorch checkpoint of protocol 1001"),
        (MAGIC + pickle.dumps(_Harmful(), 2), "names (posix|nt).system, which is nothing that weights need"),
        (
            MAGIC + _state(a=_tensor("HalfStorage", "1", 2, 0, [2], [1])) + KEYS,
            "names torch.HalfStorage, which is nothing that weights need",
        ),
        (MAGIC + FLOATS + KEYS + _storage([1, 2, 3], "<f4"), "does not begin with its count of 2"),
        (MAGIC + FLOATS + KEYS + _storage([1, 2], "<f4")[:-1], "ends inside storage 1"),
        (
            MAGIC + _state(a=_tensor("FloatStorage", "1", 2, 0, [3], [1])) + KEYS + _storage([1, 2], "<f4"),
            r"A tensor of shape \(3,\) reaches beyond storage 1",
        ),
        (
            MAGIC + _state(a=_tensor("FloatStorage", "1", 2, 0, [2], [-1])) + KEYS + _storage([1, 2], "<f4"),
            "reaches beyond storage 1",
        ),
        (MAGIC + FLOATS + pickle.dumps(["2"], 2), "lists other storages than its tensors are in"),
    ],
)
def test_what_is_no_checkpoint_of_weights_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=message):
        _read(tmp_path, content)
    assert not (tmp_path / "harmed").exists()
