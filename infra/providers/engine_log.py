"""Messages of a provider, where a reviewer sees them: among the diagnostics of preview and update.

The SDK gives dynamic providers no log. The engine starts each plugin with its own address as the first
argument (Pulumi's plugin protocol), and takes log requests there: `pulumirpc.Engine/Log`.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

TIMEOUT_S = 5.0
QUIET_S = 2.0
"""A wait is told of when it lasts this long."""
EVERY_S = 10.0


@functools.cache
def warn_once(message: str) -> None:
    """Tells the engine a warning, once a process: `diff` is asked more than once in a preview."""
    _log(engine_pb2.WARNING, message)


class Waiting:
    """A teller of what one piece of work waits for: after two seconds, then every ten. Times in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = clock() + QUIET_S

    def __call__(self, message: str, pause_s: float = 0.0) -> None:
        """Tells the engine, if it is time to, or will be in the pause that follows."""
        now = self._clock()
        if now + pause_s >= self._next:
            self._next = now + max(pause_s, EVERY_S)
            _log(engine_pb2.INFO, message)


def _log(severity: engine_pb2.LogSeverity.ValueType, message: str) -> None:
    request = engine_pb2.LogRequest(severity=severity, message=message)
    try:
        # the engine is on this machine, whatever proxy is set
        with grpc.insecure_channel(sys.argv[1], options=[("grpc.enable_http_proxy", 0)]) as channel:
            engine_pb2_grpc.EngineStub(channel).Log(request, timeout=TIMEOUT_S)
    except (IndexError, grpc.RpcError):
        # what a plugin prints is shown too, if less prominently
        level = engine_pb2.LogSeverity.Name(severity).lower()
        print(f"{level}: {message}", file=sys.stderr)
