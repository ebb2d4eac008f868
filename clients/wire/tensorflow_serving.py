"""TensorFlow Serving's `Predict` messages, without TensorFlow.

The message types are declared here by name and field number and registered in a descriptor pool of their
own, so that they live beside any other package that owns the names `tensorflow` or `tensorflow.serving`
in protobuf's default pool.

Source: tensorflow/core/framework/{types,tensor_shape,tensor}.proto and
tensorflow_serving/apis/{model,predict,prediction_service}.proto. Fields that are not declared here
(resource handles, variants) are carried along unread, as protobuf does with every unknown field.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2
from google.protobuf.message import Message

if TYPE_CHECKING:
    import numpy.typing as npt
    from google.protobuf.internal.containers import (
        MessageMap,
        RepeatedCompositeFieldContainer,
        RepeatedScalarFieldContainer,
    )

# One listed value may stand for many, so a short message could ask for any amount of memory.
_VALUES_LIMIT: Final = 16 * 1024 * 1024

SERVICE: Final = "tensorflow.serving.PredictionService"
METHOD: Final = f"/{SERVICE}/Predict"

INPUT: Final = "images"
OUTPUT: Final = "output_alias"
LABELS: Final = "labels"
"""Output with the names of the classes, DT_STRING [classes], for callers whose output_filter asks for it."""

# tensorflow.DataType, as far as tensors are made or read here.
DT_INVALID: Final = 0
DT_FLOAT: Final = 1
DT_DOUBLE: Final = 2
DT_INT32: Final = 3
DT_UINT8: Final = 4
DT_INT16: Final = 5
DT_INT8: Final = 6
DT_STRING: Final = 7
DT_COMPLEX64: Final = 8
DT_INT64: Final = 9
DT_BOOL: Final = 10

_DATA_TYPES: Final = {
    "DT_INVALID": DT_INVALID,
    "DT_FLOAT": DT_FLOAT,
    "DT_DOUBLE": DT_DOUBLE,
    "DT_INT32": DT_INT32,
    "DT_UINT8": DT_UINT8,
    "DT_INT16": DT_INT16,
    "DT_INT8": DT_INT8,
    "DT_STRING": DT_STRING,
    "DT_COMPLEX64": DT_COMPLEX64,
    "DT_INT64": DT_INT64,
    "DT_BOOL": DT_BOOL,
}

# Data type -> (numpy's name, the field that holds its values one by one).
_NUMERIC: Final = {
    DT_FLOAT: ("float32", "float_val"),
    DT_DOUBLE: ("float64", "double_val"),
    DT_INT32: ("int32", "int_val"),
    DT_UINT8: ("uint8", "int_val"),
    DT_INT64: ("int64", "int64_val"),
}

_Field = descriptor_pb2.FieldDescriptorProto


class TensorError(ValueError):
    """A tensor cannot be made from these values, or read as these values. The message says why."""


def data_type_name(dtype: int) -> str:
    """`DT_FLOAT` for 1; the bare number for a type that is not known here."""
    return next((name for name, number in _DATA_TYPES.items() if number == dtype), str(dtype))


def _field(
    message: descriptor_pb2.DescriptorProto,
    name: str,
    number: int,
    kind: _Field.Type.ValueType,
    *,
    repeated: bool = False,
    type_name: str = "",
    packed: bool = False,
) -> _Field:
    field = message.field.add(
        name=name,
        number=number,
        type=kind,
        label=_Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL,
    )
    if type_name:
        field.type_name = type_name
    if repeated and packed:
        field.options.packed = True
    return field


def _tensor_map(message: descriptor_pb2.DescriptorProto, name: str, number: int) -> None:
    """Declares `map<string, tensorflow.TensorProto> name = number` as protobuf's compiler does."""
    entry = message.nested_type.add(name=f"{name.capitalize()}Entry")
    entry.options.map_entry = True
    _field(entry, "key", 1, _Field.TYPE_STRING)
    _field(entry, "value", 2, _Field.TYPE_MESSAGE, type_name=".tensorflow.TensorProto")
    type_name = f".tensorflow.serving.{message.name}.{entry.name}"
    _field(message, name, number, _Field.TYPE_MESSAGE, repeated=True, type_name=type_name)


