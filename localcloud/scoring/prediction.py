"""`PredictionService/Predict`: the key first, then the message, then the model when it is the call's turn."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from typing import Final, NoReturn
from urllib.parse import unquote

import grpc
from google.protobuf.message import DecodeError

from clients.wire.messages import PredictRequest, PredictResponse
from clients.wire.tensorflow_serving import (
    INPUT,
    LABELS,
    METHOD,
    OUTPUT,
    tensor_from_bytes,
)
from localcloud.scoring.calls import Calls
from localcloud.scoring.errors import BusyError, InputError
from localcloud.scoring.message_fields import require_few
from localcloud.scoring.pipeline import Pipeline
from localcloud.scoring.turns import Turn, Turns
from localcloud.scoring.wrong_keys import WrongKeys

MESSAGE_TIMEOUT_S = 30.0
"""How long a call may take to send its message where anyone may call."""

MESSAGE_TIMEOUT_WITH_KEY_S = 120.0
"""The same with a key: the largest message at half a megabyte a second."""

_DETAILS_BYTES: Final = 2000
_KEY_HEADER: Final = "authorization"
_SCHEME: Final = "bearer "
_NO_KEY: Final = (
    f"This service wants its primary or secondary key in the metadata '{_KEY_HEADER}', "
    "as it is or after 'Bearer '; none came."
)
_WRONG_KEY: Final = f"The key in the metadata '{_KEY_HEADER}' is neither the primary nor the secondary key."
_MOST_KEYS: Final = 2
_MANY_KEYS: Final = f"More than {_MOST_KEYS} keys came in the metadata '{_KEY_HEADER}': send one."
_NOT_LOOKED_AT: Final = (
    "Too many wrong keys came over this connection: the key of this call was not looked at. Open another "
    "connection, or try again in some seconds."
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prediction:
    """The model that answers calls, and the keys that open it.

    Attributes:
        pipeline: scores the images; as a future, it is still being loaded, and calls wait for it.
        keys: either of them opens the service; None: anyone may call, and a key that comes is ignored.
    """

    pipeline: Pipeline | Future[Pipeline]
    keys: tuple[str, str] | None = field(repr=False)


def prediction_handler(
    service: str, current: Callable[[], Prediction], calls: Calls
) -> grpc.GenericRpcHandler[bytes, bytes]:
    """The service for a gRPC server.

    What a caller may see: UNAUTHENTICATED without a right key, RESOURCE_EXHAUSTED where too many call or
    guess keys,
    INVALID_ARGUMENT for what cannot be scored, INTERNAL where the model fails, CANCELLED where its message
    takes too long, and UNIMPLEMENTED, from gRPC, for any other method.

    Args:
        service: the ID of the service.
        current: gives what answers; asked once for each call.
        calls: the calls of all services.
    """

    def predict(messages: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        prediction = current()
        peer = _host_of(context.peer())
        if prediction.keys is not None:
            _require_key(context, service, peer, prediction.keys, calls.wrong_keys)
        timeout_s = MESSAGE_TIMEOUT_S if prediction.keys is None else MESSAGE_TIMEOUT_WITH_KEY_S
        try:
            with calls.receiving(service, peer, timeout_s, context.cancel):
                message = next(messages, None)
            if message is None:
                _abort(context, grpc.StatusCode.INVALID_ARGUMENT, "The call brought no message.")
            with calls.waiting(service, peer, len(message)):
                return _computed(calls.turns, service, prediction.pipeline, message, context)
        except BusyError as error:
            _abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))

    name, method = METHOD.removeprefix("/").split("/")
    # As a stream, which is the same on the wire, the handler begins before the message is there: who has no
    # key is refused without waiting for what may never come. The message stays bytes until then.
    return grpc.method_handlers_generic_handler(
        name, {method: grpc.stream_unary_rpc_method_handler(predict, None, None)}
    )


def _computed(
    turns: Turns,
    service: str,
    pipeline: Pipeline | Future[Pipeline],
    message: bytes,
    context: grpc.ServicerContext,
) -> bytes:
    """The answer, once it is the call's turn; a call that has ended by then is not computed."""

    def work() -> bytes:
        if context.time_remaining() <= 0 or not context.is_active():
            raise CancelledError
        model = pipeline.result() if isinstance(pipeline, Future) else pipeline
        return score(message, model).SerializeToString()

    try:
        if not isinstance(pipeline, Future):
            with turns.core() as free:
                if free:
                    return work()
        return _awaited(turns, Turn(service, work), pipeline, context)
    except CancelledError:
        _abort(context, grpc.StatusCode.CANCELLED, "The call ended before it was its turn.")
    except InputError as error:
        _abort(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
    except Exception:
        _log.exception("The model failed on a request of %d bytes", len(message))
        _abort(context, grpc.StatusCode.INTERNAL, "The model failed on this request.")


def _awaited(
    turns: Turns, turn: Turn, pipeline: Pipeline | Future[Pipeline], context: grpc.ServicerContext
) -> bytes:
    """The answer, which another thread computes.

    Raises:
        CancelledError: the call has ended before.
    """
    if not context.add_callback(turn.leave):
        turn.leave()
    if isinstance(pipeline, Future):
        pipeline.add_done_callback(lambda _loaded: turns.enqueue(turn))
    else:
        turns.enqueue(turn)
    try:
        return turn.result()
    except CancelledError:
        turns.withdraw(turn)
        raise


def _host_of(peer: str) -> str:
    """The address in what gRPC tells of a peer, such as `ipv4:127.0.0.1:41234`."""
    return unquote(peer.rpartition(":")[0])


def _require_key(
    context: grpc.ServicerContext, service: str, peer: str, keys: tuple[str, str], wrong_keys: WrongKeys
) -> None:
    """Ends the call of who has no key, or may not have it looked at now."""
    sent = [value for name, value in context.invocation_metadata() if name == _KEY_HEADER]
    if not sent:
        _abort(context, grpc.StatusCode.UNAUTHENTICATED, _NO_KEY)
    if len(sent) > _MOST_KEYS:  # each is a guess
        _abort(context, grpc.StatusCode.UNAUTHENTICATED, _MANY_KEYS)
    fits = wrong_keys.judge(service, context.peer(), peer, lambda: any(_is_one_of(keys, one) for one in sent))
    if fits is None:
        _abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, _NOT_LOOKED_AT)
    if not fits:
        wrong_keys.slow(context.add_callback)
        _abort(context, grpc.StatusCode.UNAUTHENTICATED, _WRONG_KEY)


def _is_one_of(keys: tuple[str, str], sent: str | bytes) -> bool:
    text = sent if isinstance(sent, str) else sent.decode("latin-1")
    key = text[len(_SCHEME) :] if text.lower().startswith(_SCHEME) else text
    allowed = False
    for right in keys:
        # Every key is compared, whichever fits: the time says nothing about them.
        allowed |= bool(right) and hmac.compare_digest(key.encode(), right.encode())
    return allowed


def score(message: bytes, pipeline: Pipeline) -> PredictResponse:
    """The answer to a message, which is any bytes.

    Raises:
        InputError: it cannot be scored.
    """
    require_few(message)
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
    # As trailing metadata a byte can take three; where all of it is too large, the caller sees another code.
    context.abort(code, details.encode()[:_DETAILS_BYTES].decode(errors="ignore"))
    raise AssertionError("abort raises")
