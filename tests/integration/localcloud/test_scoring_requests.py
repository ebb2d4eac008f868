"""Requests that cannot be scored: each is refused with a code and a message that says what is taken."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import grpc
import numpy as np
import pytest
from PIL import Image

from clients.wire.messages import (
    DT_COMPLEX64,
    DT_DOUBLE,
    DT_FLOAT,
    DT_INT32,
    PredictRequest,
    TensorProto,
)
from clients.wire.tensorflow_serving import (
    array_from_tensor,
    tensor_from_array,
    tensor_from_bytes,
    texts_from_tensor,
)
from localcloud.scoring.host import Deployment, ScoringHost
from localcloud.scoring.pipeline import load_package
from tests.support.localcloud.scoring_parts import (
    ESPRESSO,
    MODEL,
    PHOTO,
    channel,
    device,
    free_endpoint,
    package,
    predict,
)

# tensorflow.DataType, beyond what is known here
DT_BFLOAT16, DT_HALF = 14, 19


@pytest.fixture(scope="module")
def opened() -> Iterator[grpc.Channel]:
    """A channel to a service with the real model, without SSL."""
    host, endpoint = ScoringHost(), free_endpoint()
    host.deploy(Deployment("service", *endpoint, load_package(package(), device()), None, "a", "b", MODEL))
    with channel(endpoint) as one:
        yield one
    host.stop()


def _request(tensor: TensorProto, name: str = "images") -> PredictRequest:
    request = PredictRequest()
    request.inputs[name].CopyFrom(tensor)
    return request


def _file(content: bytes) -> PredictRequest:
    return _request(tensor_from_bytes([content]))


def _with_labels(*outputs: str) -> PredictRequest:
    request = _file(PHOTO.read_bytes())
    request.output_filter.extend(outputs)
    return request


def test_labels_come_with_the_answer_to_who_asks_for_them(opened: grpc.Channel) -> None:
    answer = predict(opened, _with_labels("output_alias", "labels"))
    assert sorted(answer.outputs) == ["labels", "output_alias"]
    labels = texts_from_tensor(answer.outputs["labels"])
    assert len(labels) == 1000
    assert labels[array_from_tensor(answer.outputs["output_alias"]).argmax()] == "espresso"


def test_who_does_not_ask_gets_the_scores_alone(opened: grpc.Channel) -> None:
    for request in (_with_labels(), _with_labels("output_alias")):
        assert sorted(predict(opened, request).outputs) == ["output_alias"]


def _picture(mode: str, size: tuple[int, int], form: str) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, form)
    return buffer.getvalue()


def _zeros(*shape: int, dtype: str = "float32") -> PredictRequest:
    return _request(tensor_from_array(np.zeros(shape, dtype=dtype)))


def _with_one(value: float) -> PredictRequest:
    pixels = np.zeros((1, 224, 224, 3), dtype=np.float32)
    pixels[0, 0, 0, 0] = value
    return _request(tensor_from_array(pixels))


def _short_content() -> PredictRequest:
    tensor = tensor_from_array(np.zeros((1, 224, 224, 3), dtype=np.float32))
    tensor.tensor_content = tensor.tensor_content[:-1]
    return _request(tensor)


def _claimed(*shape: int) -> PredictRequest:
    """A few bytes that claim to be an array of any size."""
    tensor = TensorProto(dtype=DT_FLOAT)
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    tensor.float_val.append(1.0)
    return _request(tensor)


def _listed(dtype: int, field: str, value: float) -> PredictRequest:
    """An array of one number, which stands for all of them."""
    tensor = TensorProto(dtype=dtype)
    for size in (1, 224, 224, 3):
        tensor.tensor_shape.dim.add(size=size)
    getattr(tensor, field).append(value)
    return _request(tensor)


def _of_type(number: int, value: float, numpy_type: str) -> PredictRequest:
    """An array as bytes, of any of TensorFlow's data types."""
    pixels = np.full((1, 224, 224, 3), value, dtype=numpy_type)
    tensor = TensorProto(dtype=number, tensor_content=pixels.tobytes())
    for size in pixels.shape:
        tensor.tensor_shape.dim.add(size=size)
    return _request(tensor)


def _named(name: str) -> PredictRequest:
    return _request(tensor_from_bytes([b""]), name)


def _many_sizes() -> bytes:
    tensor = TensorProto(dtype=DT_FLOAT)
    for _ in range(2000):
        tensor.tensor_shape.dim.add()
    return _request(tensor).SerializeToString()


def _other_output() -> PredictRequest:
    request = _file(PHOTO.read_bytes())
    request.output_filter.append("probabilities")
    return request


