"""Requests of scoring: PredictRequest messages, and the image files in them."""

from __future__ import annotations

import functools
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from clients.wire.messages import DT_FLOAT, PredictRequest, PredictResponse, TensorProto
from clients.wire.tensorflow_serving import (
    OUTPUT,
    TensorError,
    array_from_tensor,
    tensor_from_array,
    tensor_from_bytes,
)
from localcloud.scoring.device import Device
from localcloud.scoring.errors import InputError
from localcloud.scoring.images import decode_image
from localcloud.scoring.pipeline import Pipeline, load_package
from tests.support.parsers.parser import Parser, require_sentence

_SIDE: Final = 4
_TRAILERS: Final = 4000
"""Characters of words that fit into a call's trailing metadata, of which clients take 8 KiB in all."""


def _check_request(message: bytes) -> None:
    """What is scored gives a row of numbers for each image; what is refused, a sentence."""
    try:
        response = _pipeline().answer(message, None)
    except InputError as error:
        require_sentence(str(error), _TRAILERS)
        return
    answer = PredictResponse.FromString(response).outputs[OUTPUT]
    scores = array_from_tensor(answer)
    assert scores.ndim == 2
    assert scores.shape[1] == 3
    sent = PredictRequest.FromString(message).inputs["images"]
    assert len(scores) == (sent.tensor_shape.dim[0].size if sent.dtype == DT_FLOAT else 1)


def _check_tensor(message: bytes) -> None:
    """A client reads the tensor of any server's answer, or refuses it."""
    try:
        tensor = TensorProto.FromString(message)
    except Exception:  # protobuf's own refusal
        return
    try:
        values = array_from_tensor(tensor)
    except TensorError as error:
        require_sentence(str(error))
        return
    assert array_from_tensor(tensor_from_array(values)).tobytes() == values.tobytes()


def _check_image(content: bytes) -> None:
    """An image that is read has pixels from 0 to 255."""
    import numpy as np

    try:
        pixels = decode_image(content, 224, 160)
    except InputError as error:
        require_sentence(str(error), _TRAILERS)
        return
    assert pixels.shape == (1, 224, 160, 3)
    assert pixels.dtype == np.float32
    assert pixels.min() >= 0
    assert pixels.max() <= 255


@functools.cache
def _pipeline() -> Pipeline:
    """The mean of each colour."""
    from tests.support.localcloud.scoring_parts import tiny_model

    stage = {"type": "onnx", "model_path": "m.onnx", "input_tensor": "x", "output_tensor": "y"}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("service_def.json", json.dumps({"aml_runtime_version": "1.1", "pipeline": [stage]}))
        archive.writestr(
            "m.onnx", tiny_model("ReduceMean", ["n", _SIDE, _SIDE, 3], ["n", 3], axes=[1, 2], keepdims=0)
        )
    return load_package(buffer.getvalue(), Device(Path(__file__).parent))


def _requests() -> Iterator[bytes]:
    for tensor in _tensors():
        request = PredictRequest()
        request.inputs["images"].CopyFrom(tensor)
        yield request.SerializeToString()
    request = PredictRequest()
    request.inputs["images"].CopyFrom(tensor_from_bytes([next(_images())]))
    request.model_spec.name = "model"
    request.model_spec.version.value = 1
    request.output_filter.extend([OUTPUT, "labels"])
    yield request.SerializeToString()
    request.inputs["other"].CopyFrom(tensor_from_bytes([b"", b"x"]))
    yield request.SerializeToString()
    yield b""


def _tensors() -> Iterator[TensorProto]:
    import numpy as np

    for kind in ("float32", "float64", "int32", "uint8", "int64"):
        for images in (0, 1, 2):
            yield tensor_from_array(np.ones((images, _SIDE, _SIDE, 3), dtype=kind))
    for value in (float("nan"), float("inf"), 1e38, -0.0):
        yield tensor_from_array(np.full((1, _SIDE, _SIDE, 3), value, dtype=np.float32))
        listed = TensorProto(dtype=DT_FLOAT)
        for size in (1, _SIDE, _SIDE, 3):
            listed.tensor_shape.dim.add(size=size)
        listed.float_val.append(value)
        yield listed
    yield tensor_from_bytes([next(_images())])
    yield tensor_from_bytes([])
    claimed = TensorProto(dtype=DT_FLOAT)
    for size in (2**62, -1, 2**31, 1):
        claimed.tensor_shape.dim.add(size=size)
    claimed.float_val.append(1.0)
    yield claimed
    claimed.tensor_shape.unknown_rank = True
    yield claimed
    for sizes in ((2**62, 0), (0,) + (2**31,) * 3, (1,) * 100):
        odd = TensorProto(dtype=DT_FLOAT)
        for size in sizes:
            odd.tensor_shape.dim.add(size=size)
        if 0 not in sizes:
            odd.float_val.append(1.0)
        yield odd


def _images() -> Iterator[bytes]:
    from PIL import Image

    for mode in ("RGB", "L", "P", "RGBA", "1", "CMYK"):
        for form in ("JPEG", "PNG", "GIF", "BMP", "WEBP"):
            buffer = io.BytesIO()
            options = {"exif": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"}
            try:
                Image.new(mode, (24, 16), 1).save(buffer, form, **({} if form in ("GIF", "BMP") else options))
            except (OSError, ValueError):
                continue  # a format that has no such mode
            yield buffer.getvalue()
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "red").save(buffer, "JPEG", progressive=True)
    yield buffer.getvalue()
    frames = [Image.new("P", (8, 8), number) for number in range(3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], transparency=0)
    yield buffer.getvalue()
    yield b""
    yield b"<svg/>"


PARSERS: Final = (
    Parser(
        "predict-request",
        "a PredictRequest, as a service takes it",
        _check_request,
        _requests,
        lambda: (part * (2 << 20) for part in (b"\x12\x00", b"\x1a\x00", b"\x0a\x00")),
        size=4 << 20,
    ),
    Parser(
        "tensor",
        "a TensorProto, as a client takes it from an answer",
        _check_tensor,
        lambda: (tensor.SerializeToString() for tensor in _tensors()),
        size=4 << 20,
    ),
    Parser(
        "image",
        "an image file, as a service decodes it",
        _check_image,
        _images,
        limit_s=10.0,
        limit_bytes=1 << 30,
        size=1 << 20,
    ),
)
