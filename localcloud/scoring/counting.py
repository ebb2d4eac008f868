"""The interceptor of a service's gRPC server that counts its calls, whatever their method."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

import grpc

from localcloud.scoring.counts import OK, PREDICT, Counts

OTHER: Final = "other"
"""The method of calls of which there is none: who calls may make up any."""

Handler = grpc.RpcMethodHandler
Continuation = Callable[[grpc.HandlerCallDetails], "Handler[bytes, bytes] | None"]


class CountingInterceptor(grpc.ServerInterceptor):  # type: ignore[type-arg] # generic in its stubs alone
    """An interceptor that counts calls when they end. `Watch` lasts, and is not counted.

    Args:
        counts: of the service.
    """

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._known: dict[str, Handler[bytes, bytes]] = {}  # by path, of the methods that there are

    def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler[bytes, bytes] | None:
        """Called by gRPC for each call, before it has a thread."""
        path = handler_call_details.method
        found = self._known.get(path)
        if found is None:
            handler = continuation(handler_call_details)
            if handler is None:
                self._counts.ended(OTHER, grpc.StatusCode.UNIMPLEMENTED.name)
                return None
            found = self._known[path] = self._counting(path.rpartition("/")[2], handler)
        return found

    def _counting(self, method: str, handler: Handler[bytes, bytes]) -> Handler[bytes, bytes]:
        unary, stream = handler.stream_unary, handler.stream_stream
        if unary is not None:
            return grpc.stream_unary_rpc_method_handler(self._unary(method, unary), None, None)
        if stream is None or getattr(stream, "experimental_non_blocking", False):
            return handler
        return grpc.stream_stream_rpc_method_handler(self._stream(method, stream), None, None)

    def _unary(
        self, method: str, answer: Callable[[Iterator[bytes], grpc.ServicerContext], bytes]
    ) -> Callable[[Iterator[bytes], grpc.ServicerContext], bytes]:
        counts = self._counts

        def counted(messages: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            began = time.perf_counter()
            try:
                answered = answer(messages, context)
            except BaseException:
                counts.ended(method, _code_of(context))
                raise
            code = _ended_early(context)
            if code is None and method == PREDICT:
                counts.answered(time.perf_counter() - began, len(answered))
            else:
                counts.ended(method, code or OK)
            return answered

        return counted

    def _stream(
        self, method: str, answer: Callable[[Iterator[bytes], grpc.ServicerContext], Iterator[bytes]]
    ) -> Callable[[Iterator[bytes], grpc.ServicerContext], Iterator[bytes]]:
        def counted(messages: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
            try:
                yield from answer(messages, context)
            except BaseException:
                self._counts.ended(method, _code_of(context))
                raise
            self._counts.ended(method, _ended_early(context) or OK)

        return counted


def _code_of(context: grpc.ServicerContext) -> str:
    """The status of a call that its handler has ended."""
    given = context.code() or grpc.StatusCode.UNKNOWN  # type: ignore[attr-defined] # its stubs miss it
    return _ended_early(context) or str(given.name)


def _ended_early(context: grpc.ServicerContext) -> str | None:
    """The status that a caller sees whose call ended before the server's word; None: it goes on."""
    if context.time_remaining() <= 0:
        return grpc.StatusCode.DEADLINE_EXCEEDED.name
    return None if context.is_active() else grpc.StatusCode.CANCELLED.name
