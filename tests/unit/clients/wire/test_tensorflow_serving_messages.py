"""The messages against bytes put together by hand from TensorFlow's .proto files."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from google.protobuf import descriptor_pool

from clients.wire.messages import (
    DT_DOUBLE,
    DT_FLOAT,
    DT_INT32,
    DT_INT64,
    DT_STRING,
    DT_UINT8,
    PredictRequest,
    PredictResponse,
    TensorProto,
)
from clients.wire.tensorflow_serving import (
    METHOD,
    TensorError,
    array_from_tensor,
    data_type_name,
    tensor_from_array,
    tensor_from_bytes,
)


def _tag(field: int, wire_type: int) -> bytes:
    return bytes([field << 3 | wire_type])


def _block(field: int, payload: bytes) -> bytes:
    """A length-delimited field; lengths here stay under 128, so that a length is one byte."""
    assert len(payload) < 128
    return _tag(field, 2) + bytes([len(payload)]) + payload


def _dim(size: int) -> bytes:
    return _block(2, _tag(1, 0) + bytes([size]))


STRING_TENSOR = _tag(1, 0) + b"\x07" + _block(2, _dim(1)) + _block(8, b"jpeg")
FLOAT_TENSOR = _tag(1, 0) + b"\x01" + _block(2, _dim(1) + _dim(2)) + _block(4, struct.pack("<2f", 0.25, -1.5))


def test_the_method_is_the_one_that_clients_call() -> None:
    assert METHOD == "/tensorflow.serving.PredictionService/Predict"


def test_a_request_with_an_image_has_tensorflows_bytes() -> None:
    request = PredictRequest()
    request.model_spec.name = "m"
    request.model_spec.version.value = 5
    request.model_spec.signature_name = "s"
    request.inputs["images"].CopyFrom(tensor_from_bytes([b"jpeg"]))
    request.output_filter.append("output_alias")

    spec = _block(1, b"m") + _block(2, _tag(1, 0) + b"\x05") + _block(3, b"s")
    entry = _block(1, b"images") + _block(2, STRING_TENSOR)
    known = _block(1, spec) + _block(2, entry) + _block(3, b"output_alias")
    assert request.SerializeToString(deterministic=True) == known
    assert PredictRequest.FromString(known) == request


def test_a_response_with_scores_is_read_from_tensorflows_bytes() -> None:
    known = _block(1, _block(1, b"output_alias") + _block(2, FLOAT_TENSOR)) + _block(2, _block(4, b"stable"))
    response = PredictResponse.FromString(known)
    assert response.model_spec.version_label == "stable"
    assert response.model_spec.WhichOneof("version_choice") == "version_label"
    scores = array_from_tensor(response.outputs["output_alias"])
    assert scores.dtype == np.float32
    assert scores.tolist() == [[0.25, -1.5]]


def test_an_array_becomes_the_bytes_that_tensorflow_writes() -> None:
    tensor = tensor_from_array(np.array([[0.25, -1.5]], dtype=np.float32))
    assert tensor.SerializeToString(deterministic=True) == FLOAT_TENSOR


@pytest.mark.parametrize(
    ("dtype", "field", "packed", "values"),
    [
        (DT_FLOAT, 5, struct.pack("<2f", 1.5, 2.5), [1.5, 2.5]),
        (DT_DOUBLE, 6, struct.pack("<2d", 1.5, 2.5), [1.5, 2.5]),
        (DT_INT32, 7, b"\x03\x04", [3, 4]),
        (DT_UINT8, 7, b"\x03\x04", [3, 4]),
        (DT_INT64, 10, b"\x03\x04", [3, 4]),
    ],
)
def test_values_listed_in_the_field_of_their_type_are_read(
    dtype: int, field: int, packed: bytes, values: list[float]
) -> None:
    tensor = TensorProto.FromString(_tag(1, 0) + bytes([dtype]) + _block(2, _dim(2)) + _block(field, packed))
    assert array_from_tensor(tensor).tolist() == values


def test_the_last_listed_value_stands_for_those_that_are_missing() -> None:
    tensor = TensorProto.FromString(
        _tag(1, 0) + b"\x01" + _block(2, _dim(2) + _dim(2)) + _block(5, struct.pack("<2f", 1, 7))
    )
    assert array_from_tensor(tensor).tolist() == [[1, 7], [7, 7]]


@pytest.mark.parametrize("name", ["float32", "float64", "int32", "uint8", "int64"])
def test_arrays_come_back_as_they_went(name: str) -> None:
    array = np.arange(24, dtype=name).reshape(2, 3, 4)
    for sent in (array, array.T, array.astype(array.dtype.newbyteorder(">"))):
        back = array_from_tensor(TensorProto.FromString(tensor_from_array(sent).SerializeToString()))
        assert back.dtype == np.dtype(name)
        assert np.array_equal(back, sent)


def test_a_scalar_and_an_empty_array_keep_their_shape() -> None:
    assert array_from_tensor(tensor_from_array(np.array(3.0))).shape == ()
    assert array_from_tensor(tensor_from_array(np.zeros((0, 4), dtype=np.float32))).shape == (0, 4)


def _float_tensor(shape: list[int], content: bytes = b"", listed: tuple[float, ...] = ()) -> TensorProto:
    tensor = TensorProto(dtype=DT_FLOAT, tensor_content=content)
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    tensor.float_val.extend(listed)
    return tensor


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (_float_tensor([2], b"abc"), r"shape \[2\] takes 8 bytes of tensor_content; 3 came"),
        (_float_tensor([1], listed=(1.0, 2.0)), r"shape \[1\] takes 1 values; 2 came in float_val"),
        (_float_tensor([2]), r"shape \[2\] takes 2 values; 0 came in float_val"),
        (_float_tensor([-1]), "every size is known"),
        (_float_tensor([1 << 40], listed=(1.0,)), "1099511627776 values is too large"),
        (tensor_from_bytes([b"x"]), "DT_STRING is not an array of DT_FLOAT, DT_DOUBLE"),
        (TensorProto(dtype=99), "A tensor of 99 is not an array"),
    ],
)
def test_a_tensor_that_cannot_be_read_says_why(tensor: TensorProto, message: str) -> None:
    with pytest.raises(TensorError, match=message):
        array_from_tensor(tensor)


def test_an_array_that_cannot_be_sent_says_what_can() -> None:
    with pytest.raises(
        TensorError, match="An array of complex64 cannot be sent; convert it to one of float32"
    ):
        tensor_from_array(np.zeros(1, dtype=np.complex64))


def test_data_types_have_tensorflows_names() -> None:
    assert [data_type_name(number) for number in (DT_STRING, DT_FLOAT, 99)] == ["DT_STRING", "DT_FLOAT", "99"]


def test_the_names_stay_out_of_protobufs_default_pool() -> None:
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindMessageTypeByName("tensorflow.TensorProto")
