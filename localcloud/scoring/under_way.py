"""The calls of a gRPC server that are under way, and its end, at which no call is CANCELLED.

gRPC's own end answers CANCELLED to calls that have come and have no handler yet, and to those on their way
over a connection that is told GOAWAY: a code that no caller repeats, for it means that he gave the call up
(https://github.com/grpc/grpc/issues/41785). Here connections end first, behind the calls under way, and gRPC
when there are none: what has not begun ends with its connection, which callers know as UNAVAILABLE.
"""

from __future__ import annotations

import functools
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from socket import socket
from typing import Any, Final

import grpc

from localcloud.scoring import sockets
from localcloud.scoring.addresses import Endpoint, UnixSocket
from localcloud.scoring.entry import abort

_ENDS: Final = "The service ends: call again."

Handler = grpc.RpcMethodHandler
Continuation = Callable[[grpc.HandlerCallDetails], "Handler[bytes, bytes] | None"]


class UnderWay(grpc.ServerInterceptor):  # type: ignore[type-arg] # generic in its stubs alone
    """The calls under way of one server, as the interceptor that sees each begin.

    A call is under way until its answer is written, or the caller is gone.

    Args:
        endpoint: where the server is going to listen. Who is connected there by now is another server's.
    """

    def __init__(self, endpoint: Endpoint | UnixSocket) -> None:
        self._endpoint = endpoint
        self._others = set()
        for peer, connection in sockets.connections(endpoint).items():
            self._others.add(peer)
            connection.close()
        self._changed = threading.Condition(threading.Lock())
        self._early = self._late = 0  # begun before the end was asked for, and since
        self._is_ending = self._holds = False
        self._ends_at = math.inf
        self._cut, self._over = threading.Event(), threading.Event()

    def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler[bytes, bytes] | None:
        """Called by gRPC for each call, before it has a thread."""
        handler = continuation(handler_call_details)
        if handler is None:
            return None
        if handler.stream_unary is not None:
            return grpc.stream_unary_rpc_method_handler(self._unary(handler.stream_unary), None, None)
        if handler.stream_stream is not None:
            return grpc.stream_stream_rpc_method_handler(self._stream(handler.stream_stream), None, None)
        return handler

    def begin_end(self, server: grpc.Server, grace_s: float) -> threading.Event:
        """Closes the port, and ends the server behind the calls under way, or after so many seconds.

        As long as calls of before go on, those that come over the connections that there are are answered,
        too; then they are held until the last one is answered and the connections end. Asked for again, the
        end comes at the earlier time.

        Returns:
            Set when the server has ended.
        """
        ends_at = time.monotonic() + grace_s
        with self._changed:
            is_first, self._is_ending = not self._is_ending, True
            self._ends_at = min(self._ends_at, ends_at)
            self._changed.notify_all()
        if is_first:
            sockets.close_port(self._endpoint)
            left = sockets.connections(self._endpoint)
            threading.Thread(target=self._end, args=(server, left), name="end of a service").start()
        return self._over

    def _end(self, server: grpc.Server, left: Mapping[Any, socket]) -> None:
        with self._changed:
            self._wait(lambda: not self._early)
            self._holds = True
            self._wait(lambda: not self._early + self._late)
        for peer, connection in left.items():
            if peer in self._others:
                connection.close()
            else:
                sockets.end(connection)
        self._cut.set()
        server.stop(None).wait()
        self._over.set()

    def _wait(self, holds: Callable[[], bool]) -> None:
        """Waits until it holds, or for the end's time."""
        while not holds() and (left_s := self._ends_at - time.monotonic()) > 0:
            self._changed.wait(left_s)

    def _begin(self, context: grpc.ServicerContext) -> None:
        """Notes that a call begins. One that is held ends here, with UNAVAILABLE."""
        with self._changed:
            is_held, is_late = self._holds, self._is_ending
            if not is_held:
                self._count(is_late, 1)
        if is_held:
            self._cut.wait()
            abort(context, grpc.StatusCode.UNAVAILABLE, _ENDS)
        # Behind its last byte, and not when its handler returns.
        ended = functools.partial(self._ended, is_late)
        if not context.add_callback(ended):
            ended()

    def _ended(self, is_late: bool) -> None:
        with self._changed:
            self._count(is_late, -1)
            if self._is_ending:
                self._changed.notify_all()

    def _count(self, is_late: bool, number: int) -> None:
        if is_late:
            self._late += number
        else:
            self._early += number

    def _unary(
        self, answer: Callable[[Iterator[bytes], grpc.ServicerContext], bytes]
    ) -> Callable[[Iterator[bytes], grpc.ServicerContext], bytes]:
        def begun(messages: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            self._begin(context)
            return answer(messages, context)

        return begun

    def _stream(self, answer: Callable[..., Iterator[bytes]]) -> Callable[..., Iterator[bytes]]:
        def begun(messages: Iterator[bytes], context: grpc.ServicerContext, *send: object) -> Iterator[bytes]:
            self._begin(context)
            return answer(messages, context, *send)

        if getattr(answer, "experimental_non_blocking", False):  # it is given what to send with
            begun.experimental_non_blocking = True  # type: ignore[attr-defined]
        return begun
