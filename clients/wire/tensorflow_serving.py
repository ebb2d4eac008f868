"""The tensors of `Predict`: what goes in and comes out, by name, and as bytes or arrays.

Source: tensorflow/core/framework/tensor.proto, in `clients/wire/protos`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from clients.wire.messages import (
    DT_DOUBLE,
    DT_FLOAT,
    DT_INT32,
    DT_INT64,
    DT_STRING,
    DT_UINT8,
    POOL,
    TensorProto,
)

if TYPE_CHECKING:
    import numpy.typing as npt

# One listed value may stand for many, so a short message could ask for any amount of memory.
_VALUES_LIMIT: Final = 16 * 1024 * 1024

SERVICE: Final = "tensorflow.serving.PredictionService"
METHOD: Final = f"/{SERVICE}/Predict"

INPUT: Final = "images"
OUTPUT: Final = "output_alias"
LABELS: Final = "labels"
"""Output with the names of the classes, DT_STRING [classes], for callers whose output_filter asks for it."""

# Data type -> (numpy's name, the field that holds its values one by one).
_NUMERIC: Final = {
    DT_FLOAT: ("float32", "float_val"),
    DT_DOUBLE: ("float64", "double_val"),
    DT_INT32: ("int32", "int_val"),
    DT_UINT8: ("uint8", "int_val"),
    DT_INT64: ("int64", "int64_val"),
}


class TensorError(ValueError):
    """A tensor cannot be made from these values, or read as these values. The message says why."""


def data_type_name(dtype: int) -> str:
    """`DT_FLOAT` for 1; the bare number for a type that is not known here."""
    value = POOL.FindEnumTypeByName("tensorflow.DataType").values_by_number.get(dtype)
    return str(dtype) if value is None else value.name


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
