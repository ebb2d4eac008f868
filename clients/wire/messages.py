"""TensorFlow Serving's messages, without TensorFlow; made by `make protos`.

They are registered in a descriptor pool of their own, so that they live beside any other package that owns
the names `tensorflow` or `tensorflow.serving` in protobuf's default pool.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

if TYPE_CHECKING:
    from google.protobuf.any_pb2 import Any
    from google.protobuf.internal.containers import (
        MessageMap,
        RepeatedCompositeFieldContainer,
        RepeatedScalarFieldContainer,
    )
    from google.protobuf.wrappers_pb2 import Int64Value

POOL: Final = descriptor_pool.DescriptorPool()
"""The descriptors of all messages and services."""

_described = Path(__file__).with_suffix(".binpb").read_bytes()
for _file in descriptor_pb2.FileDescriptorSet.FromString(_described).file:
    POOL.Add(_file)

# tensorflow.DataType
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

# tensorflow.error.Code
OK: Final = 0
CANCELLED: Final = 1
UNKNOWN: Final = 2
INVALID_ARGUMENT: Final = 3
DEADLINE_EXCEEDED: Final = 4
NOT_FOUND: Final = 5
ALREADY_EXISTS: Final = 6
PERMISSION_DENIED: Final = 7
RESOURCE_EXHAUSTED: Final = 8
FAILED_PRECONDITION: Final = 9
ABORTED: Final = 10
OUT_OF_RANGE: Final = 11
UNIMPLEMENTED: Final = 12
INTERNAL: Final = 13
UNAVAILABLE: Final = 14
DATA_LOSS: Final = 15
UNAUTHENTICATED: Final = 16

if TYPE_CHECKING:

    class TensorShapeProto(Message):
        class Dim(Message):
            size: int
            name: str

            def __init__(self, *, size: int = ..., name: str = ...) -> None: ...

        dim: RepeatedCompositeFieldContainer[Dim]
        unknown_rank: bool

        def __init__(self, *, dim: Iterable[Dim] = ..., unknown_rank: bool = ...) -> None: ...

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

        def __init__(
            self,
            *,
            dtype: int = ...,
            tensor_shape: TensorShapeProto = ...,
            version_number: int = ...,
            tensor_content: bytes = ...,
            float_val: Iterable[float] = ...,
            double_val: Iterable[float] = ...,
            int_val: Iterable[int] = ...,
            string_val: Iterable[bytes] = ...,
            int64_val: Iterable[int] = ...,
        ) -> None: ...

    class TensorInfo(Message):
        name: str
        dtype: int
        tensor_shape: TensorShapeProto

        def __init__(
            self, *, name: str = ..., dtype: int = ..., tensor_shape: TensorShapeProto = ...
        ) -> None: ...

    class SignatureDef(Message):
        inputs: MessageMap[str, TensorInfo]
        outputs: MessageMap[str, TensorInfo]
        method_name: str

        def __init__(
            self,
            *,
            inputs: Mapping[str, TensorInfo] = ...,
            outputs: Mapping[str, TensorInfo] = ...,
            method_name: str = ...,
        ) -> None: ...

    class ModelSpec(Message):
        name: str
        version: Int64Value
        version_label: str
        signature_name: str

        def __init__(
            self,
            *,
            name: str = ...,
            version: Int64Value = ...,
            version_label: str = ...,
            signature_name: str = ...,
        ) -> None: ...

    class SignatureDefMap(Message):
        signature_def: MessageMap[str, SignatureDef]

        def __init__(self, *, signature_def: Mapping[str, SignatureDef] = ...) -> None: ...

    class GetModelMetadataRequest(Message):
        model_spec: ModelSpec
        metadata_field: RepeatedScalarFieldContainer[str]

        def __init__(self, *, model_spec: ModelSpec = ..., metadata_field: Iterable[str] = ...) -> None: ...

    class GetModelMetadataResponse(Message):
        model_spec: ModelSpec
        metadata: MessageMap[str, Any]

        def __init__(self, *, model_spec: ModelSpec = ..., metadata: Mapping[str, Any] = ...) -> None: ...

    class StatusProto(Message):
        error_code: int
        error_message: str

        def __init__(self, *, error_code: int = ..., error_message: str = ...) -> None: ...

    class GetModelStatusRequest(Message):
        model_spec: ModelSpec

        def __init__(self, *, model_spec: ModelSpec = ...) -> None: ...

    class ModelVersionStatus(Message):
        UNKNOWN: ClassVar[int]
        START: ClassVar[int]
        LOADING: ClassVar[int]
        AVAILABLE: ClassVar[int]
        UNLOADING: ClassVar[int]
        END: ClassVar[int]
        version: int
        state: int
        status: StatusProto

        def __init__(self, *, version: int = ..., state: int = ..., status: StatusProto = ...) -> None: ...

    class GetModelStatusResponse(Message):
        model_version_status: RepeatedCompositeFieldContainer[ModelVersionStatus]

        def __init__(self, *, model_version_status: Iterable[ModelVersionStatus] = ...) -> None: ...

    class PredictRequest(Message):
        model_spec: ModelSpec
        inputs: MessageMap[str, TensorProto]
        output_filter: RepeatedScalarFieldContainer[str]

        def __init__(
            self,
            *,
            model_spec: ModelSpec = ...,
            inputs: Mapping[str, TensorProto] = ...,
            output_filter: Iterable[str] = ...,
        ) -> None: ...

    class PredictResponse(Message):
        outputs: MessageMap[str, TensorProto]
        model_spec: ModelSpec

        def __init__(
            self, *, outputs: Mapping[str, TensorProto] = ..., model_spec: ModelSpec = ...
        ) -> None: ...

else:

    def _message(full_name: str) -> type[Message]:
        return message_factory.GetMessageClass(POOL.FindMessageTypeByName(full_name))

    TensorShapeProto = _message("tensorflow.TensorShapeProto")
    TensorProto = _message("tensorflow.TensorProto")
    TensorInfo = _message("tensorflow.TensorInfo")
    SignatureDef = _message("tensorflow.SignatureDef")
    ModelSpec = _message("tensorflow.serving.ModelSpec")
    SignatureDefMap = _message("tensorflow.serving.SignatureDefMap")
    GetModelMetadataRequest = _message("tensorflow.serving.GetModelMetadataRequest")
    GetModelMetadataResponse = _message("tensorflow.serving.GetModelMetadataResponse")
    StatusProto = _message("tensorflow.serving.StatusProto")
    GetModelStatusRequest = _message("tensorflow.serving.GetModelStatusRequest")
    ModelVersionStatus = _message("tensorflow.serving.ModelVersionStatus")
    GetModelStatusResponse = _message("tensorflow.serving.GetModelStatusResponse")
    PredictRequest = _message("tensorflow.serving.PredictRequest")
    PredictResponse = _message("tensorflow.serving.PredictResponse")