def _framework_file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="tensorflow/core/framework/tensor.proto", package="tensorflow", syntax="proto3"
    )
    data_type = file.enum_type.add(name="DataType")
    for name, value in _DATA_TYPES.items():
        data_type.value.add(name=name, number=value)

    shape = file.message_type.add(name="TensorShapeProto")
    dim = shape.nested_type.add(name="Dim")
    _field(dim, "size", 1, _Field.TYPE_INT64)
    _field(dim, "name", 2, _Field.TYPE_STRING)
    _field(shape, "dim", 2, _Field.TYPE_MESSAGE, repeated=True, type_name=".tensorflow.TensorShapeProto.Dim")
    _field(shape, "unknown_rank", 3, _Field.TYPE_BOOL)

    tensor = file.message_type.add(name="TensorProto")
    _field(tensor, "dtype", 1, _Field.TYPE_ENUM, type_name=".tensorflow.DataType")
    _field(tensor, "tensor_shape", 2, _Field.TYPE_MESSAGE, type_name=".tensorflow.TensorShapeProto")
    _field(tensor, "version_number", 3, _Field.TYPE_INT32)
    _field(tensor, "tensor_content", 4, _Field.TYPE_BYTES)
    _field(tensor, "float_val", 5, _Field.TYPE_FLOAT, repeated=True, packed=True)
    _field(tensor, "double_val", 6, _Field.TYPE_DOUBLE, repeated=True, packed=True)
    _field(tensor, "int_val", 7, _Field.TYPE_INT32, repeated=True, packed=True)
    _field(tensor, "string_val", 8, _Field.TYPE_BYTES, repeated=True)
    _field(tensor, "int64_val", 10, _Field.TYPE_INT64, repeated=True, packed=True)
    return file


def _serving_file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="tensorflow_serving/apis/predict.proto", package="tensorflow.serving", syntax="proto3"
    )
    file.dependency.extend(["google/protobuf/wrappers.proto", "tensorflow/core/framework/tensor.proto"])

    spec = file.message_type.add(name="ModelSpec")
    spec.oneof_decl.add(name="version_choice")
    _field(spec, "name", 1, _Field.TYPE_STRING)
    version = _field(spec, "version", 2, _Field.TYPE_MESSAGE, type_name=".google.protobuf.Int64Value")
    version.oneof_index = 0
    _field(spec, "signature_name", 3, _Field.TYPE_STRING)
    _field(spec, "version_label", 4, _Field.TYPE_STRING).oneof_index = 0

    request = file.message_type.add(name="PredictRequest")
    _field(request, "model_spec", 1, _Field.TYPE_MESSAGE, type_name=".tensorflow.serving.ModelSpec")
    _tensor_map(request, "inputs", 2)
    _field(request, "output_filter", 3, _Field.TYPE_STRING, repeated=True)

    response = file.message_type.add(name="PredictResponse")
    _tensor_map(response, "outputs", 1)
    _field(response, "model_spec", 2, _Field.TYPE_MESSAGE, type_name=".tensorflow.serving.ModelSpec")
    return file


def _private_pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(_framework_file().SerializeToString())
    pool.AddSerializedFile(_serving_file().SerializeToString())
    return pool


if TYPE_CHECKING:

    class Int64Value(Message):
        value: int

    class ModelSpec(Message):
        name: str
        version: Int64Value
        version_label: str
        signature_name: str

        def __init__(
            self, *, name: str = ..., version_label: str = ..., signature_name: str = ...
        ) -> None: ...

    class _Dim(Message):
        size: int
        name: str

    class TensorShapeProto(Message):
        dim: RepeatedCompositeFieldContainer[_Dim]
        unknown_rank: bool

    class TensorProto(Message):
        dtype: int
        tensor_shape: TensorShapeProto
        version_number: int
        tensor_content: bytes
        float_val: RepeatedScalarFieldContainer[float]
        double_val: RepeatedScalarFieldContainer[float]
        int_val: RepeatedScalarFieldContainer[int]
        string_val: RepeatedScalarFieldContainer[bytes]
        int64_val: RepeatedScalarFieldContainer[int]

        def __init__(self, *, dtype: int = ..., tensor_content: bytes = ...) -> None: ...

    class PredictRequest(Message):
        model_spec: ModelSpec
        inputs: MessageMap[str, TensorProto]
        output_filter: RepeatedScalarFieldContainer[str]

    class PredictResponse(Message):
        outputs: MessageMap[str, TensorProto]
        model_spec: ModelSpec

