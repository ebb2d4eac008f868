"""Requests that cannot be scored: each is refused with a code and a message that says what is taken."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import grpc
import numpy as np
import pytest
from PIL import Image

from clients.wire.tensorflow_serving import (
    DT_FLOAT,
    PredictRequest,
    TensorProto,
    array_from_tensor,
    tensor_from_array,
    tensor_from_bytes,
    texts_from_tensor,
)
from localcloud.scoring.host import Deployment, ScoringHost
from localcloud.scoring.pipeline import load_package
from tests.support.localcloud.scoring_parts import (
    ESPRESSO,
    PHOTO,
    channel,
    device,
    free_endpoint,
    package,
    predict,
)


@pytest.fixture(scope="module")
def opened() -> Iterator[grpc.Channel]:
    """A channel to a service with the real model, without SSL."""
    host, endpoint = ScoringHost(), free_endpoint()
    host.deploy(Deployment("service", *endpoint, load_package(package(), device()), None, "a", "b"))
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
