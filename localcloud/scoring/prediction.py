"""`PredictionService/Predict`: the key first, then the message, then the model when it is the call's turn."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from typing import Final

import grpc

from localcloud.scoring.calls import Calls
from localcloud.scoring.counts import Counts
from localcloud.scoring.entry import MESSAGE_TIMEOUT_S, NO_MESSAGE, abort, host_of, peer_of, require_key
from localcloud.scoring.errors import BusyError, InputError, StoppingError
from localcloud.scoring.scorer import Scorer
from localcloud.scoring.served import ServedModel
from localcloud.scoring.turns import Turn, Turns

MESSAGE_TIMEOUT_WITH_KEY_S = 120.0
"""How long a call may take to send its message with a key: the largest at half a megabyte a second."""

_NO_DEADLINE_S: Final = 1e9
"""gRPC tells more than this of what is left to a call without a deadline."""

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
                return _computed(calls.turns, service, model.scorer, message, context, current)
        except BusyError as error:
            abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))

    # As a stream, which is the same on the wire, the handler begins before the message is there: who has no
    # key is refused without waiting for what may never come. The message stays bytes until then.
    return grpc.stream_unary_rpc_method_handler(predict, None, None)


def _computed(
    turns: Turns,
    service: str,
    scorer: Scorer | Future[Scorer],
    message: bytes,
    context: grpc.ServicerContext,
    current: Callable[[], ServedModel],
) -> bytes:
    """The answer, once it is the call's turn; a call that has ended by then is not computed."""
    try:
        model = _loaded(scorer, context) if isinstance(scorer, Future) else scorer

        if not model.computes_here:
            return _elsewhere(model, message, context, current)
        with turns.core() as free:
            if free:
                return _answer(model, message, context)
        return _awaited(turns, Turn(service, lambda: _answer(model, message, context)), context)
    except CancelledError:
        abort(context, grpc.StatusCode.CANCELLED, "The call ended before it was its turn.")
    except InputError as error:
        abort(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
    except StoppingError as error:
        abort(context, grpc.StatusCode.UNAVAILABLE, str(error))
    except BusyError:
        raise
    except Exception:
        _log.exception("The model failed on a request of %d bytes", len(message))
        abort(context, grpc.StatusCode.INTERNAL, "The model failed on this request.")


def _answer(scorer: Scorer, message: bytes, context: grpc.ServicerContext) -> bytes:
    left_s = context.time_remaining()
    if left_s <= 0 or not context.is_active():
        raise CancelledError
    return scorer.answer(message, left_s if left_s < _NO_DEADLINE_S else None)


def _elsewhere(
    scorer: Scorer, message: bytes, context: grpc.ServicerContext, current: Callable[[], ServedModel]
) -> bytes:
    """The answer of other machines: of another model's, where those have ended because it has their place."""
    while True:
        try:
            return _answer(scorer, message, context)
        except StoppingError:
            now = current().scorer
            if now is scorer or isinstance(now, Future):
                raise
            scorer = now


def _loaded(scorer: Future[Scorer], context: grpc.ServicerContext) -> Scorer:
    """The scorer, once it is there.

    Raises:
        CancelledError: the call has ended before.
        Exception: of the load.
    """
    if scorer.done():
        return scorer.result()
    waiting: Future[None] = Future()

    def leave() -> None:
        waiting.cancel()

    def go_on(_loaded: Future[Scorer]) -> None:
        if waiting.set_running_or_notify_cancel():
            waiting.set_result(None)

    if not context.add_callback(leave):
        raise CancelledError
    scorer.add_done_callback(go_on)
    waiting.result()
    return scorer.result()


def _awaited(turns: Turns, turn: Turn[bytes], context: grpc.ServicerContext) -> bytes:
    """The answer, which another thread computes.

    Raises:
        CancelledError: the call has ended before.
    """
    if not context.add_callback(turn.leave):
        turn.leave()
    turns.enqueue(turn)
    try:
        return turn.result()
    except CancelledError:
        turns.withdraw(turn)
        raise
