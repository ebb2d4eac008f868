"""The end of a process that the engine started: with the engine, at once and silently."""

from __future__ import annotations

import os
import signal
import stat
import threading
from collections.abc import Callable


def leave_with_the_engine(before: Callable[[], None] | None = None) -> None:
    """Ends this process on the engine's interrupt, and when the engine is gone; `before` is called first.

    The engine interrupts a plugin that it needs no more and waits five seconds before it kills it. An
    engine that was killed itself says nothing, but it holds the other end of the plugin's standard input,
    which then ends.
    """

    def leave(*_: object) -> None:
        if before is not None:
            before()
        # The plain exit would wait for the worker threads of a gRPC server.
        os._exit(0)

    def watch() -> None:
        while os.read(0, 4096):
            pass
        leave()

    signal.signal(signal.SIGINT, leave)
    signal.signal(signal.SIGTERM, leave)
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        threading.Thread(target=watch, daemon=True).start()
