"""`PredictionService/Predict`: the key first, then the message, then the model when it is the call's turn."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future

import grpc
from google.protobuf.message import DecodeError

from clients.wire.messages import PredictRequest, PredictResponse
from clients.wire.tensorflow_serving import (
    INPUT,
    LABELS,
    OUTPUT,
    tensor_from_bytes,
)
from localcloud.scoring.calls import Calls
from localcloud.scoring.counts import Counts
from localcloud.scoring.entry import MESSAGE_TIMEOUT_S, NO_MESSAGE, abort, host_of, peer_of, require_key
from localcloud.scoring.errors import BusyError, InputError, StoppingError
from localcloud.scoring.message_fields import require_few
from localcloud.scoring.pipeline import Pipeline
from localcloud.scoring.served import ServedModel
from localcloud.scoring.turns import Turn, Turns

MESSAGE_TIMEOUT_WITH_KEY_S = 120.0
"""How long a call may take to send its message with a key: the largest at half a megabyte a second."""

_log = logging.getLogger(__name__)


def predict_handler(
    service: str, current: Callable[[], ServedModel], calls: Calls, counts: Counts
) -> grpc.RpcMethodHandler[bytes, bytes]:
    """The method for a gRPC server.

    What a caller may see: UNAUTHENTICATED without a right key, RESOURCE_EXHAUSTED where too many call or
    guess keys, INVALID_ARGUMENT for what cannot be scored, INTERNAL where the model fails, CANCELLED where
    its message takes too long, and UNAVAILABLE where localcloud ends before the model is loaded.

    Args:
        service: the ID of the service.
        current: gives what answers; asked once for each call.
        calls: the calls of all services.
        counts: of this service.
    """

    def predict(messages: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        model = current()
        peer = host_of(peer_of(context))
        if model.keys is not None:
            require_key(context, service, peer, model.keys, calls.wrong_keys, counts)
        timeout_s = MESSAGE_TIMEOUT_S if model.keys is None else MESSAGE_TIMEOUT_WITH_KEY_S
        try:
            with calls.receiving(service, peer, timeout_s, context.cancel):
                message = next(messages, None)
            if message is None:
                abort(context, grpc.StatusCode.INVALID_ARGUMENT, NO_MESSAGE)
            counts.received(len(message))
            with calls.waiting(service, peer, len(message)):
                return _computed(calls.turns, service, model.pipeline, message, context)
        except BusyError as error:
            abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))

    # As a stream, which is the same on the wire, the handler begins before the message is there: who has no
    # key is refused without waiting for what may never come. The message stays bytes until then.
    return grpc.stream_unary_rpc_method_handler(predict, None, None)


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
        abort(context, grpc.StatusCode.CANCELLED, "The call ended before it was its turn.")
    except InputError as error:
        abort(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
    except StoppingError as error:
        abort(context, grpc.StatusCode.UNAVAILABLE, str(error))
    except Exception:
        _log.exception("The model failed on a request of %d bytes", len(message))
        abort(context, grpc.StatusCode.INTERNAL, "The model failed on this request.")


def _awaited(
    turns: Turns, turn: Turn[bytes], pipeline: Pipeline | Future[Pipeline], context: grpc.ServicerContext
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
