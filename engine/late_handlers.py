"""Handlers that come after their server: a plugin tells its port before it has loaded what it serves.

The engine starts one plugin after another, and does nothing else until each has told its port. What a plugin
imports may be loaded beside that: the calls that need it wait, the engine does not.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

import grpc

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]
    GenericHandler = grpc.GenericRpcHandler[Any, Any]
else:
    GenericHandler = grpc.GenericRpcHandler


class LateHandlers(GenericHandler):
    """Handlers of a server that has started; until they are here, calls wait.

    Args:
        not_offered: names of methods that are refused as unknown, without a wait.
    """

    def __init__(self, not_offered: Collection[str] = ()) -> None:
        self._not_offered = frozenset(not_offered)
        self._loaded = threading.Event()
        self._handlers: Callable[[grpc.HandlerCallDetails], Handler | None] = lambda _: None

    def load(self, handlers: Iterable[grpc.GenericRpcHandler[Any, Any]]) -> None:
        """Hands over what answers the calls, those that wait included."""
        every = list(handlers)
        self._handlers = lambda call: next(
            (found for one in every if (found := one.service(call)) is not None), None
        )
        self._loaded.set()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """A handler of one call, which waits in a thread of the server's pool, not in the server's own."""
        if handler_call_details.method.rpartition("/")[2] in self._not_offered:
            return None

        def answer(request: bytes, context: grpc.ServicerContext) -> Any:
            self._loaded.wait()
            handler: Any = self._handlers(handler_call_details)
            if handler is None:
                context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
            response = handler.unary_unary(handler.request_deserializer(request), context)
            return handler.response_serializer(response)

        return grpc.unary_unary_rpc_method_handler(answer)
