"""`python -m engine.dynamic_provider ENGINE_ADDRESS`: Pulumi's dynamic provider, which ends with the engine.

Started by Pulumi's own launcher it would outlive an engine that was killed, and an interrupt in the middle
of a create would make the engine wait five seconds for it. And what a provider raises would be told behind
gRPC's words for a servicer that failed.
"""

from __future__ import annotations

import functools
import os
import runpy
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import grpc

from engine import plugin_process
from surroundings import settle

if TYPE_CHECKING:
    Interceptor = grpc.ServerInterceptor[Any, Any]
else:
    Interceptor = grpc.ServerInterceptor


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


def main() -> None:
    """Serves until the engine interrupts or ends."""
    settle()
    plugin_process.leave_with_the_engine()
    # Providers are imported from the program's folder, as with `python -m pulumi.dynamic`.
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - no need of pathlib
    # `pulumi.dynamic` makes its server itself, and takes no interceptor.
    grpc.server = functools.partial(grpc.server, interceptors=[OwnWords()])
    runpy.run_module("pulumi.dynamic", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