else:
    _pool = _private_pool()

    def _message(full_name: str) -> type[Message]:
        return message_factory.GetMessageClass(_pool.FindMessageTypeByName(full_name))

    Int64Value = _message("google.protobuf.Int64Value")
    ModelSpec = _message("tensorflow.serving.ModelSpec")
    TensorShapeProto = _message("tensorflow.TensorShapeProto")
    TensorProto = _message("tensorflow.TensorProto")
    PredictRequest = _message("tensorflow.serving.PredictRequest")
    PredictResponse = _message("tensorflow.serving.PredictResponse")


def tensor_from_bytes(values: Sequence[bytes]) -> TensorProto:
    """A DT_STRING tensor of shape [len(values)], e.g. one image file's bytes."""
    tensor = TensorProto(dtype=DT_STRING)
    tensor.tensor_shape.dim.add(size=len(values))
    tensor.string_val.extend(values)
    return tensor


def texts_from_tensor(tensor: TensorProto) -> tuple[str, ...]:
    """The texts of a DT_STRING tensor.

    Raises:
        TensorError: it is of another type, or not UTF-8.
    """
    if tensor.dtype != DT_STRING:
        raise TensorError(f"A tensor of {data_type_name(tensor.dtype)} holds no texts.")
    try:
        return tuple(value.decode() for value in tensor.string_val)
    except UnicodeDecodeError:
        raise TensorError("A tensor of texts is not UTF-8.") from None


def tensor_from_array(array: npt.NDArray[Any]) -> TensorProto:
    """A numeric tensor of the array's own type and shape, its values in `tensor_content`.

    Raises:
        TensorError: the array's type is none of float32, float64, int32, uint8, int64.
    """
    dtype = next((number for number, (name, _) in _NUMERIC.items() if array.dtype.name == name), None)
    if dtype is None:
        known = ", ".join(name for name, _ in _NUMERIC.values())
        raise TensorError(f"An array of {array.dtype.name} cannot be sent; convert it to one of {known}.")
    little_endian = array.astype(array.dtype.newbyteorder("<"), copy=False)
    tensor = TensorProto(dtype=dtype, tensor_content=little_endian.tobytes())
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


def array_from_tensor(tensor: TensorProto) -> npt.NDArray[Any]:
    """The values of a numeric tensor, as an array of its type and shape; it may be read-only.

    Takes both ways in which TensorFlow writes a tensor: the bytes in `tensor_content`, or a list of values in
    the field of the type, where the last value stands for all that are missing.

    Raises:
        TensorError: the type is not numeric or not known, or the values do not fill the shape.
    """
    import numpy as np

    if tensor.dtype not in _NUMERIC:
        known = ", ".join(data_type_name(number) for number in _NUMERIC)
        raise TensorError(f"A tensor of {data_type_name(tensor.dtype)} is not an array of {known}.")
    name, field = _NUMERIC[tensor.dtype]
    shape = shape_of(tensor)
    count = math.prod(shape)
    element = np.dtype(name).newbyteorder("<")
    if tensor.tensor_content:
        if len(tensor.tensor_content) != count * element.itemsize:
            raise TensorError(
                f"A tensor of {data_type_name(tensor.dtype)} and shape {list(shape)} takes "
                f"{count * element.itemsize} bytes of tensor_content; {len(tensor.tensor_content)} came."
            )
        values = np.frombuffer(tensor.tensor_content, dtype=element)
    else:
        listed = getattr(tensor, field)
        if len(listed) > count or (count and not listed):
            raise TensorError(
                f"A tensor of {data_type_name(tensor.dtype)} and shape {list(shape)} takes {count} values; "
                f"{len(listed)} came in {field}."
            )
        if count > _VALUES_LIMIT:
            raise TensorError(f"A tensor of {count} values is too large; at most {_VALUES_LIMIT} are taken.")
        values = np.empty(count, dtype=element)
        values[: len(listed)] = listed
        if len(listed):
            values[len(listed) :] = listed[-1]
    try:
        return values.reshape(shape)
    except ValueError:  # of more dimensions than arrays have, or with sizes that only a 0 makes nothing of
        raise TensorError(f"A tensor of shape {list(shape[:8])} is no array that there can be.") from None


def shape_of(tensor: TensorProto) -> tuple[int, ...]:
    """The tensor's shape.

    Raises:
        TensorError: its rank is not known, or a size is negative.
    """
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    if tensor.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise TensorError("A tensor needs a shape whose every size is known.")
    return shape
