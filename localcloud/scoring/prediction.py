"""`PredictionService/Predict`: the key first, then the request, then the model."""

from __future__ import annotations

import hmac
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, NoReturn

import grpc
from google.protobuf.message import DecodeError

from clients.wire.tensorflow_serving import (
    INPUT,
    LABELS,
    METHOD,
    OUTPUT,
    PredictRequest,
    PredictResponse,
    tensor_from_bytes,
)
from localcloud.scoring.errors import InputError
from localcloud.scoring.pipeline import Pipeline

MESSAGE_TIMEOUT_S = 30.0
"""How long a call without a key may keep a thread waiting for its message."""

_KEY_HEADER: Final = "authorization"
_SCHEME: Final = "bearer "
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prediction:
    """The model that answers calls, and the keys that open it.

    Attributes:
        keys: either of them opens the service; None: anyone may call, and a key that comes is ignored.
    """

    pipeline: Pipeline
    keys: tuple[str, str] | None = field(repr=False)


def prediction_handler(current: Callable[[], Prediction]) -> grpc.GenericRpcHandler[bytes, bytes]:
    """The service for a gRPC server.

    What a caller may see: UNAUTHENTICATED without a right key, INVALID_ARGUMENT for what cannot be scored,
    INTERNAL where the model fails, and UNIMPLEMENTED, from gRPC, for any other method.

    Args:
        current: gives what answers; asked once for each call.
    """

    def predict(messages: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        prediction = current()
        if prediction.keys is not None:
            refusal = _refusal(context, prediction.keys)
            if refusal:
                _abort(context, grpc.StatusCode.UNAUTHENTICATED, refusal)
            message = next(messages, None)
        else:
            message = _received_in_time(messages, context)
        if message is None:
            _abort(context, grpc.StatusCode.INVALID_ARGUMENT, "The call brought no message.")
        try:
            return _score(message, prediction.pipeline).SerializeToString()
        except InputError as error:
            _abort(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except Exception:
            _log.exception("The model failed on a request of %d bytes", len(message))
            _abort(context, grpc.StatusCode.INTERNAL, "The model failed on this request.")

    service, method = METHOD.removeprefix("/").split("/")
    # As a stream, which is the same on the wire, the handler begins before the message is there: who has no
    # key is refused without waiting for what may never come. The message stays bytes until then.
    return grpc.method_handlers_generic_handler(
        service, {method: grpc.stream_unary_rpc_method_handler(predict, None, None)}
    )


def _received_in_time(messages: Iterator[bytes], context: grpc.ServicerContext) -> bytes | None:
    """The message of a call that anyone may make; who does not send it soon is cut off."""
    timer = threading.Timer(MESSAGE_TIMEOUT_S, context.cancel)
    timer.daemon = True
    timer.start()
    try:
        return next(messages, None)
    finally:
        timer.cancel()


def _refusal(context: grpc.ServicerContext, keys: tuple[str, str]) -> str | None:
    """The reason why the caller may not call; None: it may."""
    sent = [value for name, value in context.invocation_metadata() if name == _KEY_HEADER]
    if not sent:
        return (
            f"This service wants its primary or secondary key in the metadata '{_KEY_HEADER}', "
            "as it is or after 'Bearer '; none came."
        )
    allowed = False
    for value in sent:
        text = value if isinstance(value, str) else value.decode("latin-1")
        key = text[len(_SCHEME) :] if text.lower().startswith(_SCHEME) else text
        for right in keys:
            # Every key is compared, whichever fits: the time says nothing about them.
            allowed |= bool(right) and hmac.compare_digest(key.encode(), right.encode())
    if not allowed:
        return f"The key in the metadata '{_KEY_HEADER}' is neither the primary nor the secondary key."
    return None


def _score(message: bytes, pipeline: Pipeline) -> PredictResponse:
    try:
        request = PredictRequest.FromString(message)
    except DecodeError as error:
        raise InputError(f"The message is no tensorflow.serving.PredictRequest: {error}") from error
    if set(request.inputs) != {INPUT}:
        came = ", ".join(sorted(request.inputs)) or "none"
        raise InputError(f"This service takes one input, '{INPUT}'; the request has: {came}.")
    if request.output_filter and OUTPUT not in request.output_filter:
        wanted = ", ".join(request.output_filter)
        raise InputError(f"This service gives one output, '{OUTPUT}'; output_filter asks for: {wanted}.")
    response = PredictResponse()
    response.outputs[OUTPUT].CopyFrom(pipeline.score(request.inputs[INPUT]))
    if LABELS in request.output_filter and pipeline.labels:
        response.outputs[LABELS].CopyFrom(tensor_from_bytes([label.encode() for label in pipeline.labels]))
    return response


def _abort(context: grpc.ServicerContext, code: grpc.StatusCode, details: str) -> NoReturn:
    context.abort(code, details)
    raise AssertionError("abort raises")