def _two_inputs() -> PredictRequest:
    request = _file(PHOTO.read_bytes())
    request.inputs["mask"].CopyFrom(tensor_from_bytes([b""]))
    return request


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: b"\xff\xff", "is no tensorflow.serving.PredictRequest"),
        (PredictRequest, "takes one input, 'images'; the request has: none"),
        (
            lambda: _request(tensor_from_bytes([b""]), "image"),
            "takes one input, 'images'; the request has: image",
        ),
        (_two_inputs, "takes one input, 'images'; the request has: images, mask"),
        (_other_output, "gives one output, 'output_alias'; output_filter asks for: probabilities"),
        (lambda: _file(b"not an image"), "cannot be read as JPEG, PNG, GIF, BMP, WEBP: 12 bytes came"),
        (lambda: _file(b""), "cannot be read as JPEG, PNG, GIF, BMP, WEBP: 0 bytes came"),
        (
            lambda: _file(PHOTO.read_bytes()[:20_000]),
            "cannot be read as .*20000 bytes came; image file is truncated",
        ),
        (
            lambda: _file(_picture("1", (8000, 8000), "PNG")),
            "has 8000 x 8000 pixels; at most 50000000 are taken",
        ),
        (
            lambda: _file(_picture("I;16", (300, 300), "PNG")),
            "pixels of mode I;16; save it with 8 bits a channel",
        ),
        (lambda: _file(_picture("RGB", (300, 300), "TIFF")), "cannot be read as JPEG, PNG, GIF, BMP, WEBP"),
        (lambda: _request(tensor_from_bytes([b"a", b"b"])), "images holds 2 files; send one a call"),
        (
            lambda: _zeros(1, 224, 224, 3, dtype="uint8"),
            r"of type DT_UINT8; this service takes DT_STRING \[1\]",
        ),
        (lambda: _with_one(np.nan), "images has 1 values that are NaN or infinite; pixels are numbers"),
        (lambda: _with_one(-np.inf), "images has 1 values that are NaN or infinite; pixels are numbers"),
        (
            lambda: _zeros(1, 3, 224, 224),
            r"the shape \[1, 3, 224, 224\]; this service takes \[n, 224, 224, 3\]",
        ),
        (lambda: _zeros(224, 224, 3), r"the shape \[224, 224, 3\]; this service takes \[n, 224, 224, 3\]"),
        (lambda: _zeros(0, 224, 224, 3), r"the shape \[0, 224, 224, 3\]; this service takes"),
        (_short_content, "takes 602112 bytes of tensor_content; 602111 came"),
        (lambda: _claimed(1 << 30, 224, 224, 3), "values is too large; at most 16777216 are taken"),
        (lambda: _listed(DT_FLOAT, "float_val", np.nan), "images has 150528 values that are NaN or infinite"),
        (lambda: _listed(DT_FLOAT, "float_val", np.inf), "images has 150528 values that are NaN or infinite"),
        (lambda: _listed(DT_DOUBLE, "double_val", np.nan), r"DT_DOUBLE; this service takes DT_STRING \[1\]"),
        (lambda: _of_type(DT_DOUBLE, np.inf, "float64"), r"DT_DOUBLE; this service takes DT_STRING \[1\]"),
        (lambda: _of_type(DT_HALF, np.nan, "float16"), r"of type 19; this service takes DT_STRING \[1\]"),
        (lambda: _of_type(DT_BFLOAT16, 0x7FC0, "uint16"), r"of type 14; this service takes DT_STRING \[1\]"),
        (lambda: _of_type(DT_COMPLEX64, np.inf, "complex64"), "of type DT_COMPLEX64; this service takes"),
        (lambda: b"\x12\x00" * (4 << 20), "The message has more than 1000 parts; send one image a call"),
        (_many_sizes, "The message has more than 1000 parts; send one image a call"),
        (
            lambda: _listed(DT_INT32, "int_val", 1).SerializeToString() + b"\x38\x01" * 500_000,
            "The message lists more than 400000 numbers one by one; send them in tensor_content",
        ),
        (lambda: b"\x13\x14", "is no tensorflow.serving.PredictRequest: its fields break off"),
        (lambda: _named("x" * 100_000), "takes one input, 'images'; the request has: x{1900}"),
        (
            lambda: _named("\N{WHITE SMILING FACE}" * 4000),
            "takes one input, 'images'; the request has: \u263a{600}",
        ),
    ],
)
def test_what_cannot_be_scored_is_refused_in_words(
    opened: grpc.Channel, make: Callable[[], PredictRequest | bytes], message: str
) -> None:
    with pytest.raises(grpc.RpcError, match=message) as refused:
        predict(opened, make())
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_another_method_is_unimplemented(opened: grpc.Channel) -> None:
    classify = opened.unary_unary("/tensorflow.serving.PredictionService/Classify", bytes, bytes)
    with pytest.raises(grpc.RpcError, match="Method not found") as refused:
        classify(b"", timeout=10)
    assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_an_image_may_be_larger_than_grpcs_own_limit(opened: grpc.Channel) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (2000, 1500)).save(buffer, "PNG", compress_level=0)
    assert len(buffer.getvalue()) > 8 * 1024 * 1024
    result = array_from_tensor(predict(opened, _file(buffer.getvalue())).outputs["output_alias"])
    assert result.shape == (1, 1000)


def test_more_than_64_mib_are_refused(opened: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError, match="larger than max") as refused:
        predict(opened, _file(bytes(64 * 1024 * 1024)))
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("form", ["PNG", "GIF", "BMP", "WEBP"])
def test_the_photo_is_known_in_every_format(opened: grpc.Channel, form: str) -> None:
    buffer = io.BytesIO()
    with Image.open(PHOTO) as photo:
        photo.save(buffer, form)
    result = array_from_tensor(predict(opened, _file(buffer.getvalue())).outputs["output_alias"])
    assert result.argmax() == ESPRESSO
