"""What a service tells of its model: `PredictionService/GetModelMetadata`, `ModelService/GetModelStatus`.

A service has one model, which answers whatever a request names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Final

import grpc

from clients.wire.messages import (
    DT_FLOAT,
    DT_STRING,
    INTERNAL,
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    GetModelStatusRequest,
    GetModelStatusResponse,
    ModelSpec,
    ModelVersionStatus,
    SignatureDef,
    SignatureDefMap,
    TensorInfo,
)
from clients.wire.tensorflow_serving import INPUT, LABELS, OUTPUT
from localcloud.scoring.entry import Entry, abort
from localcloud.scoring.scorer import ModelShape, Scorer
from localcloud.scoring.served import ModelName, ServedModel

MODEL_SERVICE: Final = "tensorflow.serving.ModelService"
SIGNATURES: Final = "signature_def"
"""The metadata field that there is."""

IMAGE_FILE: Final = "serving_default"
"""The signature with the bytes of one image file."""

PIXELS: Final = "pixels"
"""The signature with the pixels of images."""

_METHOD_NAME: Final = "tensorflow/serving/predict"
LOADING: Final = "The model is still being loaded: call again in some seconds."


class ModelFacts:
    """The handlers of both methods.

    Args:
        entry: of the service.
        current: gives the model that answers.
    """

    def __init__(self, entry: Entry, current: Callable[[], ServedModel]) -> None:
        self._entry, self._current = entry, current

    def metadata_handler(self) -> grpc.RpcMethodHandler[bytes, bytes]:
        """`GetModelMetadata`."""
        return grpc.stream_unary_rpc_method_handler(self._metadata, None, None)

    def status_handler(self) -> grpc.RpcMethodHandler[bytes, bytes]:
        """`GetModelStatus`."""
        return grpc.stream_unary_rpc_method_handler(self._status, None, None)

    def _metadata(self, messages: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        self._entry.require_key(context)
        request = self._entry.only_message(messages, context, GetModelMetadataRequest)
        unknown = sorted(set(request.metadata_field) - {SIGNATURES})
        if unknown or not request.metadata_field:
            asked = ", ".join(unknown) or "none"
            words = f"metadata_field: there is {SIGNATURES}; the request asks for: {asked}."
            abort(context, grpc.StatusCode.INVALID_ARGUMENT, words)
        told = metadata(self._current())
        if told is None:
            abort(context, grpc.StatusCode.UNAVAILABLE, LOADING)
        return told.SerializeToString()

    def _status(self, messages: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        self._entry.require_key(context)
        self._entry.only_message(messages, context, GetModelStatusRequest)
        return status(self._current()).SerializeToString()


def metadata(model: ServedModel) -> GetModelMetadataResponse | None:
    """The metadata of a model; None: it is not there yet."""
    scorer = loaded(model.scorer)
    if scorer is None:
        return None
    answer = GetModelMetadataResponse(model_spec=_spec(model.name))
    answer.metadata[SIGNATURES].Pack(signatures(scorer.shape))
    return answer


def status(model: ServedModel) -> GetModelStatusResponse:
    """The state of a model."""
    told = ModelVersionStatus(version=model.name.version, state=ModelVersionStatus.AVAILABLE)
    told.status.SetInParent()  # OK is 0
    if isinstance(model.scorer, Future):
        if not model.scorer.done():
            told.state = ModelVersionStatus.LOADING
        elif model.scorer.cancelled() or model.scorer.exception() is not None:
            told.state = ModelVersionStatus.END
            told.status.error_code = INTERNAL
            told.status.error_message = "The model could not be loaded."
    return GetModelStatusResponse(model_version_status=[told])


def signatures(shape: ModelShape) -> SignatureDefMap:
    """The signatures of a model: an image file, or pixels; scores, and labels where it has some."""
    found = SignatureDefMap()
    inputs = {
        IMAGE_FILE: _tensor(INPUT, DT_STRING, (1,)),
        PIXELS: _tensor(INPUT, DT_FLOAT, (None, shape.height, shape.width, 3)),
    }
    for name, images in inputs.items():
        signature = found.signature_def[name]
        signature.CopyFrom(SignatureDef(method_name=_METHOD_NAME))
        signature.inputs[INPUT].CopyFrom(images)
        signature.outputs[OUTPUT].CopyFrom(_tensor(OUTPUT, DT_FLOAT, (None, *shape.result_shape[1:])))
        if shape.labels:
            signature.outputs[LABELS].CopyFrom(_tensor(LABELS, DT_STRING, (len(shape.labels),)))
    return found


def _tensor(name: str, dtype: int, shape: tuple[int | None, ...]) -> TensorInfo:
    info = TensorInfo(name=name, dtype=dtype)
    for size in shape:
        info.tensor_shape.dim.add(size=-1 if size is None else size)
    return info


def _spec(name: ModelName) -> ModelSpec:
    spec = ModelSpec(name=name.name)
    spec.version.value = name.version
    return spec


def loaded(scorer: Scorer | Future[Scorer]) -> Scorer | None:
    """What scores; None: it is still being loaded, or could not be."""
    if not isinstance(scorer, Future):
        return scorer
    ready = scorer.done() and not scorer.cancelled() and scorer.exception() is None
    return scorer.result() if ready else None
