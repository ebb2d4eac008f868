"""The end of a process that the engine started: with the engine, at once and silently."""

from __future__ import annotations

import gc
import os
import select
import signal
import stat
import threading
import traceback
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def leave_with_the_engine(before: Callable[[], None] | None = None) -> None:
    """Ends this process on the engine's interrupt, and when the engine is gone; `before` is called first.

    The engine interrupts a plugin that it needs no more and waits five seconds before it kills it. An
    engine that was killed itself says nothing, but it holds the other end of the plugin's standard input,
    which then ends.

    A thread waits for both. The system may hand a signal to any thread, and a main one that waits for a lock
    does not hear of it then; but the signal itself writes into a pipe.
    """
    told, telling = os.pipe()
    os.set_blocking(telling, False)
    signal.set_wakeup_fd(telling)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    heard = [told, 0] if stat.S_ISFIFO(os.fstat(0).st_mode) else [told]

    def watch() -> None:
        while told not in (ready := select.select(heard, [], [])[0]):
            if not os.read(ready[0], 4096):
                break
        if before is not None:
            before()
        # The plain exit would wait for the worker threads of a gRPC server.
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def load(work: Callable[[], Result]) -> Result:
    """Loads what a plugin serves, and says so where that fails: then the process ends.

    The collector of garbage rests meanwhile, and does not look at what was loaded afterwards: modules and
    classes stay to the end of the process.
    """
    gc.disable()
    try:
        result = work()
    except BaseException:
        # calls may wait for what does not come, in threads that the plain exit would wait for
        traceback.print_exc()
        os._exit(1)
    gc.freeze()
    gc.enable()
    return result
