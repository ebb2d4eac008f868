"""`python -m engine.dynamic_provider ENGINE_ADDRESS`: Pulumi's dynamic provider, which ends with the engine.

Started by Pulumi's own launcher it would outlive an engine that was killed, and an interrupt in the middle
of a create would make the engine wait five seconds for it. And what a provider raises would be told behind
gRPC's words for a servicer that failed.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import grpc

from engine import plugin_process
from engine.late_handlers import LateHandlers
from surroundings import settle

if TYPE_CHECKING:
    Interceptor = grpc.ServerInterceptor[Any, Any]
else:
    Interceptor = grpc.ServerInterceptor

NOT_OFFERED: Final = ("Handshake", "CheckConfig", "DiffConfig", "GetSchema", "Invoke")
"""Methods that the SDK's servicer does not offer, and that the engine asks for while all else waits."""
WORKERS: Final = 16
OPTIONS: Final = [
    ("grpc.max_receive_message_length", 400 * 1024 * 1024),
    ("grpc.server_max_unrequested_time_in_server", 30 * 60),
]
"""The SDK's own, of `pulumi.runtime._grpc_settings`, which loads the whole SDK."""


class OwnWords(Interceptor):
    """Ends a call whose servicer raised with the words of the error, and no others."""

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        handler = continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        answer = handler.unary_unary

        def answer_or_abort(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                return answer(request, context)
            except Exception as error:
                # the servicer has said itself what is wrong; grpc's stubs lack the method
                if context.code() is not None:  # type: ignore[attr-defined]
                    raise
                context.abort(grpc.StatusCode.UNKNOWN, words(error))

        return grpc.unary_unary_rpc_method_handler(
            answer_or_abort, handler.request_deserializer, handler.response_serializer
        )


def words(error: Exception) -> str:
    """An error's message; with its kind where the message alone says little, as that of a KeyError."""
    told = str(error)
    bare = type(error).__module__ == "builtins" and not isinstance(error, (RuntimeError, OSError))
    return f"{type(error).__name__}: {told}" if bare or not told else told


class _Taken(BaseException):
    """The end of the SDK's own `main`: it has handed over what it would serve."""


class _Handover:
    """In the place of the SDK's server: takes the handlers, and serves nothing."""

    def __init__(self) -> None:
        self.handlers: list[grpc.GenericRpcHandler[Any, Any]] = []

    def add_generic_rpc_handlers(self, handlers: Iterable[grpc.GenericRpcHandler[Any, Any]]) -> None:
        self.handlers.extend(handlers)

    def add_insecure_port(self, address: str) -> int:
        raise _Taken(address)


class _Later:
    """Finds modules that are loaded when something in them is used first, on `sys.meta_path`.

    The SDK imports its automation API with all else: a third of its own modules, for programs that run the
    engine themselves.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name == "pulumi.automation" else None
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


def _sdk_handlers() -> list[grpc.GenericRpcHandler[Any, Any]]:
    """The handlers of Pulumi's own servicer, which is made where its module runs, and there alone."""
    sys.meta_path.insert(0, _Later())
    handover, server = _Handover(), grpc.server
    grpc.server = lambda *_args, **_options: handover  # type: ignore[assignment]
    try:
        with suppress(_Taken):
            importlib.import_module("pulumi.dynamic.__main__")
    finally:
        grpc.server = server
    return handover.handlers


def main() -> None:
    """Serves until the engine interrupts or ends."""
    settle()
    plugin_process.leave_with_the_engine()
    # Providers are imported from the program's folder, as with `python -m pulumi.dynamic`.
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - no need of pathlib
    handlers = LateHandlers(NOT_OFFERED)
    server = grpc.server(
        ThreadPoolExecutor(max_workers=WORKERS),
        handlers=[handlers],
        interceptors=[OwnWords()],
        options=OPTIONS,
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    plugin_process.load(lambda: handlers.load(_sdk_handlers()))
    server.wait_for_termination()


if __name__ == "__main__":
    main()
