"""Warnings of a provider, where a reviewer sees them: among the diagnostics of preview and update.

The SDK gives dynamic providers no log. The engine starts each plugin with its own address as the first
argument (Pulumi's plugin protocol), and takes log requests there: `pulumirpc.Engine/Log`.
"""

from __future__ import annotations

import functools
import sys

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

TIMEOUT_S = 5.0


@functools.cache
def warn_once(message: str) -> None:
    """Tells the engine, once a process: `diff` is asked more than once in a preview."""
    request = engine_pb2.LogRequest(severity=engine_pb2.WARNING, message=message)
    try:
        with grpc.insecure_channel(sys.argv[1]) as channel:
            engine_pb2_grpc.EngineStub(channel).Log(request, timeout=TIMEOUT_S)
    except (IndexError, grpc.RpcError):
        # what a plugin prints is shown too, if less prominently
        print(f"warning: {message}", file=sys.stderr)
